#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# A NIC whose receive queues interrupt CPUs that change while flows run, and have
# nothing to do with them: with steering on, all packets of a flow are processed
# by its owner and in their order; with it off, one in N is.
#
#	 netns client                                          netns server
#	 flows send --- eth1 --- scripts/vm-net --- eth0 --+--- flows serve
#	                                                   |
#	               interrupts of its 4 receive queues -+- CPUs at random
#
# shellcheck disable=SC2317 # run_cases calls what $cases names
set -euo pipefail
# shellcheck source=selftests/lib.sh
. "$(dirname "$0")/lib.sh"
# shellcheck source=selftests/flows.sh
. "$(dirname "$0")/flows.sh"

# The NICs belong to the first network namespace and return there.
need_nics() {
	modprobe -q virtio_net 2>/dev/null || true
	within 2 nics_there || skip "no eth0 and eth1: the host has no /dev/net/tun or no bridge"
}

nics_there() {
	nsenter --net=/proc/1/ns/net ip link show eth0 &&
		nsenter --net=/proc/1/ns/net ip link show eth1
}

# Of eth0's receive queues; to ask before it is in another namespace.
find_irqs() {
	local device
	device=$(basename "$(readlink -f /sys/class/net/eth0/device)")
	mapfile -t irqs < <(awk -v name="^$device-input" '$NF ~ name { print $1 + 0 }' \
		/proc/interrupts)
	((${#irqs[@]} > 1)) || fail "eth0 has ${#irqs[@]} receive queues"
}

steer__nic() {
	local family
	need_nics
	namespaces client server
	find_irqs
	nsenter --net=/proc/1/ns/net ip link set eth0 netns /run/netns/server
	nsenter --net=/proc/1/ns/net ip link set eth1 netns /run/netns/client
	end_addresses eth0 eth1
	for family in 4 6; do
		serve "$family"
		attach "$server" "$service"
		scattered "$family"
		plain || gathered "$family"
		stop_servers
	done
}

cases=(steer__nic)
enter_namespaces "$@"
run_cases "$@"
