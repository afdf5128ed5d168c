#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# The clients that people have, unchanged, against lanesd's services.
# shellcheck disable=SC2317 # run_cases calls what $cases names
set -euo pipefail
# shellcheck source=selftests/lib.sh
. "$(dirname "$0")/lib.sh"
enter_netns "$@"

lanesd=${LANES_BIN:?}/lanesd
engines=(uring uring-sqpoll uring-hybrid epoll)
requests=$((400 * ${LANES_SCALE:-100} / 100))
cases=()
for engine in "${engines[@]}"; do
	for part in redis_cli redis_benchmark values http_load files conformance figures; do
		name=lanesd_clients__${part}__${engine//-/_}
		cases+=("$name")
		# Each case has its engine in the name, so bash gets a function of it.
		eval "$name() { $part $engine; }"
	done
done

# serve ENGINE FLAG...: RESP on 6379, HTTP on 8080 with files of $dir/files.
serve() {
	local -a flags=(--engine "$@" --listen resp=127.0.0.1:6379
		--listen http=127.0.0.1:8080 --http-root "$dir/files")
	plain && flags+=(--no-lanes)
	mkdir -p "$dir/files"
	start 6379 "$lanesd" "${flags[@]}"
}

cli() { timeout $((20 * slow)) redis-cli -h 127.0.0.1 "$@" 2>&1; }

redis_cli() {
	need redis-cli
	serve "$1"
	is "$(cli ping)" PONG PING
	is "$(cli echo 'two words')" 'two words' ECHO
	is "$(cli set k v)" OK SET
	is "$(cli get k)" v GET
	# For a terminal, where nil is not the empty string.
	is "$(cli --no-raw set k w nx)" '(nil)' 'SET NX of a key that is there'
	is "$(cli --no-raw set new w xx)" '(nil)' 'SET XX of a key that is not'
	is "$(cli set t v px $((2000 * slow)))" OK 'SET PX'
	is "$(cli get t)" v 'GET in time'
	sleep $((2 * slow + 1))
	is "$(cli --no-raw get t)" '(nil)' 'GET after the time'
	is "$(cli --no-raw set empty '')" OK 'SET of nothing'
	is "$(cli --no-raw get empty)" '""' 'GET of nothing'
	is "$(cli mset a 1 b 2 c 3)" OK MSET
	is "$(cli mget a x c | paste -sd,)" 1,,3 MGET
	is "$(cli incr a)" 2 INCR
	is "$(cli incr k)" 'ERR value is not an integer or out of range' 'INCR of a word'
	is "$(cli exists a b x)" 2 EXISTS
	is "$(cli del a b x)" 2 DEL
	is "$(cli config get save | head -n 1)" save 'CONFIG GET'
	is "$(cli select 0)" OK SELECT
	[[ $(cli get) == "ERR wrong number of arguments for 'get' command" ]] ||
		fail "GET without a key: $(cli get)"
	[[ $(cli nonsense) == "ERR unknown command"* ]] || fail "$(cli nonsense)"
	[[ $(cli info server) == *redis_version* ]] || fail "INFO: $(cli info server)"
	# shellcheck disable=SC2016 # $4 is a length
	is "$(printf 'PING\r\nset in line\r\nget in\r\nquit\r\n' | talk 6379 | tr -d '\r' |
		paste -sd,)" '+PONG,+OK,$4,line,+OK' 'inline commands'
}

# sum NAME: of a metric over the shards.
sum() {
	curl -s --max-time $((5 * slow)) http://127.0.0.1:9100/metrics |
		awk -v name="$1" 'index($0, name "{") == 1 { n += $NF } END { print n + 0 }'
}

# What the kernel counts of the lanes is what lanesd has accepted.
figures() {
	local n
	need redis-cli curl
	serve "$1" --admin 127.0.0.1:9100
	for ((n = 0; n < 12; n++)); do
		taskset -c $((n % $(nproc))) redis-cli ping > /dev/null || fail "ping $n"
	done
	[[ $(sum lanesd_accepted_total) -ge 12 ]] || fail "$(sum lanesd_accepted_total) accepted"
	plain && return
	is "$(sum lanesd_lane_accepts_total)" "$(sum lanesd_accepted_total)" 'accepts of lanes'
	is "$(sum lanesd_lane_wait_seconds_count)" "$(sum lanesd_accepted_total)" 'waits'
	awk -v sum="$(sum lanesd_lane_wait_seconds_sum)" 'BEGIN { exit !(sum > 0) }' ||
		fail 'nobody waited'
}

# talk PORT: sends what comes, prints what comes back until the end.
talk() {
	timeout $((20 * slow)) bash -c \
		"exec 3<>/dev/tcp/127.0.0.1/$1; cat >&3; cat <&3"
}

redis_benchmark() {
	local pipeline
	need redis-benchmark
	serve "$1"
	for pipeline in 1 16 256 384; do
		timeout $((60 * slow)) redis-benchmark -h 127.0.0.1 -c 10 -P "$pipeline" \
			-n $((requests * (pipeline > 16 ? 4 : 1))) -q --csv \
			-t ping_inline,ping_mbulk,set,get,incr,mset \
			</dev/null >"$dir/bench" 2>&1 || {
			sed 's/^/# /' "$dir/bench"
			fail "redis-benchmark -P $pipeline"
		}
		# A line for each of the six, and the heading.
		is "$(grep -c '^"' "$dir/bench")" 7 "results at -P $pipeline"
		! grep -iE 'error|protocol' "$dir/bench" || fail "at -P $pipeline"
	done
}

cpu_ticks() { awk '{ print $14 + $15 }' "/proc/$server/stat"; }

# Large values and sizes at the edges of buffers, then rest.
values() {
	local size before after
	need redis-cli
	serve "$1"
	for size in 16383 16384 16385 20473 20474 20475 1048576 10000000; do
		head -c "$size" /dev/urandom >"$dir/value"
		is "$(cli -x set "k$size" <"$dir/value")" OK "SET of $size bytes"
		cli get "k$size" >"$dir/got"
		# redis-cli adds a newline.
		head -c "$size" "$dir/got" | cmp -s - "$dir/value" ||
			fail "GET of $size bytes differs"
	done
	sleep 1
	before=$(cpu_ticks)
	sleep 1
	after=$(cpu_ticks)
	((after - before <= 10 * slow)) || fail "$((after - before)) ticks of CPU a second when idle"
}

http_load() {
	need wrk h2load
	serve "$1"
	wrk -t 2 -c 16 -d 2s http://127.0.0.1:8080/plaintext >"$dir/wrk"
	grep -q 'requests in' "$dir/wrk" || fail "wrk: $(cat "$dir/wrk")"
	! grep -E 'Socket errors|Non-2xx' "$dir/wrk" || fail "wrk saw errors"
	h2load --h1 -n "$requests" -c 10 -m 8 http://127.0.0.1:8080/plaintext \
		</dev/null >"$dir/h2load" 2>&1
	grep -q "$requests succeeded, 0 failed, 0 errored" "$dir/h2load" ||
		fail "h2load: $(grep requests: "$dir/h2load")"
}

fetch() { curl -s --max-time $((20 * slow)) "$@"; }

files() {
	local url=http://127.0.0.1:8080
	need curl
	mkdir -p "$dir/files/sub"
	head -c 3000000 /dev/urandom >"$dir/files/large.bin"
	echo index >"$dir/files/sub/index.html"
	serve "$1"
	fetch "$url/large.bin" | cmp -s - "$dir/files/large.bin" || fail "large.bin differs"
	fetch -r 100-199 "$url/large.bin" |
		cmp -s - <(tail -c +101 "$dir/files/large.bin" | head -c 100) ||
		fail "a range differs"
	is "$(fetch "$url/sub/")" index 'index.html'
	is "$(fetch -o /dev/null -w '%{http_code}' "$url/none")" 404 'a missing file'
	is "$(fetch -o /dev/null -w '%{http_code}' --path-as-is "$url/../log")" 404 \
		'a path that leaves the root'
	# Two requests on one connection.
	is "$(fetch -w '%{num_connects} ' -o /dev/null "$url/sub/" -o /dev/null "$url/sub/")" \
		'1 0 ' keep-alive
	# SIGHUP: files are read again.
	echo changed >"$dir/files/sub/index.html"
	kill -HUP "$server"
	within 5 changed "$url/sub/" || fail "the file is not read again"
}

changed() { [[ $(fetch "$1") == changed ]]; }

conformance() {
	need curl
	serve "$1"
	is "$(printf 'GET /plaintext HTTP/1.1\r\nHost: a\r\n\r\nGET /plaintext HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n' |
		talk 8080 | grep -o 'HTTP/1.1 200' | wc -l)" 2 'pipelined requests'
	is "$(printf 'GET / HTTP/1.1\r\n\r\n' | talk 8080 | head -n 1 | tr -d '\r')" \
		'HTTP/1.1 400 Bad Request' 'no Host'
	is "$(printf 'BREW / HTTP/1.1\r\nHost: a\r\n\r\n' | talk 8080 | head -n 1 |
		cut -d ' ' -f 2)" 501 'an unknown method'
	is "$(printf 'G@T / HTTP/1.1\r\nHost: a\r\n\r\n' | talk 8080 | head -n 1 |
		cut -d ' ' -f 2)" 400 'no method'
	is "$(printf '*1\r\n$-5\r\n' | talk 6379 | tr -d '\r')" \
		'-ERR Protocol error: invalid bulk length' 'a negative length'
}

run_cases "$@"
