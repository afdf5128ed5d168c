# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash
# Sourced by benches whose guest has all that it uses in memory, and nothing but two
# serial ports outside: a device of the host answers when it likes. Before that, the
# bench sets series, and out, the folder of its results.

release=$(series_release "${series:?}")
mkdir -p "${out:?}"

# What the guest has besides: programs of ours or the root's.
programs=()

# prepare_guest INIT MODULE...: programs, plugins, and an initramfs. MODULEs are paths
# below the kernel's folder.
prepare_guest() {
	local part
	for part in "build/$series/lanes.ko" build/bin/lanes-bench; do
		[ -e "$part" ] || die "$part is missing: run make ${0##*/}"
	done
	make_plugins
	scripts/in-root scripts/bench-initramfs "${programs[@]/#/-p}" "$series" "$out/initramfs" "$@"
}

# What the emulator is told besides.
emulator=()

# boot NAME VCPUS OPTION...: the guest's results go to NAME.lines. memory: 1G.
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
		-cpu qemu64,+rdrand,+rdseed,+fsgsbase -smp "$vcpus" -m "${memory:-1G}" \
		-rtc base=2026-01-01,clock=vm "${emulator[@]}" \
		-kernel "$ROOT/boot/vmlinuz-$release" -initrd "$out/initramfs" \
		-append "${options[*]}" \
		-chardev "file,id=console,path=$out/$name.console" -serial chardev:console \
		-chardev "file,id=lines,path=$out/$name.lines" -serial chardev:lines \
		< /dev/null || die "the VM failed, see $out/$name.console"
	grep -qx end "$out/$name.lines" ||
		die "the VM did not do its work, see $out/$name.console and $name.lines"
}

# with_seeds SEEDS NAME...: `measure NAME SEED` of each, in as many VMs at a time as
# the host has CPUs. Sets $names to what they have measured.
with_seeds() {
	local seeds=$1 one seed running=0
	shift
	names=()
	for one; do
		for ((seed = 1; seed <= seeds; seed++)); do
			if ((running == $(nproc))); then
				wait -n
				running=$((running - 1))
			fi
			measure "$one" "$seed" &
			running=$((running + 1))
			names+=("$out/$one-$seed")
		done
	done
	for (( ; running; running--)); do
		wait -n
	done
}
