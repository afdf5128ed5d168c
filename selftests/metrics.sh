#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# What dashboard and alerts ask for is there, by the same name, in what lanectl and
# lanesd tell. A query for anything else is no error: its panel stays empty, its
# alert silent.
# shellcheck disable=SC2317 # run_cases calls what $cases names
set -euo pipefail
# shellcheck source=selftests/lib.sh
. "$(dirname "$0")/lib.sh"
enter_netns "$@"

here=$(dirname "$0")/../user/metrics
cases=(
	metrics__dashboard_asks_for_what_there_is
	metrics__alerts_ask_for_what_there_is
	metrics__misspelled_name_is_found
)

# All that is told of a listener with lanes.
tell() {
	need curl
	plain && skip "nothing is told without the module"
	start 7000 "${LANES_BIN:?}/lanesd" --listen echo=127.0.0.1:7000 --admin 127.0.0.1:9100
	{
		"$LANES_BIN/lanectl" metrics
		curl -sSf --max-time $((20 * slow)) http://127.0.0.1:9100/metrics
	} >"$dir/told"
}

# Of PromQL, a line each: all names but those of functions, operators and labels.
names() {
	sed -E 's/"[^"]*"//g; s/\{[^}]*\}//g; s/\[[^]]*\]//g
		s/\b(by|without|on|ignoring) *\([^)]*\)//g
		s/[a-z_]+ *\(//g; s/\b(and|or|unless|bool)\b//g' |
		grep -oE '[a-zA-Z_:][a-zA-Z0-9_:]*' | sort -u
}

# Likewise the labels, in matchers and groups.
labels() {
	grep -oE '\{[^}]*\}|\b(by|without|on|ignoring) *\([^)]*\)' |
		sed -E 's/"[^"]*"//g; s/\b(by|without|on|ignoring)\b//' |
		grep -oE '[a-z_]+' | sort -u
}

# One is made by Prometheus, of the address that it asks.
told_labels() {
	echo instance
	grep -oE '[{,][a-z_]+="' "$dir/told" | tr -d '{,="' | sort -u
}

# not_told QUERIES: what they ask for and is not told.
not_told() {
	grep -vxFf <(sed -E 's/[{ ].*//' "$dir/told") <(names <"$1") || true
	grep -vxFf <(told_labels) <(labels <"$1") || true
}

check_queries() {
	local count=$1 missing
	(($(wc -l <"$dir/queries") >= count)) || fail "$(wc -l <"$dir/queries") queries"
	(($(names <"$dir/queries" | wc -l) >= count / 2)) || fail "few names"
	missing=$(not_told "$dir/queries" | xargs)
	[[ -z $missing ]] || fail "asked for, but not told: $missing"
}

# Queries of the panels, and of the variables what is in label_values().
metrics__dashboard_asks_for_what_there_is() {
	need perl
	tell
	perl -MJSON::PP -0777 -e '
		my $all = decode_json(<>);
		for my $target (map { @{$_->{targets}} } @{$all->{panels}}) {
			print "$target->{expr}\n";
			# What a legend shows is a label.
			print "by ($1)\n" while $target->{legendFormat} =~ /\{\{(\w+)\}\}/g;
		}
		for my $variable (grep { $_->{type} eq "query" } @{$all->{templating}{list}}) {
			$variable->{query}{query} =~ /^label_values\((\w+), (\w+)\)$/ or die;
			print "$1 by ($2)\n";
		}' "$here/dashboard.json" >"$dir/queries"
	check_queries 20
}

metrics__alerts_ask_for_what_there_is() {
	tell
	sed -n 's/^ *expr: //p' "$here/alerts.yml" >"$dir/queries"
	is "$(wc -l <"$dir/queries")" "$(grep -c '^ *- alert: ' "$here/alerts.yml")" queries
	check_queries 6
}

metrics__misspelled_name_is_found() {
	tell
	cat >"$dir/misspelled" <<-'EOF'
		sum by (cpu) (rate(lanes_listener_queued{cpu="x y"}[5m])) > 0.5 * (lane_a)
		lanes_b and on (label_c) histogram_quantile(0.9, lanes_d_bucket[$interval])
		lanes_listener_queued{label_e=~"lanes_x", cpu!="1"} or lanes_listener_queue
	EOF
	is "$(not_told "$dir/misspelled" | xargs)" \
		'lane_a lanes_b lanes_d_bucket lanes_listener_queue label_c label_e' 'not told'
}

run_cases "$@"
