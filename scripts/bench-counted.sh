# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash
# Sourced instead of bench-guest.sh by benches that count with scripts/plugin/lines.c:
# what the plugin has to know of the guest's kernel, and the test of the plugin.

: "${series:?}" "${out:?}"
# shellcheck source=scripts/bench-guest.sh
. scripts/bench-guest.sh
turns=100

# The kernel's and the modules', whose place is the same in each boot.
symbols() {
	[ "$out/symbols" -nt "build/$series/lanes.ko" ] || {
		boot symbols 1 side=symbols
		mv "$out/symbols.lines" "$out/symbols"
	}
}

# offset STRUCT MEMBER: in the kernel's.
offset() {
	scripts/in-root pahole -C "$1" "/lib/modules/$release/build/vmlinux" |
		sed -nE "s,.*[ *]$2(\[[0-9]+\])?;.*/\* *([0-9]+) .*,\2,p" | head -n 1
}

# address SYMBOL
address() {
	awk -v name="$1" '$3 == name { print $1 }' "$out/symbols"
}

# Where the plugin finds the names of objects and tasks, as its arguments.
find_layout() {
	local name headers=$ROOT/usr/src/linux-headers-${release%-amd64}-common
	symbols
	layout=page_type=$(offset page page_type)
	layout+=,type_slab=$(sed -nE 's/^\s*PGTY_slab\s*= (0x[0-9a-f]+),/\1/p' \
		"$headers/include/linux/page-flags.h")
	layout+=,slab_cache=$(offset slab slab_cache),name=$(offset kmem_cache name)
	for name in _end pcpu_base_addr pcpu_unit_size; do
		layout+=,$name=0x$(address $name)
	done
	# Its first member.
	layout+=,current_task=0x$(address pcpu_hot),comm=$(offset task_struct comm)
}

# boot_counted NAME SEED VCPUS OPTION...: what was counted goes to NAME.counts.
boot_counted() {
	local name=$1 seed=$2 vcpus=$3
	shift 3
	emulator=(-icount "shift=0,sleep=off" -seed "$seed"
		-plugin "$BUILD/plugin/lines.so,out=$out/$name.counts,seed=$seed,$layout")
	rm -f "$out/$name.counts"
	boot "$name" "$vcpus" turns=$turns windows=20 "$@"
	check_ping_pong "$name"
	check_callers "$name"
}

# Of the undisturbed windows all is known: each side hands over as often.
check_ping_pong() {
	awk -v turns=$turns '
	$1 == "vcpu" && $4 && $4 == turns && $5 == turns && $6 == turns { sides++ }
	!NF { exact += sides == 2; sides = 0; windows++ }
	windows == 20 { exit }
	END { exit exact < 10 }' "$out/$1.counts" ||
		die "the plugin counts wrong: the windows of ping-pong in $out/$1.counts"
	[ "$(sed -n 1p "$out/$1.lines")" = "$(sed -n 1p "$out/symbols")" ] ||
		die "lanes.ko is not where $out/symbols has it, see $out/$1.lines"
}

# Nothing in the kernel runs that nothing called.
check_callers() {
	awk '
	$1 == "site" && $3 ~ /^ffff/ { all += $5; lost += $8 ? 0 : $5 }
	END { exit lost * 100 > all }' "$out/$1.counts" ||
		die "the plugin lost who called: sites that end in 0 in $out/$1.counts"
}
