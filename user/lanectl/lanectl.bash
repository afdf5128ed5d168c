# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash
# bash completion of lanectl; source it, or install it as
# /usr/share/bash-completion/completions/lanectl

_lanectl_pids() {
	local path
	for path in /proc/[0-9]*; do
		echo "${path##*/}"
	done
}

# Ports of what is attached; bash would break an address at its colons.
_lanectl_ports() {
	lanectl listener 2>/dev/null | awk 'NR > 1 { sub(/.*:/, "", $1); print $1 }'
}

_lanectl() {
	local current=${COMP_WORDS[COMP_CWORD]} previous=${COMP_WORDS[COMP_CWORD - 1]}
	local options='--json --pretty --help' object='' command='' words='' i
	COMPREPLY=()
	for ((i = 1; i < COMP_CWORD; i++)); do
		case ${COMP_WORDS[i]} in
		--) return ;;
		-*) ;;
		*)
			if [[ -z $object ]]; then
				object=${COMP_WORDS[i]}
			elif [[ -z $command ]]; then
				command=${COMP_WORDS[i]}
			fi ;;
		esac
	done
	case $object/$previous in
	*/--pid) words=$(_lanectl_pids) ;;
	*/--port) return ;;
	*/--textfile | */--output)
		mapfile -t COMPREPLY < <(compgen -f -- "$current")
		return ;;
	/*) words="listener attach detach stats run metrics check debug $options --version" ;;
	listener/*)
		case $command in
		'') words="list show $options" ;;
		show) words=$(_lanectl_ports) ;;
		esac ;;
	attach/* | detach/*) words="--pid --port $options" ;;
	stats/*) words="--absolute --zeros $options" ;;
	run/*) words=-- ;;
	metrics/*) words='--textfile --help' ;;
	check/*) words=$options ;;
	debug/*) words='--output --help' ;;
	esac
	mapfile -t COMPREPLY < <(compgen -W "$words" -- "$current")
}

complete -F _lanectl lanectl
