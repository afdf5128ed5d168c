// SPDX-License-Identifier: GPL-2.0-only
#ifndef LANES_BPF_TOP_TABLE_H
#define LANES_BPF_TOP_TABLE_H

#include <chrono>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include <cstdint>

#include <nlohmann/json.hpp>

namespace lanes {

/** A listener on a CPU, counted since whenever. */
struct TopCounters {
	uint64_t arrived = 0;
	uint64_t accepted = 0;
	uint64_t wait_us = 0;
	/** Now; a stock listener has one queue for all CPUs. */
	std::optional<uint64_t> queued;

	/** Of an attached listener, by /proc/net/lanes. */
	struct Lane {
		bool claimed = false;
		uint64_t local = 0;
		uint64_t global = 0;
		uint64_t stolen = 0;
		uint64_t spilled = 0;
	};
	std::optional<Lane> lane;
};

/** The CPU of a listener's sums. */
constexpr int top_all = -1;
using TopKey = std::pair<std::string, int>;
using TopSample = std::map<TopKey, TopCounters>;

/** Adds what /proc/net/lanes says: @text is the file. */
void add_lanes(TopSample &sample, const std::string &text, uint16_t only_port);

/** Adds each listener's sums. */
void add_sums(TopSample &sample);

enum class TopSort { accepted, arrived, queued, wait, listener };
constexpr int top_sorts = 5;
const char *top_sort_name(TopSort sort);

/** What happened between two samples. */
class TopTable {
public:
	TopTable(const TopSample &before, const TopSample &now, double seconds, TopSort sort);

	std::string text() const;
	nlohmann::ordered_json json() const;

private:
	struct Row {
		TopKey key;
		TopCounters counted;
		double mean_wait_us() const;
	};

	std::vector<Row> rows_;
	double seconds_;
};

} // namespace lanes

#endif
