// SPDX-License-Identifier: GPL-2.0-only
#ifndef LANES_LANESD_RATES_H
#define LANES_LANESD_RATES_H

#include <chrono>
#include <string>
#include <vector>

#include "engine/shard.h"

namespace lanes {

/** All connections at one time, by shard. */
struct ConnectionsSnapshot {
	std::chrono::steady_clock::time_point at;
	std::vector<std::vector<ConnectionReport>> shards;
};

/** JSON: the @top fastest of the connections that were there both times. */
std::string format_rates(const ConnectionsSnapshot &before, const ConnectionsSnapshot &after,
			 size_t top);

} // namespace lanes

#endif
