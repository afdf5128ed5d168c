# SPDX-License-Identifier: GPL-2.0-only
# awk -f bench-figures.awk -f bench-growth-table.awk JSON NAME...: tables of
# bench-growth's boots and their rows as JSON. A boot's NAME ends in PART-N-SEED.

BEGIN {
	beside["established"] = "idle connections to the same port"
	beside["listeners"] = "listeners on other ports"
}

function read_boot(name, part, count, n, i) {
	count = split(name, part, "[-/]")
	if (part[count - 2] == "memory") {
		read_memory(name, part[count - 1])
		return
	}
	n = read_windows(name, 3, 0)
	for (i = 1; i <= n; i++)
		add_window(part[count - 2], part[count - 2] FS label[i], i)
}

# Lines are OBJECT, SETUP, bytes=N, then what these are made of.
function read_memory(name, cpus, line, part, n, i, row, pair, seen) {
	while ((getline line < (name ".lines")) > 0) {
		n = split(line, part, FS)
		if (n < 3 || part[3] !~ /^bytes=/)
			continue
		row = "memory" FS part[1] FS part[2] FS cpus
		add_seed("memory", row)
		seen++
		for (i = 3; i <= n; i++) {
			split(part[i], pair, "=")
			add(row, pair[1], pair[2])
			if (i > 3 && !((row, pair[1]) in made_of)) {
				made_of[row, pair[1]]
				names[row] = names[row] FS pair[1]
			}
		}
		bytes[part[1], part[2], cpus, seeds[row]] = substr(part[3], 7)
	}
	if (!seen)
		fail(name ".lines: no figures")
	add_differences(cpus)
}

# What an attach takes besides the stock listener, and of that a lane beyond the
# first: a module of one CPU has one. So of a boot of one CPU with the same seed.
function add_differences(cpus, row, seed, more, of_one) {
	seed = seeds["memory" FS "listener" FS "lanes" FS cpus]
	more = bytes["listener", "lanes", cpus, seed] - bytes["listener", "stock", cpus, seed]
	attach[cpus, seed] = more
	row = "memory" FS "listener" FS "attach" FS cpus
	add_seed("memory", row)
	add(row, "bytes", more)
	if (cpus == 1 || !((1, seed) in attach))
		return
	of_one = attach[1, seed]
	row = "memory" FS "lane" FS "lanes" FS cpus
	add_seed("memory", row)
	add(row, "bytes", (more - of_one) / (cpus - 1))
}

# The same set-up's row with the least N, from which it grows.
function base_of(row, part, other, i, candidate, best) {
	split(row, part, FS)
	best = row
	for (i = 1; i <= rows[part[1]]; i++) {
		candidate = row_of[part[1], i]
		split(candidate, other, FS)
		if (other[2] == part[2] && other[3] == part[3] && other[4] < part[4] + 0) {
			best = candidate
			part[4] = other[4]
		}
	}
	return best
}

function print_table(table) {
	if (table == "memory")
		print_memory()
	else
		print_counted(table)
}

function print_counted(table, i, part, row, base) {
	printf("%sbeside %s\n", printed++ ? "\n" : "", beside[table])
	printf("%-18s %-6s %7s %5s %12s %7s %7s %7s %7s %7s\n", "per connection", "others", "N",
		"seeds", "instructions", "+-", "more", "dirty", "+-", "more")
	for (i = 1; i <= rows[table]; i++) {
		row = row_of[table, i]
		base = base_of(row)
		split(row, part, FS)
		printf("%-18s %-6s %7d %5d %12.0f %6.2f%% %7.0f %7.1f %6.1f%% %7.1f\n", part[2],
			table == "established" ? "-" : part[3], part[4], seeds[row],
			mean(row, "instructions"), spread(row, "instructions"),
			mean(row, "instructions") - mean(base, "instructions"),
			mean(row, "dirty_transfers"), spread(row, "dirty_transfers"),
			mean(row, "dirty_transfers") - mean(base, "dirty_transfers"))
	}
}

# Parts that all boots of the row have, of a percent and more.
function parts_of(row, name, count, i, text) {
	count = split(substr(names[row], 2), name, FS)
	for (i = 1; i <= count; i++)
		if (mean(row, name[i]) >= mean(row, "bytes") / 100)
			text = text sprintf(" %s %.0f", name[i], mean(row, name[i]))
	return substr(text, 2)
}

function print_memory(i, row, part) {
	printf("%sbytes of the kernel's\n", printed++ ? "\n" : "")
	printf("%-12s %-7s %4s %4s %9s %7s  %s\n", "each", "set-up", "CPUs", "runs", "bytes", "+-",
		"of these")
	for (i = 1; i <= rows["memory"]; i++) {
		row = row_of["memory", i]
		split(row, part, FS)
		printf("%-12s %-7s %4d %4d %9.1f %6.2f%%  %s\n", part[2], part[3], part[4], seeds[row],
			mean(row, "bytes"), spread(row, "bytes"), parts_of(row))
	}
}

function how_of(object, setup) {
	if (setup == "attach")
		return "lanes less stock"
	if (object == "lane")
		return "attach less attach with 1 CPU, by the CPUs between"
	if (object == "listener")
		return "slab, percpu and vmalloc, of 1000 listeners"
	if (object == "connection")
		return "slab, percpu and vmalloc, of 10000 connections with both ends"
	return "growth of the table, by its entries"
}

function members(row, part) {
	split(row, part, FS)
	if (part[1] == "memory")
		return sprintf("\"part\": \"memory\", \"object\": \"%s\", \"setup\": \"%s\", " \
			"\"cpus\": %d, \"how\": \"%s\", \"seeds\": %d", part[2], part[3], part[4],
			how_of(part[2], part[3]), seeds[row])
	return sprintf("\"part\": \"%s\", \"setup\": \"%s\", \"others\": \"%s\", \"count\": %d, " \
		"\"cpus\": 4, \"seeds\": %d", part[1], part[2], part[3], part[4], seeds[row])
}

function figures(row) {
	return row ~ /^memory/ ? "bytes" : window_figures()
}
