// SPDX-License-Identifier: GPL-2.0-only
#ifndef LANES_BENCH_SHORT_CONNECTIONS_H
#define LANES_BENCH_SHORT_CONNECTIONS_H

#include <string>
#include <vector>

#include <cstdint>

#include "bench/accepted.h"
#include "bench/crowd.h"
#include "bench/meeting.h"
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
	/** Connections of each client. */
	Turns turns;
	/** There before the first of them. */
	CrowdPlan crowd;
};

/** One marked window.
 *
 *  Returns what was accepted in it. Local is what a worker had on the CPU where the
 *  packets were processed.
 */
AcceptedSum run_short_connections(const ShortPlan &plan);

} // namespace lanes

#endif
