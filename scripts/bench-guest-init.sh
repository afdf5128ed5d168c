# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=dash
# Sourced by the /init of a bench: all that it uses is in the initramfs,
# since a device of the host answers when it likes. Results go to the second
# serial port, a line for each window.
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
	# Where the symbols are that the host knows.
	sed 's/^/text=/' /sys/module/lanes/sections/.text
}

# lanes STEER CACHE_ENTRIES: the sysctls of the server; $in_server runs a command there.
lanes() {
	${in_server:-} sh -c "echo $1 > /proc/sys/net/lanes/steer
		echo $2 > /proc/sys/net/lanes/cache_entries"
}

# set_up SETUP: with -bare after the name, without steering and cache.
set_up() {
	case $1 in
	*-bare) lanes 0 0 ;;
	*) lanes 2 1024 ;;
	esac
}

# The last line of an /init, after its run().
main() {
	case $(option side) in
	symbols) (load && cat /proc/kallsyms && echo end) > /dev/ttyS1 ;;
	*) (load && run && echo end) > /dev/ttyS1 ;;
	esac
	poweroff -f
}
