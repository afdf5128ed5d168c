#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# What the tools show on a terminal while a worker does not get on, and that the
# cause is on the screen.
#
#	clients 0 1 2 3 ------ lo ------ nginx: workers 0 1 2 3, each on its CPU;
#	                                 that of CPU 2 is stopped
#	tmux: a shell: lanetop, laneflow, lanelat, lanefair
#
# LANES_SCREENS=DIR keeps what the terminal showed as DIR/NAME.txt, for the documents.
# shellcheck disable=SC2317 # run_cases calls what $cases names
set -euo pipefail
# shellcheck source=selftests/lib.sh
. "$(dirname "$0")/lib.sh"
enter_netns "$@"

cases=(
	screens__lanetop_of_a_stock_listener_shows_who_accepts_nothing
	screens__lanetop_shows_the_lane_nobody_comes_to
	screens__laneflow_says_why
	screens__lanelat_shows_the_waits
	screens__lanefair_lists_who_starves
)
columns=120
rows=40
worker=
entered=

tmux() { command tmux -L "lanes$$" -f /dev/null "$@"; }

finish() {
	tmux kill-server 2>/dev/null || true
	[[ -z $worker ]] || kill -CONT "$worker" 2>/dev/null || true
	stop_servers
}

# on CPU COMMAND...: in the background, bound to CPU.
on() {
	local cpu=$1
	shift
	(
		taskset -cp "$cpu" "$BASHPID" >/dev/null
		"$@"
	) 2>/dev/null &
	servers+=($!)
}

# A connection for each request.
visitor() {
	local idle line server
	# A nap without a process of its own.
	exec {idle}<> <(:)
	while :; do
		exec {server}<>/dev/tcp/127.0.0.1/8080
		printf 'GET / HTTP/1.0\r\n\r\n' >&"$server"
		while read -rt 5 -u "$server" line && [[ $line != lanes ]]; do :; done
		exec {server}>&-
		read -rt 0.04 -u "$idle" || true
	done
}

# regular NUMBER: all requests on one connection.
regular() {
	local server
	exec {server}<>/dev/tcp/127.0.0.1/8080
	while :; do
		printf 'GET / HTTP/1.1\r\nHost: lanes\r\n\r\n' >&"$server"
		while read -rt 0.5 -u "$server"; do echo >"$dir/served$1"; done
	done
}

regulars_are() { (($(find "$dir" -name 'served*' | wc -l) == $1)); }

worker_of() {
	local pid
	for pid in $(pgrep -P "$server"); do
		[[ $(taskset -cp "$pid") != *": $1" ]] || echo "$pid"
	done
}

# Of each lane an acceptor is known, and takes from it.
all_local() {
	awk 'NR > 1 && !($5 && $6) { bad = 1 } END { exit bad || NR < 2 }' /proc/net/lanes
}

# show attached|stock: the whole scene, up to a shell on a terminal.
show() {
	local cpu i
	need nginx tmux taskset pgrep
	[[ -r /sys/kernel/btf/vmlinux ]] || skip "this kernel has no BTF"
	(($(nproc) == 4)) || skip "the scene has 4 CPUs"
	if [[ $1 == attached ]] && plain; then skip "there are no lanes without the module"; fi
	mkdir -p "$dir"
	rm -f "$dir"/served*
	trap finish EXIT
	start_nginx
	if [[ $1 == attached ]]; then
		"$LANES_BIN/lanectl" attach --pid "$server" --port 8080 >/dev/null
		# Its new workers arm their polls after the attach, so they claim lanes.
		kill -HUP "$server"
	fi
	for cpu in 0 1 2 3; do
		on "$cpu" visitor
	done
	[[ $1 == stock ]] || within 60 all_local || fail "$(cat /proc/net/lanes)"
	# Each could be spilled.
	for i in 1 2 3 4; do on 2 regular "$i"; done
	within 60 regulars_are 4 || fail "not all clients are served"
	worker=$(worker_of 2)
	[[ $worker ]] || fail "no worker is bound to CPU 2"
	kill -STOP "$worker"
	# The server of tmux changes both.
	tmux new-session -d -x "$columns" -y "$rows" \
		"PS1='# ' PATH=$LANES_BIN:\$PATH exec bash --norc --noprofile -i"
	within 20 screen prompt '^#' || fail "no shell: $(cat "$dir/prompt.txt")"
	tmux clear-history
}

enter() {
	entered=$EPOCHREALTIME
	tmux send-keys -l "$1"
	tmux send-keys Enter
}

# screen NAME REGEX...: each is on it.
screen() {
	local name=$1 regex
	shift
	# Without what is blank to the right and below.
	tmux capture-pane -p | sed 's/ *$//' |
		sed -e :a -e '/^\n*$/{$d;N;ba' -e '}' >"$dir/$name.txt"
	for regex in "$@"; do
		grep -qE -- "$regex" "$dir/$name.txt" || return
	done
}

# shows NAME REGEX...: in the end.
shows() {
	within 60 screen "$@" || {
		sed 's/^/# /' "$dir/$1.txt"
		fail "not all of this is on the screen: ${*:2}"
	}
	diag "$1: after $(awk "BEGIN { print $EPOCHREALTIME - $entered }") s"
	[[ -z ${LANES_SCREENS:-} ]] || cp "$dir/$1.txt" "$LANES_SCREENS/"
}

screens__lanetop_of_a_stock_listener_shows_who_accepts_nothing() {
	show stock
	enter 'lanetop -p 8080'
	shows lanetop-stock '^127.0.0.1:8080 +2 +[1-9][0-9]* +0 ' \
		'^127.0.0.1:8080 +0 +[1-9][0-9]* +[1-9]'
}

screens__lanetop_shows_the_lane_nobody_comes_to() {
	show attached
	enter 'lanetop -p 8080'
	shows lanetop '^127.0.0.1:8080 +2 +[1-9][0-9]* +0 .* no ' \
		'^127.0.0.1:8080 +0 +[1-9][0-9]* +[1-9].* yes ' \
		'^127.0.0.1:8080 +1 .* yes ' '^127.0.0.1:8080 +3 .* yes '
}

screens__laneflow_says_why() {
	show attached
	enter "laneflow --why 8080 -d 2 | grep 'SYN on CPU 2' | tail -n 3"
	shows laneflow 'put into the global queue \(unclaimed\)' '^#$'
}

screens__lanelat_shows_the_waits() {
	show attached
	enter 'lanelat -p 8080 -b listener -d 4'
	shows lanelat 'accept wait: count [1-9]' 'SYN to first byte: count [1-9]' \
		'^#$'
}

screens__lanefair_lists_who_starves() {
	show attached
	enter 'lanefair -p 8080 -d 4'
	shows lanefair '^127.0.0.1:[0-9]+ > 127.0.0.1:8080 +2( +[0-9]+){2} +[1-9][0-9]* +[1-9][0-9.]* s$' \
		'^#$'
}

run_cases "$@"
