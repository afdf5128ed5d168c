// SPDX-License-Identifier: GPL-2.0-only
#ifndef LANES_LANESD_REPORT_H
#define LANES_LANESD_REPORT_H

#include <string>
#include <vector>

#include <cstdint>

#include "lanesd/counters.h"

namespace lanes {

struct ShardReport {
	int cpu;
	uint64_t accepted;
	uint64_t local;
	uint64_t bytes;
	uint64_t accept_failed;
	uint64_t parked;
	uint64_t stalled;
};

ShardReport take_report(int cpu, const Counters &counters);

/** A header, a line for each shard, a total. */
std::string format_report(const std::vector<ShardReport> &shards);

} // namespace lanes

#endif
