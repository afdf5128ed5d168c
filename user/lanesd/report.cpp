// SPDX-License-Identifier: GPL-2.0-only
#include "lanesd/report.h"

#include <format>

namespace lanes {
namespace {

std::string share(uint64_t part, uint64_t whole)
{
	if (!whole)
		return "-";
	return std::format("{:.1f}%",
			   100.0 * static_cast<double>(part) / static_cast<double>(whole));
}

std::string line(const std::string &shard, const std::string &cpu, const ShardReport &r)
{
	return std::format("{:>5} {:>4} {:>10} {:>13} {:>7} {:>14} {:>13} {:>8} {:>8}\n", shard,
			   cpu, r.accepted, r.local, share(r.local, r.accepted), r.bytes,
			   r.accept_failed, r.parked, r.stalled);
}

} // namespace

ShardReport take_report(int cpu, const Counters &counters)
{
	return {
		.cpu = cpu,
		.accepted = counters.accepted.get(),
		.local = counters.local.get(),
		.bytes = counters.bytes.get(),
		.accept_failed = counters.accept_failed.get(),
		.parked = counters.parked.get(),
		.stalled = counters.stalled.get(),
	};
}

std::string format_report(const std::vector<ShardReport> &shards)
{
	std::string text = std::format(
		"{:>5} {:>4} {:>10} {:>13} {:>7} {:>14} {:>13} {:>8} {:>8}\n", "shard", "cpu",
		"accepted", "on_syn's_cpu", "share", "bytes", "accept_failed", "parked", "stalled");
	ShardReport total{};

	for (size_t shard = 0; shard < shards.size(); shard++) {
		const ShardReport &r = shards[shard];

		text += line(std::to_string(shard), std::to_string(r.cpu), r);
		total.accepted += r.accepted;
		total.local += r.local;
		total.bytes += r.bytes;
		total.accept_failed += r.accept_failed;
		total.parked += r.parked;
		total.stalled += r.stalled;
	}
	return text + line("total", "-", total);
}

} // namespace lanes
