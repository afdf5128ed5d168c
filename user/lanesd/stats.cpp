// SPDX-License-Identifier: GPL-2.0-only
#include <nlohmann/json.hpp>

#include "lanesd/figures.h"

namespace lanes {
namespace {

using nlohmann::ordered_json;

/* Null, where there is nothing to divide by. */
ordered_json ratio(uint64_t part, uint64_t whole)
{
	if (!whole)
		return nullptr;
	return static_cast<double>(part) / static_cast<double>(whole);
}

ordered_json ratios(const ShardFigures &f)
{
	const uint64_t inputs = f.get(&Counters::inputs);

	return {{"enters_per_input", ratio(f.get(&Counters::enters), inputs)},
		{"sqes_per_input", ratio(f.get(&Counters::sqes), inputs)},
		{"cqes_per_wake", ratio(f.get(&Counters::cqes), f.get(&Counters::wakes))},
		{"local_share", ratio(f.get(&Counters::local), f.get(&Counters::accepted))}};
}

ordered_json describe(const HistogramSnapshot &histogram)
{
	return {{"count", histogram.count()},
		{"sum", histogram.sum()},
		{"p50", histogram.quantile(0.5)},
		{"p99", histogram.quantile(0.99)},
		{"max", histogram.max()}};
}

ordered_json describe(const LaneFigures &lane)
{
	return {{"queued", lane.queued},
		{"local", lane.local},
		{"global", lane.global},
		{"stolen", lane.stolen},
		{"wait_sum_us", lane.wait_sum_us},
		{"wait_p50_below_us", lane.wait_quantile_us(0.5)},
		{"wait_p99_below_us", lane.wait_quantile_us(0.99)}};
}

ordered_json describe(const ShardFigures &figures)
{
	ordered_json all;

	for (size_t i = 0; i < counter_infos.size(); i++)
		all[counter_infos[i].name] = figures.values[i];
	all["park_ns"] = describe(figures.park_ns);
	all["lane"] = figures.lane ? describe(*figures.lane) : ordered_json();
	all["ratios"] = ratios(figures);
	return all;
}

} // namespace

std::string format_stats(const ServerFigures &figures)
{
	ordered_json all = {{"engine", figures.engine},
			    {"process",
			     {{"resident_bytes", figures.process.resident_bytes},
			      {"cpu_seconds", figures.process.cpu_seconds},
			      {"open_fds", figures.process.descriptors}}},
			    {"total", describe(figures.total())},
			    {"shards", ordered_json::array()}};

	for (size_t i = 0; i < figures.shards.size(); i++) {
		ordered_json shard = {{"shard", i}, {"cpu", figures.shards[i].cpu}};

		shard.update(describe(figures.shards[i]));
		all["shards"].push_back(std::move(shard));
	}
	return all.dump(1, '\t') + "\n";
}

} // namespace lanes
