// SPDX-License-Identifier: GPL-2.0-only
#include <format>

#include "lanesd/figures.h"

namespace lanes {
namespace {

std::string share(uint64_t part, uint64_t whole)
{
	if (!whole)
		return "-";
	return std::format("{:.1f}%",
			   100.0 * static_cast<double>(part) / static_cast<double>(whole));
}

std::string line(const std::string &shard, const std::string &cpu, const ShardFigures &f)
{
	const uint64_t accepted = f.get(&Counters::accepted);
	const uint64_t local = f.get(&Counters::local);

	return std::format("{:>5} {:>4} {:>10} {:>13} {:>7} {:>14} {:>13} {:>8} {:>8}\n", shard,
			   cpu, accepted, local, share(local, accepted),
			   f.get(&Counters::bytes_out), f.get(&Counters::accept_failed),
			   f.get(&Counters::parked), f.get(&Counters::closed_stalled));
}

} // namespace

std::string format_table(const std::vector<ShardFigures> &shards)
{
	std::string text = std::format(
		"{:>5} {:>4} {:>10} {:>13} {:>7} {:>14} {:>13} {:>8} {:>8}\n", "shard", "cpu",
		"accepted", "on_syn's_cpu", "share", "bytes", "accept_failed", "parked", "stalled");
	ShardFigures total;

	for (size_t shard = 0; shard < shards.size(); shard++) {
		text += line(std::to_string(shard), std::to_string(shards[shard].cpu),
			     shards[shard]);
		total.add(shards[shard]);
	}
	return text + line("total", "-", total);
}

} // namespace lanes
