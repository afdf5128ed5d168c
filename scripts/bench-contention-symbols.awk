# SPDX-License-Identifier: GPL-2.0-only
# What scripts share that read the addresses in bench-contention's boots: names of
# code and of objects, from the symbols that its first boot printed.

# Hexadecimal numbers of 16 digits sort as text; awk's own are too short.
function read_symbols(file, line, field) {
	while ((getline line < file) > 0)
		if (split(line, field, " ") >= 3 && length(field[1]) == 16)
			names[++nsymbols] = field[1] " " field[3] \
				(field[4] ? " " field[4] : "")
	close(file)
	sort_names(1, nsymbols)
}

function sort_names(left, right, i, last, swap) {
	if (left >= right)
		return
	i = int((left + right) / 2)
	swap = names[left]; names[left] = names[i]; names[i] = swap
	last = left
	for (i = left + 1; i <= right; i++)
		if (names[i] < names[left]) {
			swap = names[++last]; names[last] = names[i]; names[i] = swap
		}
	swap = names[left]; names[left] = names[last]; names[last] = swap
	sort_names(left, last - 1)
	sort_names(last + 1, right)
}

# The last symbol that does not begin after the address.
function symbol_of(address, low, high, middle, key) {
	if (address in known)
		return known[address]
	key = substr("0000000000000000", length(address) + 1) address " ~"
	low = 0
	high = nsymbols
	while (low < high) {
		middle = int((low + high + 1) / 2)
		if (names[middle] < key)
			low = middle
		else
			high = middle - 1
	}
	return known[address] = low ? substr(names[low], 18) : "?"
}

function code_name(address) {
	return address ~ /^ffff/ ? symbol_of(address) : "user space"
}

function object_name(object, symbol) {
	if (object !~ /^[=%]/)
		return object == "-" ? "other pages" : object
	symbol = symbol_of(substr(object, 2))
	if (object ~ /^=/)
		return "static " symbol
	# What was allocated comes after those of modules, and has no name.
	return symbol ~ /^__per_cpu_end|\[/ ? "per-CPU, of a module or allocated" : "per-CPU " symbol
}
