#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# lanectl on servers that know nothing of it.
# shellcheck disable=SC2317 # run_cases calls what $cases names
set -euo pipefail
# shellcheck source=selftests/lib.sh
. "$(dirname "$0")/lib.sh"
enter_netns "$@"

lanectl=${LANES_BIN:?}/lanectl
requests=$((4000 * ${LANES_SCALE:-100} / 100))
export XDG_RUNTIME_DIR=$dir
cases=(
	lanectl__attach_and_detach_lose_no_request
	lanectl__nginx_is_attached_watched_and_detached_without_a_failed_request
	lanectl__nginx_is_followed_before_and_after_the_attach_without_a_failed_request
	lanectl__listener_is_listed_while_attached
	lanectl__show_accounts_for_each_accept
	lanectl__stats_are_since_the_last_run
	lanectl__another_users_process_is_refused
	lanectl__run_attaches_what_its_program_listens_on
	lanectl__run_attaches_what_a_daemon_listens_on
	lanectl__run_passes_signals_and_the_exit_status
	lanectl__metrics_have_each_lane_and_counter
	lanectl__check_is_content
	lanectl__debug_archives_what_its_manual_lists
	lanectl__debug_tells_no_secret
	lanectl__completion_knows_each_object
)

serve() {
	need redis-server redis-cli redis-benchmark
	plain && skip "there is nothing to control without the module"
	mkdir -p "$dir"
	start 6379 redis-server --port 6379 --bind 127.0.0.1 --save '' --dir "$dir"
}

connect() {
	local i
	for ((i = 0; i < $1; i++)); do
		is "$(timeout $((20 * slow)) redis-cli -h 127.0.0.1 ping)" PONG "connection $i"
	done
}

# The list without its heading.
listed() { "$lanectl" listener | tail -n +2; }

lanectl__attach_and_detach_lose_no_request() {
	local load changes=0
	serve
	# -k 0: a connection for each request.
	timeout $((100 * slow)) redis-benchmark -h 127.0.0.1 -k 0 -c 20 -n "$requests" -q \
		-t ping_mbulk </dev/null >"$dir/bench" 2>&1 &
	load=$!
	while kill -0 "$load" 2>/dev/null; do
		"$lanectl" attach --pid "$server" --port 6379 >"$dir/attach"
		grep -qx "127.0.0.1:6379, descriptor [0-9]* of process $server: attached" \
			"$dir/attach" || fail "attach said: $(cat "$dir/attach")"
		sleep 0.1
		"$lanectl" detach --pid "$server" >"$dir/detach"
		grep -q ": detached$" "$dir/detach" || fail "detach said: $(cat "$dir/detach")"
		changes=$((changes + 1))
	done
	wait "$load" || fail "redis-benchmark: $(cat "$dir/bench")"
	! grep -iE 'error|could not|refused' "$dir/bench" || fail "a request was lost"
	diag "$changes times attached and detached"
	((changes >= 3)) || fail "the load was over too soon"
}

# How many connections there were in this namespace.
served() { nstat -asz TcpPassiveOpens | awk '/^Tcp/ { print $2 }'; }

served_are() { (($(served) >= $1)); }

# What the table of CPUs says that they accepted.
watched() {
	"$lanectl" listener show 8080 >"$dir/show"
	(($(awk 'NR > 2 { n += $4 + $5 + $6 } END { print n }' "$dir/show") >= $1))
}

nginx_begins() {
	need wrk nstat
	plain && skip "there is nothing to control without the module"
	start_nginx
	# A connection for each request, until it is told to stop.
	wrk -t 2 -c 24 -d 600s -H 'Connection: close' --timeout $((20 * slow)) \
		http://127.0.0.1:8080/ >"$dir/wrk" 2>&1 &
	load=$!
	servers+=("$load")
	within 20 served_are 100 || fail "$(served) requests before the attach"
}

nginx_attach() {
	"$lanectl" attach --pid "$server" --port 8080 >"$dir/attach"
	grep -q ': attached$' "$dir/attach" || fail "attach said: $(cat "$dir/attach")"
}

nginx_detach() {
	"$lanectl" detach --pid "$server" --port 8080 >"$dir/detach"
	grep -q ': detached$' "$dir/detach" || fail "detach said: $(cat "$dir/detach")"
	is "$(listed)" '' 'after the detach'
}

nginx_lost_nothing() {
	kill -INT "$load"
	wait "$load" || true
	grep -q ' requests in ' "$dir/wrk" || fail "wrk: $(cat "$dir/wrk")"
	sed -n 's/^ *\([0-9]* requests in.*\)/# wrk: \1/p' "$dir/wrk"
	! grep -qE 'Socket errors|Non-2xx' "$dir/wrk" ||
		fail "failed requests: $(grep -E 'Socket errors|Non-2xx' "$dir/wrk")"
}

lanectl__nginx_is_attached_watched_and_detached_without_a_failed_request() {
	local load before
	nginx_begins
	for ((i = 0; i < 5; i++)); do
		nginx_attach
		within 20 watched 100 || fail "attached: $(cat "$dir/show")"
		nginx_detach
		before=$(served)
		within 20 served_are $((before + 100)) ||
			fail "$(($(served) - before)) requests after the detach"
	done
	sed 's/^/# /' "$dir/show"
	nginx_lost_nothing
}

# flow WHEN: laneflow counts some hundred connections: $flow_all were accepted,
# lanes.ko told of $flow_lanes of them.
flow() {
	local tool before
	"$LANES_BIN/laneflow" -j --port 8080 >"$dir/flow" 2>"$dir/flow.error" </dev/null &
	tool=$!
	servers+=("$tool")
	within 20 grep -q ': watching ' "$dir/flow.error" || fail "$1: $(cat "$dir/flow.error")"
	before=$(served)
	within 20 served_are $((before + 200)) || fail "$1: $(($(served) - before)) requests"
	kill -INT "$tool"
	wait "$tool" || fail "$1: laneflow: $(cat "$dir/flow.error")"
	diag "$1: $(sed 's/,"accept_cells.*//' "$dir/flow")"
	flow_all=$(sed 's/^{"accepted":\([0-9]*\),.*/\1/' "$dir/flow")
	flow_lanes=$(grep -oE '"accepted_(local|global|stolen)":[0-9]+' "$dir/flow" |
		awk -F: '{ n += $2 } END { print n }')
	((flow_all >= 100)) || fail "$1: laneflow saw $flow_all accepts"
}

lanectl__nginx_is_followed_before_and_after_the_attach_without_a_failed_request() {
	local load flow_all flow_lanes
	[[ -e /sys/kernel/btf/vmlinux ]] || skip 'this kernel has no BTF'
	nginx_begins
	flow 'before the attach'
	is "$flow_lanes" 0 'of these by lanes, before'
	nginx_attach
	flow 'attached'
	# Not all: it begins to see them a little later.
	((flow_lanes >= 100)) || fail "attached: $flow_lanes of $flow_all by lanes"
	nginx_detach
	flow 'after the detach'
	is "$flow_lanes" 0 'of these by lanes, after'
	nginx_lost_nothing
}

lanectl__listener_is_listed_while_attached() {
	serve
	is "$(listed)" '' 'before the attach'
	"$lanectl" attach --pid "$server" >/dev/null
	is "$("$lanectl" attach --pid "$server" | sed 's/.*: //')" 'already attached' 'twice'
	is "$(listed | awk '{ print $1, $NF }')" "127.0.0.1:6379 $server/redis-server" 'attached'
	[[ $("$lanectl" -j listener) == "[{\"address\":\"127.0.0.1:6379\","*"\"pid\":$server,"* ]] ||
		fail "JSON: $("$lanectl" -j listener)"
	"$lanectl" detach --pid "$server" >/dev/null
	is "$("$lanectl" detach --pid "$server" | sed 's/.*: //')" 'not attached' 'twice'
	is "$(listed)" '' 'after the detach'
	! "$lanectl" listener show 6379 2>"$dir/error" || fail "a stock listener is shown"
	grep -q "no attached listener '6379'" "$dir/error" || fail "$(cat "$dir/error")"
}

lanectl__show_accounts_for_each_accept() {
	local inode
	serve
	"$lanectl" attach --pid "$server" --port 6379 >/dev/null
	connect 7
	inode=$(listed | awk '{ print $2 }')
	for which in 6379 127.0.0.1:6379 "$inode"; do
		"$lanectl" listener show "$which" >"$dir/show"
		is "$(awk 'NR > 2 { n++ } END { print n }' "$dir/show")" "$(getconf _NPROCESSORS_CONF)" \
			"lines of CPUs of '$which'"
		is "$(awk 'NR > 2 { n += $4 + $5 + $6 } END { print n }' "$dir/show")" 7 \
			"accepts of '$which'"
	done
	# How long they had waited, in each of them.
	is "$("$lanectl" -p listener | tr -d '\n ' | sed 's/.*"wait_us":\[\([0-9,]*\)\].*/\1/' |
		tr , '\n' | awk '{ n += $1 } END { print n }')" 7 'wait_us'
}

# The sum of accepts in the output of stats.
accepts() { awk '/^LanesAccepted/ { n += $2 } END { print n + 0 }'; }

lanectl__stats_are_since_the_last_run() {
	serve
	"$lanectl" attach --pid "$server" >/dev/null
	connect 2
	"$lanectl" stats >/dev/null
	connect 5
	"$lanectl" stats -a >"$dir/absolute"
	"$lanectl" stats >"$dir/new"
	is "$(accepts <"$dir/new")" 5 'accepts since'
	[[ $(accepts <"$dir/absolute") -ge 7 ]] || fail "in all: $(cat "$dir/absolute")"
	is "$("$lanectl" stats | accepts)" 0 'accepts since nothing'
	is "$("$lanectl" stats -z | wc -l)" "$(wc -l </proc/net/lanes_stat)" 'all counters'
	is "$("$lanectl" -j stats)" '{}' 'nothing as JSON'
}

lanectl__another_users_process_is_refused() {
	need setpriv
	serve
	! setpriv --reuid 65534 --regid 65534 --clear-groups "$lanectl" attach --pid "$server" \
		2>"$dir/error" || fail 'nobody attached'
	grep -q 'EACCES.*CAP_SYS_PTRACE' "$dir/error" || fail "$(cat "$dir/error")"
	is "$(listed)" '' 'nobody tried'
}

attached() { [[ $(listed | grep -c "^$1 ") == 1 ]]; }

redis=(redis-server --bind 127.0.0.1 --save '' --port)

lanectl__run_attaches_what_its_program_listens_on() {
	need redis-server
	plain && skip "there is nothing to control without the module"
	# The second is not there when the first is found.
	start 6379 "$lanectl" run -- bash -c "trap 'kill \$(jobs -p); wait' TERM
		${redis[*]@Q} 6379 &
		sleep 2
		${redis[*]@Q} 6380 &
		wait"
	within 5 attached 127.0.0.1:6379 || fail "the first is not attached"
	within 10 attached 127.0.0.1:6380 || fail "the second is not attached"
	connect 3
}

lanectl__run_attaches_what_a_daemon_listens_on() {
	need redis-server
	plain && skip "there is nothing to control without the module"
	start 6379 "$lanectl" run -- sh -c \
		"sh -c \"${redis[*]@Q} 6379 &\"; exec sleep 100"
	within 5 attached 127.0.0.1:6379 || fail "not attached"
	redis-cli -h 127.0.0.1 shutdown nosave
}

status_of() {
	local status=0
	"$lanectl" run -- "$@" 2>"$dir/error" || status=$?
	echo "$status"
}

lanectl__run_passes_signals_and_the_exit_status() {
	local pid name status
	is "$(status_of sh -c 'exit 3')" 3 'exit 3'
	is "$(status_of sh -c 'kill -KILL $$')" 137 'killed'
	is "$(status_of /none/such)" 127 'no program'
	grep -q '/none/such: ENOENT' "$dir/error" || fail "$(cat "$dir/error")"
	is "$(status_of /etc/passwd)" 126 'not executable'
	for name in TERM HUP USR1; do
		rm -f "$dir/ready"
		"$lanectl" run -- bash -c "trap 'exit 42' $name; touch $dir/ready
			while :; do sleep 0.1; done" &
		pid=$!
		within 10 test -e "$dir/ready" || fail "$name: not started"
		kill -s "$name" "$pid"
		status=0
		wait "$pid" || status=$?
		is "$status" 42 "status after SIG$name"
	done
}

lanectl__metrics_have_each_lane_and_counter() {
	serve
	"$lanectl" attach --pid "$server" >/dev/null
	connect 4
	"$lanectl" metrics --textfile "$dir/lanes.prom"
	is "$(awk '/^lanes_listener_accepts_total.*127.0.0.1:6379/ { n += $2 } END { print n }' \
		"$dir/lanes.prom")" 4 accepts
	is "$(grep -c '^lanes_listener_queued{' "$dir/lanes.prom")" \
		"$(getconf _NPROCESSORS_CONF)" lanes
	is "$(grep -c '^lanes_[a-z_]*_total [0-9]' "$dir/lanes.prom")" \
		"$(wc -l </proc/net/lanes_stat)" counters
	"$lanectl" metrics >"$dir/metrics"
	grep -qx '# TYPE lanes_attached_total counter' "$dir/metrics" || fail 'no type'
}

lanectl__check_is_content() {
	plain && skip "there is nothing to check without the module"
	"$lanectl" check >"$dir/check" || fail "$(cat "$dir/check")"
	is "$(grep -cE '^(IPv4|IPv6|module|figures|sysctls) +ok ' "$dir/check")" 5 \
		"what is ok: $(cat "$dir/check")"
	is "$(listed)" '' 'what it attached'
}

# The first column of the table in the manual.
documented_files() {
	# shellcheck disable=SC2016 # backquotes of the manual
	sed -n 's/^``\([a-z_]*\)``  .*/\1/p' \
		"$(dirname "$0")/../Documentation/man/lanectl-debug.rst"
}

# archived FILE WANTED: a line of it.
archived() {
	grep -qF -- "$2" "$dir/lanes-debug/$1" || fail "no '$2' in $1: $(head "$dir/lanes-debug/$1")"
}

lanectl__debug_archives_what_its_manual_lists() {
	need tar readelf
	serve
	"$lanectl" attach --pid "$server" >/dev/null
	connect 3
	echo 'lanes: a line that the archive has' >/dev/kmsg
	(cd "$dir" && "$lanectl" debug >said)
	is "$(stat -c %a "$dir"/lanes-debug-*.tar)" 600 mode
	tar -C "$dir" -xf "$dir"/lanes-debug-*.tar
	is "$(cd "$dir/lanes-debug" && printf '%s\n' * | sort | xargs)" \
		"$(documented_files | sort | xargs)" files
	archived check "$(uname -r)"
	archived versions "$("$lanectl" --version)"
	archived versions "$(uname -srvm)"
	archived module "build-id=$(readelf -n "$LANES_KO" | awk '/Build ID/ { print $NF }')"
	archived sysctls "net/lanes/spill_ms=$(sysctl -n net.lanes.spill_ms)"
	archived sysctls "net/core/somaxconn=$(sysctl -n net.core.somaxconn)"
	is "$(cat "$dir/lanes-debug/lanes")" "$(cat /proc/net/lanes)" lanes
	is "$(wc -l <"$dir/lanes-debug/lanes_stat")" "$(wc -l </proc/net/lanes_stat)" lanes_stat
	archived listeners "$server/redis-server"
	archived ss tcp-ulp-lanes
	archived nstat TcpPassiveOpens
	archived dmesg 'lanes: a line that the archive has'
}

lanectl__debug_tells_no_secret() {
	local secret
	plain && skip "there is nothing to archive without the module"
	echo 'another line, which it has not' >/dev/kmsg
	echo 1f2e3d4c-11111111-22222222-33333333 >/proc/sys/net/ipv4/tcp_fastopen_key
	# shellcheck disable=SC2016 # expanded by the inner shell
	SECRET=of-the-environment unshare --uts sh -c \
		'echo name-of-the-machine >/proc/sys/kernel/hostname; exec "$@"' - \
		"$lanectl" debug --output "$dir/archive.tar" >/dev/null
	for secret in 'which it has not' 1f2e3d4c of-the-environment name-of-the-machine; do
		! grep -aq "$secret" "$dir/archive.tar" || fail "it tells '$secret'"
	done
	grep -aq spill_ms "$dir/archive.tar" || fail 'it tells nothing'
}

lanectl__completion_knows_each_object() {
	# shellcheck source=user/lanectl/lanectl.bash
	. "$(dirname "$0")/../user/lanectl/lanectl.bash"
	COMP_WORDS=(lanectl '')
	COMP_CWORD=1
	_lanectl
	is "$(printf '%s\n' "${COMPREPLY[@]}" | grep -v ^- | sort | xargs)" \
		"$("$lanectl" --help | awk '/^Subcommands:/ { on = 1 } on && /^  [a-z]/ { print $1 }' |
			sort | xargs)" objects
}

run_cases "$@"
