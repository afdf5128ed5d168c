# SPDX-License-Identifier: GPL-2.0-only
# awk -f bench-figures.awk -f bench-contention-table.awk JSON NAME...: a table of
# bench-contention's boots and its rows as JSON. A boot's NAME ends in
# SIDE-CPUS-SEED. Figures are per connection, means over the seeds.

# Of the server's side alone, only its CPUs.
function read_boot(name, part, count, table, n, i) {
	count = split(name, part, "[-/]")
	table = part[count - 2] FS part[count - 1]
	n = read_windows(name, 1, part[count - 2] == "server" ? part[count - 1] : 0)
	for (i = 1; i <= n; i++)
		add_window(table, table FS label[i], i)
}

function print_table(table, part, i, row) {
	split(table, part, FS)
	printf("%s%d CPUs, %s\n", printed++ ? "\n" : "", part[2],
		part[1] == "both" ? "both sides on them" : "the server's side alone, clients on as many others")
	printf("%-18s %12s %7s %8s %7s %8s %7s %7s\n", "per connection", "instructions", "+-",
		"dirty", "+-", "upgrades", "+-", "local")
	for (i = 1; i <= rows[table]; i++) {
		row = row_of[table, i]
		printf("%-18s %12.0f %6.2f%% %8.1f %6.1f%% %8.1f %6.1f%% %6.1f%%\n",
			substr(row, length(table) + 2),
			mean(row, "instructions"), spread(row, "instructions"),
			mean(row, "dirty_transfers"), spread(row, "dirty_transfers"),
			mean(row, "upgrades"), spread(row, "upgrades"),
			100 * mean(row, "local_share"))
	}
}

function members(row, part) {
	split(row, part, FS)
	return sprintf("\"setup\": \"%s\", \"cpus\": %d, \"side\": \"%s\", \"seeds\": %d",
		part[3], part[2], part[1], seeds[row])
}

function figures(row) {
	return window_figures()
}
