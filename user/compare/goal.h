// SPDX-License-Identifier: GPL-2.0-only
#ifndef LANES_COMPARE_GOAL_H
#define LANES_COMPARE_GOAL_H

#include <optional>
#include <string>
#include <vector>

#include "compare/statistics.h"

namespace lanes::compare {

/** What a server is to reach, as "SERVER[/BASE]:METRIC>=VALUE[@REGIME][,FROM]":
 *  with BASE the ratio to it, in one regime or both, from FROM connections.
 */
struct Goal {
	std::string text;
	size_t server;
	std::optional<size_t> base;
	const Metric *metric;
	bool at_least;
	double value;
	std::optional<Regime> regime;
	unsigned from = 1;

	/** Throws UsageError. */
	static Goal parse(const std::string &text, const std::vector<std::string> &servers);

	bool applies(unsigned connections, Regime in) const
	{
		return connections >= from && (!regime || *regime == in);
	}
	Spread measured(const Results &results, unsigned connections, Regime in) const;
	bool reached(double figure) const { return at_least ? figure >= value : figure <= value; }
};

} // namespace lanes::compare

#endif
