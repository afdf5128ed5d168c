// SPDX-License-Identifier: GPL-2.0-only
#ifndef LANES_BENCH_SHORT_CONNECTIONS_H
#define LANES_BENCH_SHORT_CONNECTIONS_H

#include <string>
#include <vector>

#include <cstdint>

#include "bench/crowd.h"
#include "bench/setup.h"

namespace lanes {

/** A client process on each of its CPUs that opens one connection after the
 *  other, and a worker process on each CPU of the server.
 */
struct ShortPlan {
	Setup setup;
	std::string client_netns;
	std::string server_netns;
	std::string address;
	std::vector<int> client_cpus;
	std::vector<int> server_cpus;
	/** Of each client, in the window and before it. */
	uint32_t connections = 0;
	uint32_t warmup = 0;
	/** There before the first of them. */
	CrowdPlan crowd;
};

/** What became of the window's connections. */
struct ShortResult {
	uint64_t accepted = 0;
	/** By a worker on the CPU where the packets were processed. */
	uint64_t local = 0;
};

/** One marked window. */
ShortResult run_short_connections(const ShortPlan &plan);

} // namespace lanes

#endif
