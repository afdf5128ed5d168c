# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash
# Sourced by scripts that run in the guest.

# The last references go a moment after the listener, io_uring's up to a second.
unload() {
	local tries=100
	while [ -d /sys/module/lanes ] && ! rmmod lanes 2> /dev/null; do
		if ! ((tries--)); then
			rmmod lanes
			return
		fi
		sleep 0.1
	done
}
