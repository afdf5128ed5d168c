# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash
# shellcheck disable=SC2154 # bin, dir and servers are lib.sh's
# Flows from a client to an attached server, each in a network namespace of its
# own, and what became of them; sourced after lib.sh.
#
#	 netns client                       netns server
#	 flows send: another CPU ---------- flows serve: a worker bound to each CPU,
#	 for each message         a wire    attached from outside
#
# The wire is the test's: packets arrive on a random CPU, without RPS.

server4=10.0.0.1 server6=fd00::1
client4=10.0.0.2 client6=fd00::2
service=7000
cpus=$(nproc)
# The mark that 1/N leaves on fewer is too blurred.
messages=160

# Names of namespaces, too, end with the test, and packets with its processes.
enter_namespaces() {
	[[ -n ${LANES_IN_NETNS:-} ]] || {
		rm -rf "$dir"
		LANES_IN_NETNS=1 exec unshare --net --mount --propagation private "$0" "$@"
	}
	mkdir -p /run/netns
	mount -t tmpfs namespaces /run/netns
}

# address server|client FAMILY
address() {
	local name=$1$2
	echo "${!name}"
}

# inside NAMESPACE COMMAND...: without the mounts that `ip netns exec` makes.
inside() {
	local namespace=$1
	shift
	nsenter --net="/run/netns/$namespace" "$@"
}

# each FORMAT NAME...: ip commands, one for each NAME.
each() {
	# shellcheck disable=SC2059 # it is one
	printf "$@" | ip -batch -
}

remove_namespaces() {
	servers+=("${wires[@]}")
	stop_servers
	each 'netns del %s\n' "${present[@]}"
}

# namespaces NAME...: for this case.
namespaces() {
	present=("$@")
	trap remove_namespaces EXIT
	each 'netns add %s\n' "$@"
}

# need_module NAME...: loaded, built in, or the case is skipped.
need_module() {
	local module
	for module; do
		modprobe -q "$module" 2>/dev/null || [[ -d /sys/module/$module ]] ||
			skip "this kernel has no $module"
	done
}

# cable NAMESPACE DEVICE NAMESPACE DEVICE: a veth pair, down.
cable() {
	ip link add "$2" netns "$1" type veth peer name "$4" netns "$3"
}

# addresses NAMESPACE DEVICE IPV4 IPV6: valid at once; and the device is up.
addresses() {
	ip -n "$1" -batch - <<-EOF
		link set $2 up
		addr add $3/24 dev $2
		addr add $4/64 dev $2 nodad
	EOF
}

end_addresses() {
	addresses server "$1" "$server4" "$server6"
	addresses client "$2" "$client4" "$client6"
}

# ready FILE: does the tool that writes there say so? Without a subshell, which
# bash at times takes for the tool.
ready() {
	local word
	read -r word <"$1" && [[ $word == ready ]]
}

# tap_cable whole|cut: the tool wire; both ends are called "end".
tap_cable() {
	[[ -c /dev/net/tun ]] || need_module tun
	"$bin/wire" near far "$1" >"$dir/wire" 2>&1 </dev/null &
	wires+=($!)
	within 10 ready "$dir/wire" || fail "$(<"$dir/wire")"
	ip link set near netns client name end
	ip link set far netns server name end
}

# serve FAMILY [NAMESPACE]: its PID is $server.
serve() {
	: >"$dir/log"
	# A function in the background would be one more process.
	nsenter --net="/run/netns/${2:-server}" "$bin/flows" serve "$1" "$service" \
		>"$dir/log" 2>&1 </dev/null &
	server=$!
	servers+=("$server")
	within 20 ready "$dir/log" || fail "flows serve: $(<"$dir/log")"
}

# steer MODE [NAMESPACE]
steer() {
	plain || inside "${2:-server}" sysctl -qw "net.lanes.steer=$1"
}

# counters NAMESPACE: of the kernel and of the module, NAME VALUE lines.
counters() {
	# shellcheck disable=SC2016 # awk's
	inside "$1" awk '
		FILENAME !~ /(netstat|snmp)$/ { print $1, $2; next }
		$1 != last { last = $1; split($0, names); next }
		{ for (i = 2; i <= NF; i++) print substr($1, 1, length($1) - 1) names[i], $i }' \
		/proc/net/{netstat,snmp,snmp6} "$(plain && echo /dev/null || echo /proc/net/lanes_stat)"
}

declare -A grown=()
# Interrupts that get another CPU before each message.
irqs=()
wires=()
told='LanesSteer|TCPOFOQueue|ReasmOKs'

# send ADDRESS PORT CONNECTIONS MESSAGES BYTES: MESSAGES in all. Sets
# $samples and $local, and $grown: the counters that grew in $observed meanwhile.
observed=server
send() {
	local result before name value
	before=$(counters $observed)
	result=$(inside client "$bin/flows" send "$1" "$2" "$3" $(($4 / $3)) "$5" "${irqs[@]}" 2>&1) ||
		fail "$result"
	read -r _ samples _ local _ corrupt <<<"$result"
	grown=()
	result="to $1: $4 messages of $5 bytes: $local of $samples samples on the worker's CPU"
	while read -r name value; do
		grown[$name]=$value
		[[ ! $name =~ $told ]] || result+=", ${name#Lanes} $value"
	done < <(awk 'NR == FNR { before[$1] = $2; next }
		$2 > before[$1] { print $1, $2 - before[$1] }' \
		<(echo "$before") <(counters $observed))
	diag "$result"
	((corrupt == 0)) || fail "$corrupt of $4 messages arrived corrupt"
}

# grew NAME: by how much, in the last send.
grew() { echo "${grown[$1]:-0}"; }

# scattered FAMILY: without steering one in N is processed by its worker's CPU,
# within a factor of three and of two.
scattered() {
	steer 0
	send "$(address server "$1")" "$service" 4 "$messages" 64
	(($(grew LanesSteerHandedOver) == 0)) || fail "handed over with steering off"
	((local * cpus <= 2 * samples && local * cpus * 3 >= samples)) ||
		fail "$local of $samples on the worker's CPU, not about 1/$cpus"
}

# gathered FAMILY: with steering all are, in their order, small ones and trains.
gathered() {
	local train try
	steer 2
	for train in "4 100 64" "2 8 100000"; do
		# A wire of two CPUs can reorder a train before anybody sees it,
		# when ksoftirqd is late on one of them: so not each time.
		for try in 1 2 3; do
			# shellcheck disable=SC2086 # three words
			send "$(address server "$1")" "$service" $train
			((local == samples)) ||
				fail "$((samples - local)) of $samples saw another CPU than the worker's"
			(($(grew TcpExtTCPOFOQueue) > 0)) || break
		done
		(($(grew TcpExtTCPOFOQueue) == 0)) || fail "reordered $try times"
		(($(grew LanesSteerDropped) == 0)) || fail "dropped"
		(($(grew LanesSteerHandedOver) > 0)) || fail "nothing was handed over"
	done
}
