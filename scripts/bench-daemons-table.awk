# SPDX-License-Identifier: GPL-2.0-only
# awk -f bench-figures.awk -f bench-daemons-table.awk JSON NAME...: tables of
# bench-daemons' boots and its rows as JSON. A boot's NAME ends in CPUS-SEED. Of each
# server there is a window with a request in each connection, and one with more.

function read_boot(name, part, count, cpus, n, i) {
	count = split(name, part, "[-/]")
	cpus = part[count - 1]
	n = read_windows(name, 2, 0)
	for (i = 1; i <= n; i++)
		add_window(cpus, cpus FS label[i], i)
}

# What one more request in a connection costs: rows come by pairs.
function further(cpus, i, figure, one, many, part, requests) {
	one = row_of[cpus, i]
	many = row_of[cpus, i + 1]
	split(one, part, FS)
	requests = -part[3]
	split(many, part, FS)
	requests += part[3]
	return (mean(many, figure) - mean(one, figure)) / requests
}

function print_table(cpus, i, part, row) {
	printf("%s%d CPUs, clients and servers on them\n", printed++ ? "\n" : "", cpus)
	printf("%-24s %12s %7s %8s %7s %7s %14s %8s\n", "", "connection", "+-", "dirty", "+-",
		"local", "more request", "dirty")
	for (i = 1; i <= rows[cpus]; i += 2) {
		row = row_of[cpus, i]
		split(row, part, FS)
		printf("%-24s %12.0f %6.2f%% %8.1f %6.1f%% %6.1f%% %14.0f %8.1f\n", part[2],
			mean(row, "instructions"), spread(row, "instructions"),
			mean(row, "dirty_transfers"), spread(row, "dirty_transfers"),
			100 * mean(row, "local_share"), further(cpus, i, "instructions"),
			further(cpus, i, "dirty_transfers"))
	}
}

function members(row, part, named) {
	split(row, part, FS)
	split(part[2], named, ":")
	return sprintf("\"protocol\": \"%s\", \"server\": \"%s\", \"requests\": %d, " \
		"\"cpus\": %d, \"seeds\": %d", named[1], named[2], part[3], part[1], seeds[row])
}

function figures(row) {
	return window_figures()
}
