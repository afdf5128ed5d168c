// SPDX-License-Identifier: GPL-2.0-only
#include "common/lane_figures.h"

#include <algorithm>
#include <charconv>
#include <numeric>
#include <sstream>
#include <string>

namespace lanes {
namespace {

using Words = std::vector<std::string>;

Words split(const std::string &text, char separator)
{
	std::istringstream stream(text);
	Words words;

	for (std::string word; std::getline(stream, word, separator);)
		words.push_back(std::move(word));
	return words;
}

/* A line's columns by the names in the header. */
class Row {
public:
	Row(const Words &names, const Words &values) : names_(names), values_(values) {}

	bool complete() const { return values_.size() == names_.size(); }
	std::string text(std::string_view name) const
	{
		const auto at = std::ranges::find(names_, name);

		return at == names_.end() ? "" : values_[static_cast<size_t>(at - names_.begin())];
	}
	uint64_t number(std::string_view name) const { return to_number(text(name)); }
	static uint64_t to_number(const std::string &text)
	{
		uint64_t number = 0;

		std::from_chars(text.data(), text.data() + text.size(), number);
		return number;
	}

private:
	const Words &names_;
	const Words &values_;
};

LaneFigures figures_of(const Row &row)
{
	LaneFigures figures{
		.queued = row.number("queued"),
		.local = row.number("local"),
		.global = row.number("global"),
		.stolen = row.number("stolen"),
		.spilled = row.number("spilled"),
		.pulled_down = row.number("pulled_down"),
		.overflow = row.number("overflow"),
		.wait_us = {},
		.wait_sum_us = row.number("wait_sum_us"),
	};

	for (const std::string &slot : split(row.text("wait_us"), ','))
		figures.wait_us.push_back(Row::to_number(slot));
	return figures;
}

} // namespace

void LaneFigures::add(const LaneFigures &other)
{
	queued += other.queued;
	local += other.local;
	global += other.global;
	stolen += other.stolen;
	spilled += other.spilled;
	pulled_down += other.pulled_down;
	overflow += other.overflow;
	wait_sum_us += other.wait_sum_us;
	wait_us.resize(std::max(wait_us.size(), other.wait_us.size()));
	for (size_t slot = 0; slot < other.wait_us.size(); slot++)
		wait_us[slot] += other.wait_us[slot];
}

uint64_t LaneFigures::wait_quantile_us(double fraction) const
{
	const uint64_t all = std::accumulate(wait_us.begin(), wait_us.end(), uint64_t{0});
	uint64_t below = 0;

	if (!all)
		return 0;
	for (size_t slot = 0; slot < wait_us.size(); slot++) {
		below += wait_us[slot];
		if (static_cast<double>(below) >= fraction * static_cast<double>(all))
			return uint64_t{1} << slot;
	}
	return uint64_t{1} << (wait_us.size() - 1);
}

std::vector<Lane> read_lanes(std::istream &text)
{
	std::vector<Lane> lanes;
	std::string line;
	Words names;

	if (std::getline(text, line))
		names = split(line, ' ');
	while (std::getline(text, line)) {
		const Words values = split(line, ' ');
		const Row row(names, values);

		if (!row.complete() || !row.number("inode"))
			continue;
		lanes.push_back({.address = row.text("address"),
				 .inode = row.number("inode"),
				 .cpu = static_cast<int>(row.number("cpu")),
				 .claimed = row.number("claimed") != 0,
				 .figures = figures_of(row)});
	}
	return lanes;
}

std::map<int, LaneFigures> read_lane_figures(std::istream &text, const std::set<ino_t> &inodes)
{
	std::map<int, LaneFigures> all;

	for (const Lane &lane : read_lanes(text))
		if (inodes.contains(lane.inode))
			all[lane.cpu].add(lane.figures);
	return all;
}

} // namespace lanes
