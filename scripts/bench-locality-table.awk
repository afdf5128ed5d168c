# SPDX-License-Identifier: GPL-2.0-only
# awk -f bench-figures.awk -f bench-locality-table.awk JSON FILE...: a table of
# bench-locality's lines and its rows as JSON. Shares are means over the repetitions.

function read_boot(file, line, seen) {
	while ((getline line < file) > 0) {
		add_line(line)
		seen++
	}
	if (!seen)
		fail(file ": no lines")
}

function add_line(line, part, n, i, pair, row, value) {
	n = split(line, part, FS)
	for (i = 5; i <= n; i++) {
		split(part[i], pair, "=")
		value[pair[1]] = pair[2]
	}
	# What laneflow has not seen is in no share.
	if (value["lost"] || value["syn_not_seen"] || value["accepted"] != value["connections"] ||
	    value["with_data"] != value["connections"])
		fail("laneflow missed some of: " line)
	row = part[1] FS part[2] FS part[3] FS part[4]
	add_seed(part[2] FS part[3] FS part[4], row)
	total[row, "connections"] += value["connections"]
	add(row, "syn_accept", value["accepted_on_syn_cpu"] / value["accepted"])
	add(row, "accept_data", value["data_on_accept_cpu"] / value["with_data"])
	add(row, "all_three", value["all_on_one_cpu"] / value["with_data"])
	add(row, "request_local", value["local"])
}

function print_table(table, i, part, row) {
	split(table, part, FS)
	printf("%s%d CPUs, %d queues, %s\n", printed++ ? "\n" : "", part[1], part[2], part[3])
	printf("%-18s %11s %6s %6s %6s %6s %6s\n", "share of connections", "connections",
		"syn=", "accept", "all", "+-", "reads")
	printf("%-18s %11s %6s %6s %6s %6s %6s\n", "", "", "accept", "=data", "three", "", "local")
	for (i = 1; i <= rows[table]; i++) {
		row = row_of[table, i]
		split(row, part, FS)
		printf("%-18s %11d %5.1f%% %5.1f%% %5.1f%% %5.1f%% %5.1f%%\n", part[1],
			total[row, "connections"], 100 * mean(row, "syn_accept"),
			100 * mean(row, "accept_data"), 100 * mean(row, "all_three"),
			50 * (most[row, "all_three"] - least[row, "all_three"]),
			100 * mean(row, "request_local"))
	}
}

function members(row, part) {
	split(row, part, FS)
	return sprintf("\"setup\": \"%s\", \"cpus\": %d, \"queues\": %d, \"placement\": \"%s\", " \
		"\"connections\": %d, \"repetitions\": %d", part[1], part[2], part[3], part[4],
		total[row, "connections"], seeds[row])
}

function figures(row) {
	return "syn_accept accept_data all_three request_local"
}
