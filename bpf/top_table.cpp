// SPDX-License-Identifier: GPL-2.0-only
#include "top_table.h"

#include <algorithm>
#include <format>
#include <sstream>
#include <tuple>

#include "common/lane_figures.h"
#include "shared/tool.h"

namespace lanes {
namespace {

/* A listener may have been closed and opened again. */
uint64_t grown(uint64_t from, uint64_t to)
{
	return to > from ? to - from : 0;
}

bool has_port(const std::string &address, uint16_t port)
{
	return !port || address.ends_with(std::format(":{}", port));
}

std::string cpu_text(int cpu)
{
	return cpu == top_all ? "all" : std::format("{}", cpu);
}

std::string rate(uint64_t count, double seconds)
{
	return std::format("{:.0f}", static_cast<double>(count) / seconds);
}

} // namespace

void add_lanes(TopSample &sample, const std::string &text, uint16_t only_port)
{
	std::istringstream lines(text);

	for (const Lane &lane : read_lanes(lines)) {
		if (!has_port(lane.address, only_port))
			continue;

		TopCounters &counters = sample[{lane.address, lane.cpu}];

		counters.queued = lane.figures.queued;
		counters.lane = {.claimed = lane.claimed,
				 .local = lane.figures.local,
				 .global = lane.figures.global,
				 .stolen = lane.figures.stolen,
				 .spilled = lane.figures.spilled};
	}
}

void add_sums(TopSample &sample)
{
	TopSample sums;

	for (const auto &[key, c] : sample) {
		if (key.second == top_all)
			continue;

		TopCounters &sum = sums[{key.first, top_all}];

		sum.arrived += c.arrived;
		sum.accepted += c.accepted;
		sum.wait_us += c.wait_us;
		if (c.queued)
			sum.queued = sum.queued.value_or(0) + *c.queued;
		if (c.lane) {
			sum.lane = sum.lane.value_or(TopCounters::Lane());
			sum.lane->claimed |= c.lane->claimed;
			sum.lane->local += c.lane->local;
			sum.lane->global += c.lane->global;
			sum.lane->stolen += c.lane->stolen;
			sum.lane->spilled += c.lane->spilled;
		}
	}
	for (auto &[key, sum] : sums) {
		const auto known = sample.find(key);

		if (!sum.queued && known != sample.end())
			sum.queued = known->second.queued;
		sample[key] = sum;
	}
}

const char *top_sort_name(TopSort sort)
{
	switch (sort) {
	case TopSort::accepted:
		return "accepted";
	case TopSort::arrived:
		return "arrived";
	case TopSort::queued:
		return "queued";
	case TopSort::wait:
		return "wait";
	case TopSort::listener:
		return "listener";
	}
	return "?";
}

double TopTable::Row::mean_wait_us() const
{
	return counted.accepted ? static_cast<double>(counted.wait_us) /
					  static_cast<double>(counted.accepted)
				: 0;
}

TopTable::TopTable(const TopSample &before, const TopSample &now, double seconds, TopSort sort)
	: seconds_(seconds)
{
	for (const auto &[key, c] : now) {
		const auto at = before.find(key);
		const TopCounters old = at == before.end() ? TopCounters() : at->second;
		Row row{key, c};

		row.counted.arrived = grown(old.arrived, c.arrived);
		row.counted.accepted = grown(old.accepted, c.accepted);
		row.counted.wait_us = grown(old.wait_us, c.wait_us);
		if (c.lane) {
			const auto lane = old.lane.value_or(TopCounters::Lane());

			row.counted.lane->local = grown(lane.local, c.lane->local);
			row.counted.lane->global = grown(lane.global, c.lane->global);
			row.counted.lane->stolen = grown(lane.stolen, c.lane->stolen);
			row.counted.lane->spilled = grown(lane.spilled, c.lane->spilled);
		}
		rows_.push_back(row);
	}
	/* The most first; they are sorted by listener and CPU already. */
	std::ranges::stable_sort(rows_, [sort](const Row &a, const Row &b) {
		switch (sort) {
		case TopSort::accepted:
			return a.counted.accepted > b.counted.accepted;
		case TopSort::arrived:
			return a.counted.arrived > b.counted.arrived;
		case TopSort::queued:
			return a.counted.queued > b.counted.queued;
		case TopSort::wait:
			return a.mean_wait_us() > b.mean_wait_us();
		case TopSort::listener:
			break;
		}
		return false;
	});
}

std::string TopTable::text() const
{
	std::string text =
		std::format("{:<26}{:>4}{:>11}{:>12}{:>8}{:>10}{:>8}{:>9}{:>10}{:>10}"
			    "{:>11}\n",
			    "LISTENER", "CPU", "ARRIVED/s", "ACCEPTED/s", "QUEUED", "WAIT",
			    "CLAIMED", "LOCAL/s", "GLOBAL/s", "STOLEN/s", "SPILLED/s");

	for (const Row &row : rows_) {
		const TopCounters &c = row.counted;

		text += std::format("{:<26}{:>4}{:>11}{:>12}{:>8}{:>10}", row.key.first,
				    cpu_text(row.key.second), rate(c.arrived, seconds_),
				    rate(c.accepted, seconds_),
				    c.queued ? std::format("{}", *c.queued) : "-",
				    c.accepted ? duration_text(row.mean_wait_us()) : "-");
		if (c.lane)
			text += std::format(
				"{:>8}{:>9}{:>10}{:>10}{:>11}", c.lane->claimed ? "yes" : "no",
				rate(c.lane->local, seconds_), rate(c.lane->global, seconds_),
				rate(c.lane->stolen, seconds_), rate(c.lane->spilled, seconds_));
		text += "\n";
	}
	return text;
}

nlohmann::ordered_json TopTable::json() const
{
	nlohmann::ordered_json json = {{"seconds", seconds_},
				       {"rows", nlohmann::ordered_json::array()}};

	for (const Row &row : rows_) {
		const TopCounters &c = row.counted;
		nlohmann::ordered_json one = {
			{"listener", row.key.first}, {"cpu", row.key.second},
			{"arrived", c.arrived},	     {"accepted", c.accepted},
			{"wait_us", c.wait_us},
		};

		if (c.queued)
			one["queued"] = *c.queued;
		if (c.lane) {
			one["claimed"] = c.lane->claimed;
			one["local"] = c.lane->local;
			one["global"] = c.lane->global;
			one["stolen"] = c.lane->stolen;
			one["spilled"] = c.lane->spilled;
		}
		json["rows"].push_back(one);
	}
	return json;
}

} // namespace lanes
