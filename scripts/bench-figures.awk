# SPDX-License-Identifier: GPL-2.0-only
# For tables of boots that were counted, as awk -f bench-figures.awk -f TABLE: of
# each row the mean over seeds, and the range. A boot's results are in NAME.lines,
# what the plugin counted is in NAME.counts.

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

# add_window(ROW, I): window I as the row's next seed.
function add_window(row, i) {
	seeds[row]++
	add(row, "instructions", insns[i] / connections[i])
	add(row, "dirty_transfers", dirty[i] / connections[i])
	add(row, "upgrades", upgrades[i] / connections[i])
	add(row, "local_share", local[i])
}

# Before it, the row has one more seed.
function add(row, figure, value) {
	total[row, figure] += value
	if (seeds[row] == 1 || value < least[row, figure])
		least[row, figure] = value
	if (seeds[row] == 1 || value > most[row, figure])
		most[row, figure] = value
}

function mean(row, figure) {
	return total[row, figure] / seeds[row]
}

function spread(row, figure) {
	return mean(row, figure) ? 50 * (most[row, figure] - least[row, figure]) / mean(row, figure) : 0
}

function write_figure(json, row, figure) {
	printf(", \"%s\": %.7g, \"%s_range\": [%.7g, %.7g]", figure, mean(row, figure), figure,
		least[row, figure], most[row, figure]) > json
}
