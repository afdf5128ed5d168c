// SPDX-License-Identifier: GPL-2.0-only
#include "flow_matrix.h"

#include <format>
#include <map>
#include <set>

#include "shared/tool.h"

namespace lanes {

struct FlowMatrix::Sums {
	uint64_t accepted = 0;
	uint64_t on_syn_cpu = 0;
	uint64_t with_data = 0;
	uint64_t data_on_acceptor = 0;
	uint64_t all_on_one = 0;
};

void FlowMatrix::add(const flow_cell &cell, uint64_t count)
{
	(cell.data < 0 ? accepted_ : with_data_).push_back({cell, count});
}

FlowMatrix::Sums FlowMatrix::sums() const
{
	Sums sums;

	for (const Cell &cell : accepted_) {
		sums.accepted += cell.count;
		if (cell.at.syn == cell.at.accept)
			sums.on_syn_cpu += cell.count;
	}
	for (const Cell &cell : with_data_) {
		sums.with_data += cell.count;
		if (cell.at.accept == cell.at.data)
			sums.data_on_acceptor += cell.count;
		if (cell.at.syn == cell.at.accept && cell.at.accept == cell.at.data)
			sums.all_on_one += cell.count;
	}
	return sums;
}

/* Only CPUs that occur. */
std::string FlowMatrix::table(const char *rows, const char *columns, __s32 flow_cell::*row,
			      __s32 flow_cell::*column, const std::vector<Cell> &cells) const
{
	std::map<int, std::map<int, uint64_t>> counts;
	std::set<int> across;

	for (const Cell &cell : cells) {
		counts[cell.at.*row][cell.at.*column] += cell.count;
		across.insert(cell.at.*column);
	}

	std::string text =
		std::format("{:<12}{} CPU\n{:<12}", std::format("{} CPU", rows), columns, "");

	for (int cpu : across)
		text += std::format("{:>10}", cpu);
	text += std::format("{:>12}\n", "same CPU");
	for (const auto &[cpu, line] : counts) {
		uint64_t sum = 0;

		text += std::format("{:>8}    ", cpu);
		for (int other : across) {
			const auto at = line.find(other);
			const uint64_t count = at == line.end() ? 0 : at->second;

			text += std::format("{:>10}", count);
			sum += count;
		}

		const auto same = line.find(cpu);

		text += std::format("{:>12}\n",
				    share_text(same == line.end() ? 0 : same->second, sum));
	}
	return text + "\n";
}

std::string FlowMatrix::text(bool lanes) const
{
	const Sums s = sums();
	std::string text;

	if (s.accepted)
		text += table("SYN", "accept", &flow_cell::syn, &flow_cell::accept, accepted_);
	if (s.with_data)
		text += table("accept", "data", &flow_cell::accept, &flow_cell::data, with_data_);
	text += std::format("accepted                  {}\n", s.accepted);
	text += std::format("  on the SYN's CPU        {}  {}\n", s.on_syn_cpu,
			    share_text(s.on_syn_cpu, s.accepted));
	if (lanes)
		text += std::format("  from own lane           {}\n"
				    "  from the global queue   {}\n"
				    "  from another lane       {}\n",
				    totals[FLOW_TOTAL_LOCAL], totals[FLOW_TOTAL_GLOBAL],
				    totals[FLOW_TOTAL_STOLEN]);
	text += std::format("with data                 {}\n", s.with_data);
	text += std::format("  data on accept's CPU    {}  {}\n", s.data_on_acceptor,
			    share_text(s.data_on_acceptor, s.with_data));
	text += std::format("  all three on one CPU    {}  {}\n", s.all_on_one,
			    share_text(s.all_on_one, s.with_data));
	text += std::format("SYN not seen              {}\n", totals[FLOW_TOTAL_UNSEEN]);
	text += std::format("lost                      {}\n", totals[FLOW_TOTAL_LOST]);
	return text;
}

nlohmann::ordered_json FlowMatrix::json() const
{
	const Sums s = sums();
	nlohmann::ordered_json json = {
		{"accepted", s.accepted},
		{"accepted_on_syn_cpu", s.on_syn_cpu},
		{"accepted_local", totals[FLOW_TOTAL_LOCAL]},
		{"accepted_global", totals[FLOW_TOTAL_GLOBAL]},
		{"accepted_stolen", totals[FLOW_TOTAL_STOLEN]},
		{"with_data", s.with_data},
		{"data_on_accept_cpu", s.data_on_acceptor},
		{"all_on_one_cpu", s.all_on_one},
		{"syn_not_seen", totals[FLOW_TOTAL_UNSEEN]},
		{"lost", totals[FLOW_TOTAL_LOST]},
		{"accept_cells", nlohmann::ordered_json::array()},
		{"data_cells", nlohmann::ordered_json::array()},
	};

	for (const Cell &cell : accepted_)
		json["accept_cells"].push_back({{"syn_cpu", cell.at.syn},
						{"accept_cpu", cell.at.accept},
						{"count", cell.count}});
	for (const Cell &cell : with_data_)
		json["data_cells"].push_back({{"syn_cpu", cell.at.syn},
					      {"accept_cpu", cell.at.accept},
					      {"data_cpu", cell.at.data},
					      {"count", cell.count}});
	return json;
}

} // namespace lanes
