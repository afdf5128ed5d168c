# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash
# KTAP and servers for the tests that are scripts; sourced.
#
#	 curl, wrk, ... ----- lo (of a network namespace of its own) ----- server
#	                                                                     |
#	                             attach_pid: pidfd_getfd(2), TCP_ULP ----+
#
# A test names its cases in $cases and has a function for each; a case fails by
# returning non-zero, or by `fail`, and ends early by `skip`.

cases=()
servers=()
dir=$(mktemp -d)
bin=${LANES_BIN:?is set by selftests/run}/selftests
slow=${LANES_SLOW:-1}
port=0

# Sysctls, ports and TIME_WAIT sockets stay inside.
enter_netns() {
	if [[ -z ${LANES_IN_NETNS:-} ]]; then
		rm -rf "$dir"
		LANES_IN_NETNS=1 exec unshare --net "$0" "$@"
	fi
	ip link set lo up
}

diag() { echo "# $*"; }

fail() {
	diag "$*"
	exit 1
}

# is GOT WANTED WHAT
is() { [[ $1 == "$2" ]] || fail "$3: '$1', not '$2'"; }

skip() {
	echo "$*" >"$dir/skip"
	exit 4
}

need() {
	local tool
	for tool in "$@"; do
		command -v "$tool" >/dev/null || skip "$tool is not installed"
	done
}

plain() { [[ ${LANES_TEST_PLAIN:-0} -gt 0 ]]; }

attach() { plain || "$bin/attach_pid" attach "$1" "$2"; }

detach() { plain || "$bin/attach_pid" detach "$1" "$2"; }

references() { cat /sys/module/lanes/refcnt; }

# within SECONDS COMMAND...: until it works.
within() {
	local deadline=$((SECONDS + $1 * slow))
	shift
	until "$@" >/dev/null 2>&1; do
		((SECONDS < deadline)) || return 1
		sleep 0.1
	done
}

listening() { [[ -n $(ss -Hltn "sport = :$1") ]]; }

# start PORT COMMAND...: a server that listens there; its PID is $server.
start() {
	port=$1
	shift
	"$@" >"$dir/log" 2>&1 </dev/null &
	server=$!
	servers+=("$server")
	within 20 listening "$port" || {
		sed 's/^/# /' "$dir/log"
		fail "$1 does not listen on port $port"
	}
}

# nginx on port 8080, a worker bound to each CPU; it answers "lanes".
start_nginx() {
	need nginx curl
	mkdir -p "$dir/nginx"
	cat >"$dir/nginx.conf" <<-EOF
		daemon off;
		user root;
		pid $dir/nginx.pid;
		error_log stderr warn;
		worker_processes auto;
		worker_cpu_affinity auto;
		events { worker_connections 256; }
		http {
			access_log off;
			client_body_temp_path $dir/nginx;
			proxy_temp_path $dir/nginx;
			fastcgi_temp_path $dir/nginx;
			uwsgi_temp_path $dir/nginx;
			scgi_temp_path $dir/nginx;
			server { listen 127.0.0.1:8080; return 200 "lanes\n"; }
		}
	EOF
	start 8080 nginx -c "$dir/nginx.conf"
}

stop_servers() {
	local pid
	for pid in "${servers[@]}"; do
		kill "$pid" 2>/dev/null || continue
		wait "$pid" 2>/dev/null || true
	done
	servers=()
}

# run_cases [GLOB]: those whose names match.
run_cases() {
	local name number=0 failed=0 skipped=0 status
	local -a chosen=()
	for name in "${cases[@]}"; do
		# shellcheck disable=SC2053 # a pattern
		[[ $name != ${1:-*} ]] || chosen+=("$name")
	done
	((${#chosen[@]})) || fail "no case's name matches '$1'"
	cases=("${chosen[@]}")
	echo "KTAP version 1"
	echo "1..${#cases[@]}"
	for name in "${cases[@]}"; do
		number=$((number + 1)) status=0
		# `set -e` would be off inside a condition.
		set +e
		(
			set -e
			trap stop_servers EXIT
			"$name"
		)
		status=$?
		set -e
		case $status in
		0) echo "ok $number $name" ;;
		4) skipped=$((skipped + 1))
			echo "ok $number $name # SKIP $(cat "$dir/skip")" ;;
		*) failed=$((failed + 1))
			echo "not ok $number $name" ;;
		esac
	done
	rm -rf "$dir"
	((failed)) && exit 1
	((skipped == ${#cases[@]})) && exit 4
	exit 0
}
