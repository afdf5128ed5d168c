# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=dash
# Sourced by a bench's /init in the VM: what all begin with. The results go to the
# second serial port.
export PATH=/sbin:/bin
/bin/busybox mkdir -p /proc /sys /dev /run/netns /tmp
/bin/busybox mount -t proc proc /proc
/bin/busybox mount -t sysfs sys /sys
/bin/busybox mount -t devtmpfs dev /dev
/bin/busybox --install -s /bin
stty -F /dev/ttyS1 raw

# Busybox's shell would take its own.
ip() {
	/bin/ip "$@"
}

option() {
	sed -n "s/.*lanes\.$1=\([^ ]*\).*/\1/p" /proc/cmdline
}

# range FIRST COUNT: CPUs, as an argument.
range() {
	seq -s , "$1" $(($1 + $2 - 1))
}

load() {
	for module in /modules/*.ko; do
		insmod "$module" || return
	done
}
