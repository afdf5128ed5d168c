// SPDX-License-Identifier: GPL-2.0-only
#include "compare/goal.h"

#include <algorithm>
#include <format>
#include <regex>

#include "common/error.h"

namespace lanes::compare {
namespace {

size_t find_server(const std::string &name, const std::vector<std::string> &servers)
{
	const auto found = std::ranges::find(servers, name);

	if (found == servers.end())
		throw UsageError(std::format("--goal: no server '{}'", name));
	return static_cast<size_t>(found - servers.begin());
}

} // namespace

Goal Goal::parse(const std::string &text, const std::vector<std::string> &servers)
{
	static const std::regex form("([^/:]+)(?:/([^:]+))?:([a-z0-9_]+)([<>])=([0-9.]+)"
				     "(?:@(near|far))?(?:,([0-9]+))?");
	std::smatch part;

	if (!std::regex_match(text, part, form))
		throw UsageError(std::format(
			"--goal '{}': want SERVER[/BASE]:METRIC>=VALUE[@REGIME][,FROM]", text));

	Goal goal{.text = text,
		  .server = find_server(part[1], servers),
		  .base = {},
		  .metric = find_metric(part[3].str()),
		  .at_least = part[4] == ">",
		  .value = std::stod(part[5]),
		  .regime = {}};

	if (!goal.metric)
		throw UsageError(std::format("--goal '{}': no metric '{}'", text, part[3].str()));
	if (part[2].matched)
		goal.base = find_server(part[2], servers);
	if (part[6].matched)
		goal.regime = part[6] == "near" ? Regime::near : Regime::far;
	if (part[7].matched)
		goal.from = static_cast<unsigned>(std::stoul(part[7]));
	return goal;
}

Spread Goal::measured(const Results &results, unsigned connections, Regime in) const
{
	return base ? results.ratio(*metric, connections, in, server, *base)
		    : results.value(*metric, connections, in, server);
}

} // namespace lanes::compare
