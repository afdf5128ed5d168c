// SPDX-License-Identifier: GPL-2.0-only
#ifndef LANES_BENCH_LATENCY_H
#define LANES_BENCH_LATENCY_H

#include <chrono>
#include <map>
#include <string>
#include <vector>

#include <cstdint>

#include "bench/figures.h"
#include "bench/setup.h"

namespace lanes {

/** What is wrong while the requests are counted; of several workers with the second. */
enum class Trouble {
	none,
	/** One worker sleeps before each answer. */
	slow,
	/** One worker is stopped shortly before the first request. */
	stopped,
	/** One worker is killed when a third of the time has passed. */
	killed,
	/** All clients are on the first CPU. */
	skewed,
	/** Each client's requests come in bursts. */
	burst,
};

/** All by name. */
const std::map<std::string, Trouble> &troubles();

/** A worker process on each CPU of the server, a client process on each of its own. */
struct LatencyPlan {
	Setup setup;
	Trouble trouble = Trouble::none;
	std::string address;
	std::vector<int> client_cpus;
	std::vector<int> server_cpus;
	/** A client's mean time from request to request. */
	std::chrono::nanoseconds pace{0};
	/** Of each client, counted and before that. */
	uint32_t requests = 0;
	uint32_t warmup = 0;
	uint64_t seed = 1;
	std::chrono::milliseconds timeout{1000};
	/** A slow worker's sleep. */
	std::chrono::milliseconds slowness{10};
};

/** Quantiles of the accept wait and of the request in microseconds, and how many
 *  had no answer; of a lanes set-up also how many connections were accepted from
 *  which queue, and how many were spilled.
 */
Figures measure_latency(const LatencyPlan &plan);

} // namespace lanes

#endif
