#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# Whatever wire a flow comes by, and on whatever CPU: with steering on, all its
# packets are processed by its owner and in their order; with it off, one in N is.
#
#	 netns client                                       netns server
#	 flows send ---+--- veth ------------------------+--- flows serve
#	               +--- VLAN 5 on veth --------------+
#	               +--- veth, frames joined by GRO --+
#	               +--- bridge's port ------ bridge -+
#	               +--- veth ------ macvlan on veth -+
#	               +--- veth ------- ipvlan on veth -+
#	               +--- tap --- wire: each frame ----+
#	                            from another CPU
#
# shellcheck disable=SC2317 # run_cases calls what $cases names
set -euo pipefail
# shellcheck source=selftests/lib.sh
. "$(dirname "$0")/lib.sh"
# shellcheck source=selftests/flows.sh
. "$(dirname "$0")/flows.sh"
enter_namespaces "$@"

lay_veth() {
	cable client end server end
	end_addresses end end
}

lay_vlan() {
	need_module 8021q
	local name
	cable client end server end
	for name in client server; do
		ip -n "$name" -batch - <<-EOF
			link set end up
			link add link end name end.5 type vlan id 5
		EOF
	done
	end_addresses end.5 end.5
}

# The client cuts to frames, the server joins them: super-packets by GRO.
lay_gro() {
	need ethtool
	lay_veth
	inside client ethtool -K end tso off
	inside server ethtool -K end gro on
}

lay_bridge() {
	need_module bridge
	cable client end server port
	ip -n server -batch - <<-EOF
		link add end type bridge forward_delay 0 mcast_snooping 0
		link set port master end up
	EOF
	# The module br_netfilter may be there: steer_left.sh looks at that.
	[[ ! -d /sys/module/br_netfilter ]] ||
		inside server sysctl -qw net.bridge.bridge-nf-call-iptables=0 \
			net.bridge.bridge-nf-call-ip6tables=0
	end_addresses end end
}

lay_macvlan() {
	need_module macvlan
	cable client end server lower
	ip -n server -batch - <<-EOF
		link set lower up
		link add end link lower type macvlan mode bridge
	EOF
	end_addresses end end
}

lay_ipvlan() {
	need_module ipvlan
	cable client end server lower
	ip -n server -batch - <<-EOF
		link set lower up
		link add end link lower type ipvlan mode l2
	EOF
	end_addresses end end
}

lay_tap() {
	tap_cable whole
	end_addresses end end
}

# along WIRE
along() {
	local family
	namespaces client server
	"lay_$1"
	for family in 4 6; do
		serve "$family"
		attach "$server" "$service"
		scattered "$family"
		plain || gathered "$family"
		[[ $1 != gro ]] || plain || joined
		stop_servers
	done
}

# 800 kB are 553 frames of 1448 bytes.
joined() {
	local packets
	packets=$(grew TcpInSegs)
	diag "the server's TCP got $packets packets"
	((packets > 0 && packets < 400)) || fail "GRO joined no frames"
}

steer__veth() { along veth; }
steer__vlan() { along vlan; }
steer__gro() { along gro; }
steer__bridge() { along bridge; }
steer__macvlan() { along macvlan; }
steer__ipvlan() { along ipvlan; }
steer__tap() { along tap; }

mapfile -t cases < <(compgen -A function steer__)
run_cases "$@"
