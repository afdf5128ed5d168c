// SPDX-License-Identifier: GPL-2.0-only
#include "lanesd/rates.h"

#include <algorithm>
#include <unordered_map>

#include <nlohmann/json.hpp>

namespace lanes {
namespace {

using nlohmann::ordered_json;

struct Rate {
	size_t shard;
	const ConnectionReport *now;
	double in;
	double out;
};

using BySlot = std::unordered_map<uint32_t, const ConnectionReport *>;

BySlot by_slot(const std::vector<ConnectionReport> &reports)
{
	BySlot slots;

	for (const ConnectionReport &report : reports)
		slots[report.slot] = &report;
	return slots;
}

/* A slot may have been taken by another one since. */
bool same(const ConnectionReport &was, const ConnectionReport &is)
{
	return was.generation == is.generation;
}

void add_shard(std::vector<Rate> &rates, size_t shard, double seconds,
	       const std::vector<ConnectionReport> &before,
	       const std::vector<ConnectionReport> &after)
{
	const BySlot slots = by_slot(before);

	for (const ConnectionReport &is : after) {
		const auto was = slots.find(is.slot);

		if (was == slots.end() || !same(*was->second, is))
			continue;
		rates.push_back(
			{shard, &is,
			 static_cast<double>(is.bytes_in - was->second->bytes_in) / seconds,
			 static_cast<double>(is.bytes_out - was->second->bytes_out) / seconds});
	}
}

ordered_json describe(const Rate &rate)
{
	const ConnectionReport &c = *rate.now;

	return {{"shard", rate.shard},
		{"peer", c.peer},
		{"service", c.service},
		{"received_per_second", rate.in},
		{"sent_per_second", rate.out},
		{"received_bytes", c.bytes_in},
		{"sent_bytes", c.bytes_out},
		{"queued_bytes", c.queued},
		{"idle_seconds", c.idle_ms / 1000.0},
		{"parked", c.parked}};
}

} // namespace

std::string format_rates(const ConnectionsSnapshot &before, const ConnectionsSnapshot &after,
			 size_t top)
{
	const double seconds =
		std::max(1e-3, std::chrono::duration<double>(after.at - before.at).count());
	std::vector<Rate> rates;
	ordered_json all = {{"seconds", seconds}, {"connections", ordered_json::array()}};

	for (size_t i = 0; i < after.shards.size() && i < before.shards.size(); i++)
		add_shard(rates, i, seconds, before.shards[i], after.shards[i]);
	all["open"] = rates.size();
	std::stable_sort(rates.begin(), rates.end(),
			 [](const Rate &a, const Rate &b) { return a.in + a.out > b.in + b.out; });
	rates.resize(std::min(rates.size(), top));
	for (const Rate &rate : rates)
		all["connections"].push_back(describe(rate));
	return all.dump(1, '\t') + "\n";
}

} // namespace lanes
