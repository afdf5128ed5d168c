// SPDX-License-Identifier: GPL-2.0-only
#include "compare/report.h"

#include <algorithm>
#include <array>
#include <format>
#include <fstream>

#include <nlohmann/json.hpp>
#include <sys/utsname.h>
#include <unistd.h>

namespace lanes::compare {
namespace {

using Json = nlohmann::ordered_json;

constexpr std::array regimes = {Regime::near, Regime::far};

std::string kernel()
{
	utsname name{};

	uname(&name);
	return name.release;
}

std::string congestion_control()
{
	std::ifstream file("/proc/sys/net/ipv4/tcp_congestion_control");
	std::string name = "?";

	file >> name;
	return name;
}

size_t dropped(const Options &options, const Results &results, Regime regime)
{
	size_t sum = 0;

	for (unsigned connections : options.connections)
		for (bool counted : {false, true})
			sum += results.count(connections, regime, counted);
	return sum;
}

std::string load_of(const Options &options)
{
	std::string text =
		std::format("{} bytes, {} in flight on a connection", options.size, options.depth);

	if (options.rate > 0)
		text += std::format(", {:.0f} requests per second by a timetable", options.rate);
	else
		text += ", closed loop";
	return text;
}

std::string header(const Options &options, const Results &results)
{
	std::string text = std::format("## {}\n\n", options.title);

	text += std::format(
		"Linux {}, {} CPUs, servers on CPU {}, client on CPU {}, congestion control {}; {}; "
		"{} rotations in slices of {} ms, seed {}. Dropped rotations, of {}: {} where the "
		"distance of the CPUs changed, {} disturbed by other programs. Baseline: {}; in "
		"brackets the median of the ratios to it and its 95 % confidence interval.\n\n",
		kernel(), sysconf(_SC_NPROCESSORS_ONLN), options.server_cpu, options.client_cpu,
		congestion_control(), load_of(options), options.rotations, options.slice_ms,
		options.seed, options.rotations * options.connections.size(),
		dropped(options, results, Regime::changed),
		dropped(options, results, Regime::disturbed),
		options.servers[options.baselines[0]].name);
	return text;
}

std::string format_ratio(const Spread &ratio)
{
	return ratio.count ? std::format("{:.2f}, {:.2f} to {:.2f}", ratio.median, ratio.low,
					 ratio.high)
			   : "-";
}

std::string table(const Options &options, const Results &results, unsigned connections,
		  Regime regime)
{
	const size_t base = options.baselines[0];
	std::string text = std::format("| {} connections, {}, {} rotations |", connections,
				       name_of(regime), results.count(connections, regime, false));

	for (const Target &server : options.servers)
		text += std::format(" {} |", server.name);
	text += "\n|---|";
	for (size_t i = 0; i < options.servers.size(); i++)
		text += "---|";
	text += "\n";
	for (const Metric &metric : metrics()) {
		text += std::format("| {} |", metric.title);
		for (size_t i = 0; i < options.servers.size(); i++) {
			const Spread value = results.value(metric, connections, regime, i);

			text += value.count ? std::format(" {:.{}f}", value.median, metric.decimals)
					    : " -";
			if (value.count && metric.compared && i != base)
				text += std::format(" ({})",
						    format_ratio(results.ratio(metric, connections,
									       regime, i, base)));
			text += " |";
		}
		text += "\n";
	}
	return text + "\n";
}

std::string table_against(const Options &options, const Results &results, size_t base)
{
	std::string text = std::format("| against {} |", options.servers[base].name);
	std::string line = "|---|";
	std::string rows;

	for (size_t i = 0; i < options.servers.size(); i++)
		if (i != base) {
			text += std::format(" {} |", options.servers[i].name);
			line += "---|";
		}
	for (Regime regime : regimes)
		for (unsigned connections : options.connections)
			for (const Metric &metric : metrics()) {
				if (!metric.compared || !results.count(connections, regime, false))
					continue;
				rows += std::format("| {}, {}: {} |", name_of(regime), connections,
						    metric.title);
				for (size_t i = 0; i < options.servers.size(); i++)
					if (i != base)
						rows += std::format(" {} |",
								    format_ratio(results.ratio(
									    metric, connections,
									    regime, i, base)));
				rows += "\n";
			}
	return text + "\n" + line + "\n" + rows + "\n";
}

std::string_view verdict(const Goal &goal, const Spread &figure)
{
	if (!figure.count)
		return "no figures";
	return goal.reached(figure.median) ? "pass" : "FAIL";
}

template <typename Visit>
void for_each_goal(const Options &options, const Results &results, Visit visit)
{
	for (const Goal &goal : options.goals)
		for (Regime regime : regimes)
			for (unsigned connections : options.connections)
				if (goal.applies(connections, regime))
					visit(goal, regime, connections,
					      goal.measured(results, connections, regime));
}

std::string goals(const Options &options, const Results &results)
{
	std::string text = "| goal | regime | connections | measured | |\n|---|---|---|---|---|\n";

	if (options.goals.empty())
		return {};
	for_each_goal(
		options, results,
		[&](const Goal &goal, Regime regime, unsigned connections, const Spread &figure) {
			text += std::format("| {} | {} | {} | {} | {} |\n", goal.text,
					    name_of(regime), connections,
					    figure.count ? std::format("{:.4g}, {:.4g} to {:.4g}",
								       figure.median, figure.low,
								       figure.high)
							 : "-",
					    verdict(goal, figure));
		});
	return text + "\n";
}

Json json_of(const Spread &spread)
{
	return {{"rotations", spread.count},
		{"median", spread.median},
		{"low", spread.low},
		{"high", spread.high}};
}

Json row(const Options &options, const Results &results, unsigned connections, Regime regime,
	 size_t server)
{
	Json row = {{"connections", connections},
		    {"regime", name_of(regime)},
		    {"server", options.servers[server].name}};

	for (const Metric &metric : metrics()) {
		const Spread value = results.value(metric, connections, regime, server);

		if (value.count)
			row[std::string(metric.name)] = json_of(value);
		for (size_t base : options.baselines)
			if (value.count && metric.compared && base != server)
				row["against"][options.servers[base].name]
				   [std::string(metric.name)] = json_of(results.ratio(
					   metric, connections, regime, server, base));
	}
	return row;
}

} // namespace

std::string format_report(const Options &options, const Results &results)
{
	std::string text = header(options, results);

	for (Regime regime : regimes)
		for (unsigned connections : options.connections)
			if (results.count(connections, regime, false))
				text += table(options, results, connections, regime);
	for (size_t i = 1; i < options.baselines.size(); i++)
		text += table_against(options, results, options.baselines[i]);
	return text + goals(options, results);
}

std::string format_json(const Options &options, const Results &results)
{
	Json json = {{"title", options.title},
		     {"kernel", kernel()},
		     {"congestion_control", congestion_control()},
		     {"load", load_of(options)},
		     {"slice_ms", options.slice_ms},
		     {"seed", options.seed},
		     {"rotations", options.rotations * options.connections.size()},
		     {"dropped_changed", dropped(options, results, Regime::changed)},
		     {"dropped_disturbed", dropped(options, results, Regime::disturbed)},
		     {"rows", Json::array()},
		     {"goals", Json::array()}};

	for (unsigned connections : options.connections)
		for (Regime regime : regimes)
			for (size_t i = 0; i < options.servers.size(); i++)
				if (results.count(connections, regime, false))
					json["rows"].push_back(
						row(options, results, connections, regime, i));
	for_each_goal(
		options, results,
		[&](const Goal &goal, Regime regime, unsigned connections, const Spread &figure) {
			json["goals"].push_back({{"goal", goal.text},
						 {"regime", name_of(regime)},
						 {"connections", connections},
						 {"measured", json_of(figure)},
						 {"verdict", verdict(goal, figure)}});
		});
	return json.dump(1, '\t') + "\n";
}

} // namespace lanes::compare
