# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash
# Sourced by every script here: where things are, and how to stop.

LANES_TREE=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd -P)
LANES_CACHE=${LANES_CACHE:-${HOME:-/root}/.cache/lanes}
BUILD=$LANES_TREE/build
# Only the root's definition counts, and no comment: a new root takes minutes.
ROOT_KEY=$(cd "$LANES_TREE/scripts" && sed -s '/^[[:space:]]*#/d' root KERNELS PACKAGES |
	sha256sum | cut -c1-12)
ROOT=$LANES_CACHE/root-$ROOT_KEY
export LANES_TREE LANES_CACHE BUILD ROOT

die() {
	printf '%s: %s\n' "${0##*/}" "$*" >&2
	exit 1
}

note() {
	printf '%s: %s\n' "${0##*/}" "$*" >&2
}

need_root_user() {
	[ "$(id -u)" = 0 ] ||
		die "must run as root (mounts and chroot need it): run it again with sudo"
}

# The series of KERNELS, in order.
series_list() {
	awk '!/^#/ && NF == 2 { print $1 }' "$LANES_TREE/scripts/KERNELS"
}

# uname -r of a Debian series in the root.
series_release() {
	local release
	release=$(awk -v s="$1" '$1 == s { print $2 }' "$ROOT/etc/lanes-kernels")
	[ -n "$release" ] ||
		die "no kernel series '$1': scripts/KERNELS has $(series_list | xargs)"
	printf '%s\n' "$release"
}

# QEMU's plugins, into build/plugin.
make_plugins() {
	local headers
	headers=$("$LANES_TREE/scripts/plugin/header")
	"$LANES_TREE/scripts/in-root" make -s -f scripts/build.mk plugins PLUGIN_HEADERS="$headers"
}
