#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# What steering leaves alone by rule, although the port is attached: it arrives as
# it was sent, and no packet of it is handed to another CPU.
#
#	 netns client              netns middle            netns server
#	 flows send ---+--- fragments -----------------+--- flows serve
#	               +--- IPsec ---------------------+
#	               +--- NAT in the server ---------+
#	               +--- VRF device of the server --+
#	               +--- a bridge with br_netfilter-+
#	               +--- bridge ---- or router -----+
#	                    that have an attached listener
#	                    on the same port
#
# shellcheck disable=SC2317 # run_cases calls what $cases names
set -euo pipefail
# shellcheck source=selftests/lib.sh
. "$(dirname "$0")/lib.sh"
# shellcheck source=selftests/flows.sh
. "$(dirname "$0")/flows.sh"
enter_namespaces "$@"

lay_veth() {
	namespaces client server
	cable client end server end
	end_addresses end end
}

start_attached() {
	serve "$1" "${2:-server}"
	attach "$server" "$service"
	steer 2 "${2:-server}"
}

# untouched [COUNTED]: of the last send no packet went to another CPU; COUNTED
# is the counter that tells why.
untouched() {
	local name
	plain && return
	for name in HandedOver Behind Drained Dropped; do
		(($(grew "LanesSteer$name") == 0)) || fail "LanesSteer$name grew"
	done
	[[ -z ${1:-} ]] || (($(grew "$1") > 0)) || fail "$1 did not grow"
}

# exchange ADDRESS PORT [COUNTED]
exchange() {
	send "$1" "$2" 4 40 64
	untouched "${3:-}"
	send "$1" "$2" 2 4 50000
	untouched "${3:-}"
}

# Small packets, which are whole, are steered.
left__fragments() {
	local family
	namespaces client server
	tap_cable cut
	end_addresses end end
	for family in 4 6; do
		start_attached "$family"
		send "$(address server "$family")" "$service" 2 16 20000
		(($(grew IpReasmOKs) + $(grew Ip6ReasmOKs) > 16)) ||
			fail "there were no fragments"
		stop_servers
	done
}

# protect NAMESPACE FAMILY MODE: both directions of the server and the client.
protect() {
	local here=$1 family=$2 mode=$3 ends from to direction
	local key=0x0102030405060708090a0b0c0d0e0f1011121314
	for ends in "server client" "client server"; do
		read -r from to <<<"$ends"
		direction=in
		[[ $from != "$here" ]] || direction=out
		from=$(address "$from" "$family") to=$(address "$to" "$family")
		cat <<-EOF
			xfrm state add src $from dst $to proto esp spi 0x1000 reqid 1 mode $mode aead rfc4106(gcm(aes)) $key 128
			xfrm policy add src $from dst $to dir $direction tmpl src $from dst $to proto esp reqid 1 mode $mode
		EOF
	done | ip -n "$here" -batch -
}

ipsec() {
	local family
	need_module xfrm_user esp4 esp6
	lay_veth
	for family in 4 6; do
		protect server "$family" "$1"
		protect client "$family" "$1"
		start_attached "$family"
		exchange "$(address server "$family")" "$service" LanesSteerLeft
		stop_servers
	done
	[[ $(inside server ip -s xfrm state) != *' 0(packets)'* ]] ||
		fail "IPsec carried nothing"
}
left__ipsec_transport() { ipsec transport; }
left__ipsec_tunnel() { ipsec tunnel; }

# lay_bridge NAMESPACE PORT...: whose frames netfilter sees as IP packets.
lay_bridge() {
	local where=$1
	shift
	need_module bridge br_netfilter
	{
		echo "link add bridge type bridge forward_delay 0 mcast_snooping 0"
		printf 'link set %s master bridge up\n' "$@"
		echo "link set bridge up"
	} | ip -n "$where" -batch -
	inside "$where" sysctl -qw net.bridge.bridge-nf-call-iptables=1 \
		net.bridge.bridge-nf-call-ip6tables=1
}

left__bridge_local() {
	local family
	namespaces client server
	cable client end server port
	lay_bridge server port
	end_addresses bridge end
	for family in 4 6; do
		start_attached "$family"
		exchange "$(address server "$family")" "$service" LanesSteerLeft
		stop_servers
	done
}

left__bridge_through() {
	local family
	namespaces client middle server
	cable client end middle port0
	cable server end middle port1
	lay_bridge middle port0 port1
	end_addresses end end
	addresses middle bridge 10.0.0.3 fd00::3
	observed=middle
	for family in 4 6; do
		start_attached "$family" middle
		serve "$family"
		exchange "$(address server "$family")" "$service" LanesSteerLeft
		stop_servers
	done
}

left__vrf() {
	local family
	need_module vrf
	lay_veth
	ip -n server -batch - <<-EOF
		link add red type vrf table 10
		link set red up
		link set end master red
		addr replace $server6/64 dev end nodad
	EOF
	inside server sysctl -qw net.ipv4.tcp_l3mdev_accept=1
	for family in 4 6; do
		start_attached "$family"
		exchange "$(address server "$family")" "$service" LanesSteerLeft
		stop_servers
	done
}

# To another port of an address, and to another address with the same port.
left__nat() {
	local family alias4=10.0.0.9 alias6=fd00::9
	need nft
	need_module nft_chain_nat nft_redir
	lay_veth
	inside server nft -f - <<-EOF
		table inet nat {
			chain prerouting {
				type nat hook prerouting priority dstnat;
				tcp dport 7001 redirect to :$service
				ip daddr $alias4 dnat ip to $server4
				ip6 daddr $alias6 dnat ip6 to $server6
			}
		}
	EOF
	ip -n client -batch - <<-EOF
		route add $alias4 via $server4
		route add $alias6 via $server6
	EOF
	for family in 4 6; do
		start_attached "$family"
		exchange "$(address server "$family")" 7001
		exchange "$(address alias "$family")" "$service"
		stop_servers
	done
}

# The router's own listener is steered all the same.
left__forwarded() {
	local family far4=10.0.1.1 far6=fd01::1
	namespaces client middle server
	cable client end middle left
	cable server end middle right
	addresses client end "$client4" "$client6"
	addresses middle left "$server4" "$server6"
	addresses middle right 10.0.1.2 fd01::2
	addresses server end "$far4" "$far6"
	inside middle sysctl -qw net.ipv4.ip_forward=1 net.ipv6.conf.all.forwarding=1
	ip -n client -batch - <<-EOF
		route add $far4 via $server4
		route add $far6 via $server6
	EOF
	ip -n server -batch - <<-EOF
		route add default via 10.0.1.2
		route add default via fd01::2
	EOF
	observed=middle
	for family in 4 6; do
		start_attached "$family" middle
		serve "$family"
		exchange "$(address far "$family")" "$service"
		send "$(address server "$family")" "$service" 4 40 64
		plain || ((local == samples && $(grew LanesSteerHandedOver) > 0)) ||
			fail "the router's own listener is not steered"
		stop_servers
	done
}

mapfile -t cases < <(compgen -A function left__)
run_cases "$@"
