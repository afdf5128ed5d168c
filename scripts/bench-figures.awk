# SPDX-License-Identifier: GPL-2.0-only
# awk -f bench-figures.awk -f TABLE JSON NAME...: tables of the boots NAME, and their
# rows as JSON; of each row the mean over seeds, and the range. A boot's results are in
# NAME.lines, what the plugin counted is in NAME.counts. TABLE has
#   read_boot(NAME)         adds its figures to rows by add_seed(), or add_window()
#   print_table(TABLE)
#   members(ROW)            of its object in the JSON, besides its figures
#   figures(ROW)            their names, with a space between

BEGIN {
	FS = "\t"
	json = ARGV[1]
	for (a = 2; a < ARGC; a++)
		read_boot(ARGV[a])
	for (t = 1; t <= ntables; t++)
		print_table(tables[t])
	write_json()
}

# read_windows(NAME, LABELS, CPUS): the boot's windows into label[], connections[]
# and local[], from 1, and insns[], dirty[] and upgrades[] of the first CPUS CPUs,
# 0 for all, in the same order. A line has LABELS labels. Returns how many there are.
function read_windows(name, labels, cpus, part, line, n, i, windows) {
	while ((getline line < (name ".lines")) > 0)
		if (split(line, part, "\t") == labels + 2 &&
		    sub(/^connections=/, "", part[labels + 1]) &&
		    sub(/^local=/, "", part[labels + 2])) {
			label[++n] = part[1]
			for (i = 2; i <= labels; i++)
				label[n] = label[n] "\t" part[i]
			connections[n] = part[labels + 1]
			local[n] = part[labels + 2]
		}
	windows = read_counts(name ".counts", cpus)
	if (!n || windows < n)
		fail(sprintf("%s: %d set-ups, %d windows", name, n, windows))
	# The first windows are the self-test's.
	for (i = 1; i <= n; i++) {
		insns[i] = all_insns[windows - n + i]
		dirty[i] = all_dirty[windows - n + i]
		upgrades[i] = all_upgrades[windows - n + i]
	}
	return n
}

function fail(text) {
	print "bench: " text > "/dev/stderr"
	exit 1
}

function read_counts(file, cpus, line, field, window) {
	split("", all_insns)
	split("", all_dirty)
	split("", all_upgrades)
	window = 1
	while ((getline line < file) > 0) {
		if (line == "")
			window++
		if (line !~ /^vcpu /)
			continue
		split(line, field, " ")
		if (cpus && field[2] >= cpus)
			continue
		all_insns[window] += field[3]
		all_dirty[window] += field[4] + field[5]
		all_upgrades[window] += field[6]
	}
	return window - 1
}

# add_seed(TABLE, ROW): that one more of the row's seeds follows.
function add_seed(table, row) {
	if (!(table in rows))
		tables[++ntables] = table
	if (!seeds[row]++)
		row_of[table, ++rows[table]] = row
}

# Of the seed that was added last.
function add(row, figure, value) {
	value += 0
	if (!((row, figure) in total) || value < least[row, figure])
		least[row, figure] = value
	if (!((row, figure) in total) || value > most[row, figure])
		most[row, figure] = value
	total[row, figure] += value
}

# add_window(TABLE, ROW, I): window I as the row's next seed.
function add_window(table, row, i) {
	add_seed(table, row)
	add(row, "instructions", insns[i] / connections[i])
	add(row, "dirty_transfers", dirty[i] / connections[i])
	add(row, "upgrades", upgrades[i] / connections[i])
	add(row, "local_share", local[i])
}

function window_figures() {
	return "instructions dirty_transfers upgrades local_share"
}

function mean(row, figure) {
	return total[row, figure] / seeds[row]
}

function spread(row, figure) {
	return mean(row, figure) ? 50 * (most[row, figure] - least[row, figure]) / mean(row, figure) : 0
}

function write_json(t, i, f, n, row, name, separator) {
	separator = "[\n"
	for (t = 1; t <= ntables; t++)
		for (i = 1; i <= rows[tables[t]]; i++) {
			row = row_of[tables[t], i]
			printf("%s{%s", separator, members(row)) > json
			n = split(figures(row), name, " ")
			for (f = 1; f <= n; f++)
				printf(", \"%s\": %.7g, \"%s_range\": [%.7g, %.7g]", name[f],
					mean(row, name[f]), name[f], least[row, name[f]],
					most[row, name[f]]) > json
			printf("}") > json
			separator = ",\n"
		}
	printf("\n]\n") > json
}
