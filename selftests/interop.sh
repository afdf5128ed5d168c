#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# Unchanged servers with lanes attached from outside, while they run.
# shellcheck disable=SC2317 # run_cases calls what $cases names
set -euo pipefail
# shellcheck source=selftests/lib.sh
. "$(dirname "$0")/lib.sh"
enter_netns "$@"

cases=(interop__nginx interop__nginx_detach interop__haproxy interop__redis
	interop__memcached)
cpus=$(nproc)
requests=$((120 * ${LANES_SCALE:-100} / 100))
((requests >= cpus)) || requests=$cpus

# A connection per request: from every CPU, so for every lane.
get_all() {
	local url=$1 wanted=$2 got total=$((requests / cpus * cpus))
	for ((i = 0; i < requests / cpus; i++)); do
		echo "url = $url"
	done >"$dir/urls"
	got=$(for ((cpu = 0; cpu < cpus; cpu++)); do
		taskset -c "$cpu" curl -s --max-time $((20 * slow)) \
			-H 'Connection: close' --config "$dir/urls" &
	done; wait)
	[[ $(grep -c "^$wanted" <<<"$got") == "$total" ]] ||
		fail "$(grep -c "^$wanted" <<<"$got") of $total answers"
}

interop__nginx() {
	start_nginx
	attach "$server" 8080
	get_all http://127.0.0.1:8080/ lanes
	if command -v wrk >/dev/null; then
		wrk -t 2 -c 16 -d 2s -H 'Connection: close' \
			http://127.0.0.1:8080/ >"$dir/wrk"
		sed -n 's/^ *\([0-9]* requests in.*\)/# wrk: \1/p' "$dir/wrk"
		! grep 'Socket errors' "$dir/wrk" || fail "wrk saw errors"
	fi
	get_all http://127.0.0.1:8080/ lanes
}

interop__nginx_detach() {
	local loader
	start_nginx
	get_all http://127.0.0.1:8080/ lanes &
	loader=$!
	for ((i = 0; i < 5; i++)); do
		attach "$server" 8080
		sleep 0.1
		detach "$server" 8080
	done
	wait "$loader" || fail "a request failed"
	get_all http://127.0.0.1:8080/ lanes
	plain || within 5 test "$(references)" = 0 ||
		fail "module reference count $(references)"
}

interop__haproxy() {
	need haproxy curl
	cat >"$dir/haproxy.cfg" <<-EOF
		global
			nbthread $cpus
			maxconn 256
		defaults
			mode http
			timeout client 20s
			timeout connect 20s
			timeout server 20s
		frontend lanes
			bind 127.0.0.1:8081
			http-request return status 200 content-type text/plain string "haproxy\n"
	EOF
	start 8081 haproxy -db -f "$dir/haproxy.cfg"
	attach "$server" 8081
	get_all http://127.0.0.1:8081/ haproxy
}

interop__redis() {
	need redis-server redis-benchmark
	start 6379 redis-server --port 6379 --bind 127.0.0.1 --save '' \
		--protected-mode no --dir "$dir"
	attach "$server" 6379
	# -k 0: a connection per request.
	redis-benchmark -h 127.0.0.1 -p 6379 -n "$requests" -c 10 -k 0 -t set,get \
		-q </dev/null | tr '\r' '\n' | sed -n 's/\(.*requests per second.*\)/# \1/p'
	[[ $(redis-cli -h 127.0.0.1 ping) == PONG ]] || fail "redis-cli: no PONG"
}

interop__memcached() {
	local answer
	need memcached
	start 11211 memcached -u root -l 127.0.0.1 -p 11211 -U 0 -t "$cpus"
	attach "$server" 11211
	for ((i = 0; i < 20; i++)); do
		answer=$(printf 'version\r\nquit\r\n' |
			timeout $((20 * slow)) bash -c \
				'exec 3<>/dev/tcp/127.0.0.1/11211; cat >&3; cat <&3')
		[[ $answer == VERSION* ]] || fail "memcached: '$answer'"
	done
}

run_cases "$@"
