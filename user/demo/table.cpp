// SPDX-License-Identifier: GPL-2.0-only
#include "demo/table.h"

#include <format>
#include <functional>

namespace lanes {
namespace {

using Cell = std::function<std::string(const Outcome &)>;

std::string row(std::string_view name, const std::vector<Outcome> &outcomes, const Cell &cell)
{
	std::string text = std::format("  {:<30}", name);

	for (const Outcome &outcome : outcomes)
		text += std::format("{:>15}", cell(outcome));
	return text + "\n";
}

std::string share(uint64_t part, uint64_t whole)
{
	if (!whole)
		return "-";
	return std::format("{:.1f} %",
			   100.0 * static_cast<double>(part) / static_cast<double>(whole));
}

std::string milliseconds(Samples::Duration duration)
{
	return std::format("{:.2f} ms",
			   std::chrono::duration<double, std::milli>(duration).count());
}

uint64_t tried(const LoadResult &load)
{
	return load.served + load.reset + load.stuck + load.failed;
}

} // namespace

std::string table_header(const std::vector<Setup> &setups)
{
	std::string text = std::format("{:<32}", "");

	for (Setup setup : setups)
		text += std::format("{:>15}", name_of(setup));
	return text + "\n";
}

std::string table_rows(Trouble trouble, const std::vector<Outcome> &outcomes)
{
	std::string text = std::format("{}\n", name_of(trouble));

	text += row("served", outcomes, [](const Outcome &o) {
		return std::format("{} of {}", o.load.served, tried(o.load));
	});
	if (trouble == Trouble::none) {
		text += row("accepted on the SYN's CPU", outcomes,
			    [](const Outcome &o) { return share(o.local, o.accepted); });
		text += row("accepted by the busiest worker", outcomes,
			    [](const Outcome &o) { return share(o.busiest, o.accepted); });
	} else {
		text += row("reset", outcomes,
			    [](const Outcome &o) { return std::format("{}", o.load.reset); });
		text += row("stuck", outcomes,
			    [](const Outcome &o) { return std::format("{}", o.load.stuck); });
		if (trouble != Trouble::killed)
			text += row("accepted by it, still open", outcomes,
				    [](const Outcome &o) { return std::format("{}", o.held); });
	}
	text += row("accept wait, p50", outcomes, [](const Outcome &o) {
		return milliseconds(o.load.accept_wait.percentile(50));
	});
	text += row("accept wait, p99", outcomes, [](const Outcome &o) {
		return milliseconds(o.load.accept_wait.percentile(99));
	});
	return text;
}

} // namespace lanes
