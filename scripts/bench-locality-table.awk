# SPDX-License-Identifier: GPL-2.0-only
# awk -f bench-figures.awk -f bench-locality-table.awk JSON FILE...: a table of
# bench-locality's lines and its rows as JSON. Shares are means over the repetitions.

BEGIN {
	FS = "\t"
	json = ARGV[1]
	for (a = 2; a < ARGC; a++)
		while ((getline line < ARGV[a]) > 0)
			add_line(line)
	if (!nrows)
		fail("no lines")
	print_table()
	write_json()
}

function add_line(line, part, n, i, pair, row, value) {
	n = split(line, part, FS)
	for (i = 5; i <= n; i++) {
		split(part[i], pair, "=")
		value[pair[1]] = pair[2]
	}
	row = part[1] FS part[2] FS part[3] FS part[4]
	# What laneflow has not seen is in no share.
	if (value["lost"] || value["syn_not_seen"] || value["accepted"] != value["connections"] ||
	    value["with_data"] != value["connections"])
		fail("laneflow missed some of: " line)
	if (!(row in seeds))
		row_of[++nrows] = row
	seeds[row]++
	total[row, "connections"] += value["connections"]
	add(row, "syn_accept", value["accepted_on_syn_cpu"] / value["accepted"])
	add(row, "accept_data", value["data_on_accept_cpu"] / value["with_data"])
	add(row, "all_three", value["all_on_one_cpu"] / value["with_data"])
	add(row, "request_local", value["local"])
}

function print_table(i, part, before) {
	printf("%-18s %5s %6s %-9s %11s %6s %6s %6s %6s %6s\n", "share of connections", "CPUs",
		"queues", "placement", "connections", "syn=", "accept", "all", "+-", "reads")
	printf("%-18s %5s %6s %-9s %11s %6s %6s %6s %6s %6s\n", "", "", "", "", "", "accept",
		"=data", "three", "", "local")
	for (i = 1; i <= nrows; i++) {
		split(row_of[i], part, FS)
		if (part[3] FS part[4] != before && i > 1)
			print ""
		before = part[3] FS part[4]
		printf("%-18s %5d %6d %-9s %11d %5.1f%% %5.1f%% %5.1f%% %5.1f%% %5.1f%%\n", part[1],
			part[2], part[3], part[4], total[row_of[i], "connections"],
			100 * mean(row_of[i], "syn_accept"), 100 * mean(row_of[i], "accept_data"),
			100 * mean(row_of[i], "all_three"),
			50 * (most[row_of[i], "all_three"] - least[row_of[i], "all_three"]),
			100 * mean(row_of[i], "request_local"))
	}
}

function write_json(i, part) {
	for (i = 1; i <= nrows; i++) {
		split(row_of[i], part, FS)
		printf("%s{\"setup\": \"%s\", \"cpus\": %d, \"queues\": %d, \"placement\": \"%s\"",
			i > 1 ? ",\n" : "[\n", part[1], part[2], part[3], part[4]) > json
		printf(", \"connections\": %d, \"repetitions\": %d", total[row_of[i], "connections"],
			seeds[row_of[i]]) > json
		write_figure(json, row_of[i], "syn_accept")
		write_figure(json, row_of[i], "accept_data")
		write_figure(json, row_of[i], "all_three")
		write_figure(json, row_of[i], "request_local")
		printf("}") > json
	}
	printf("\n]\n") > json
}
