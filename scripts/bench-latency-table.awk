# SPDX-License-Identifier: GPL-2.0-only
# awk -f bench-figures.awk -f bench-latency-table.awk JSON NAME...: tables of
# bench-latency's boots and their rows as JSON. A boot's NAME ends in CPUS-SEED, its
# results are NAME.lines. A set-up without trouble ran more than once in each boot.

function read_boot(name, part, count, cpus, line, field, n, i, value, none, row, figure) {
	count = split(name, part, "[-/]")
	cpus = part[count - 1]
	while ((getline line < (name ".lines")) > 0) {
		n = split(line, field, FS)
		if (n < 3)
			continue
		split("", value)
		for (i = 3; i <= n; i++) {
			split(field[i], part, "=")
			value[part[1]] = part[2]
		}
		# Each trouble comes after the same set-up without any.
		if (field[2] == "none")
			none = value["accept_wait_p99_us"]
		else if (none > 0)
			value["accept_wait_p99_ratio"] = value["accept_wait_p99_us"] / none
		row = cpus FS field[1] FS field[2]
		add_seed(cpus, row)
		boots[row] += !((row, name) in seen)
		seen[row, name]
		for (figure in value)
			add(row, figure, value[figure])
	}
}

# Nothing if the row has no such figure.
function cell(row, figure, format) {
	return (row, figure) in total ? sprintf(format, mean(row, figure)) : ""
}

function print_table(cpus, i, row, part) {
	printf("%s%d CPUs, microseconds of the guest's clock, which counts instructions\n",
		printed++ ? "\n" : "", cpus)
	printf("%-16s %-8s %6s %6s %8s %8s %8s %8s %8s %8s %8s %8s\n", "", "", "", "", "accept",
		"", "", "request", "", "", "", "accept99")
	printf("%-16s %-8s %6s %6s %8s %8s %8s %8s %8s %8s %8s %8s\n", "set-up", "trouble",
		"failed", "lost", "p50", "p99", "p99.9", "p50", "p99", "p99.9", "spilled", "to none's")
	for (i = 1; i <= rows[cpus]; i++) {
		row = row_of[cpus, i]
		split(row, part, FS)
		printf("%-16s %-8s %6.1f %6.1f %8.0f %8.0f %8.0f %8.0f %8.0f %8.0f %8s %8s\n",
			part[2], part[3], mean(row, "failed"), mean(row, "unserved"),
			mean(row, "accept_wait_p50_us"), mean(row, "accept_wait_p99_us"),
			mean(row, "accept_wait_p999_us"), mean(row, "request_p50_us"),
			mean(row, "request_p99_us"), mean(row, "request_p999_us"),
			cell(row, "spilled", "%.0f"), cell(row, "accept_wait_p99_ratio", "%.2f"))
	}
	for (i = 1; i <= rows[cpus]; i++)
		print_goal(row_of[cpus, i])
}

function print_goal(row, part) {
	split(row, part, FS)
	if (part[2] ~ /^lanes-/ && part[3] == "stopped")
		printf("%s with a stopped worker: %.2f to %.2f times the p99 without, at most 2: %s\n",
			part[2], least[row, "accept_wait_p99_ratio"],
			most[row, "accept_wait_p99_ratio"],
			most[row, "accept_wait_p99_ratio"] <= 2 ? "yes" : "no")
}

function members(row, part) {
	split(row, part, FS)
	return sprintf("\"setup\": \"%s\", \"cpus\": %d, \"trouble\": \"%s\", \"seeds\": %d",
		part[2], part[1], part[3], boots[row])
}

# Those of lanes only a part of the rows has.
function figures(row, name, n, i, text) {
	n = split("connections failed unserved accept_wait_p50_us accept_wait_p99_us " \
		"accept_wait_p999_us request_p50_us request_p99_us request_p999_us " \
		"accept_wait_p99_ratio local global stolen spilled", name, " ")
	for (i = 1; i <= n; i++)
		if ((row, name[i]) in total)
			text = text " " name[i]
	return text
}
