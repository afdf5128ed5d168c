# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash
# Sourced by benches whose guest has all that it uses in memory, and nothing but two
# serial ports outside: a device of the host answers when it likes. Before that, the
# bench sets series, and out, the folder of its results.

release=$(series_release "${series:?}")
mkdir -p "${out:?}"

# Runs in the root: pack_guest INIT MODULE...: $out/initramfs. MODULEs are paths below
# the kernel's folder.
pack_guest() {
	local work library module init=$1
	shift
	work=$(mktemp -d)
	mkdir -p "$work"/{bin,modules}
	cp "$init" "$work/init"
	cp scripts/bench-guest-init.sh "$work/init.sh"
	cp /usr/bin/busybox build/bin/lanes-bench /usr/sbin/ip "$work/bin"
	while read -r library; do
		install -D "$library" "$work$library"
	done < <(ldd build/bin/lanes-bench /usr/sbin/ip | grep -oE '/[^ ]+ \(' | cut -d' ' -f1 |
		sort -u)
	for module; do
		xz -dc "/lib/modules/$release/kernel/$module.xz" > "$work/modules/${module##*/}"
	done
	cp "build/$series/lanes.ko" "$work/modules"
	# The guest shall not see when this was made.
	cd "$work" || return
	find . -exec touch -hd @0 {} +
	find . | sort | cpio -o -H newc --quiet --reproducible | gzip -1n > "$out/initramfs"
	rm -rf "$work"
}

# Before a boot: what is built for it, plugins too.
prepare_guest() {
	local part headers
	for part in "build/$series/lanes.ko" build/bin/lanes-bench; do
		[ -e "$part" ] || die "$part is missing: run make ${0##*/}"
	done
	headers=$(scripts/plugin/header)
	scripts/in-root make -s -f scripts/build.mk plugins PLUGIN_HEADERS="$headers"
	scripts/in-root "scripts/${0##*/}" --initramfs
}

# What the emulator is told besides.
emulator=()

# boot NAME VCPUS OPTION...: the guest's results go to NAME.lines.
boot() {
	local name=$1 vcpus=$2
	shift 2
	local -a options=(console=ttyS0 loglevel=5 panic=1 oops=panic mitigations=off nokaslr
		tsc=reliable no_timer_check nmi_watchdog=0 net.ifnames=0 cryptomgr.notests
		random.trust_cpu=1 slab_nomerge "${@/#/lanes.}")
	rm -f "$out/$name".{lines,console}
	timeout --foreground -k 5 "${LANES_VM_TIMEOUT:-1800}" scripts/in-root qemu-system-x86_64 \
		-no-user-config -nodefaults -display none -no-reboot \
		-machine pc,usb=off,vmport=off -accel tcg,thread=single \
		-cpu qemu64,+rdrand,+rdseed,+fsgsbase -smp "$vcpus" -m 1G \
		-rtc base=2026-01-01,clock=vm "${emulator[@]}" \
		-kernel "$ROOT/boot/vmlinuz-$release" -initrd "$out/initramfs" \
		-append "${options[*]}" \
		-chardev "file,id=console,path=$out/$name.console" -serial chardev:console \
		-chardev "file,id=lines,path=$out/$name.lines" -serial chardev:lines \
		< /dev/null || die "the VM failed, see $out/$name.console"
	grep -qx end "$out/$name.lines" ||
		die "the VM did not do its work, see $out/$name.console and $name.lines"
}

running=()

# start COMMAND...: in the background, when a CPU of the host is free.
start() {
	if [ ${#running[@]} = "$(nproc)" ]; then
		wait "${running[0]}"
		running=("${running[@]:1}")
	fi
	"$@" &
	running+=($!)
}

# finish: what was started.
finish() {
	local pid
	for pid in "${running[@]}"; do
		wait "$pid"
	done
}
