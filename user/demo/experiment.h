// SPDX-License-Identifier: GPL-2.0-only
#ifndef LANES_DEMO_EXPERIMENT_H
#define LANES_DEMO_EXPERIMENT_H

#include <string>
#include <string_view>
#include <vector>

#include "demo/setup.h"
#include "load/client.h"

namespace lanes {

/** What befalls the first worker, after a third of the load. */
enum class Trouble {
	none,
	stopped,
	killed,
	/** Stopped, and killed after two thirds: a hung worker's usual end. */
	hung,
};

std::string_view name_of(Trouble trouble);

struct Conditions {
	std::string lanesd;
	/** A worker and a client bound to each. */
	std::vector<int> cpus;
	uint32_t connections;
	std::chrono::microseconds interval;
	std::chrono::milliseconds timeout;
};

struct Outcome {
	LoadResult load;
	/** What a stopped worker had accepted and not closed. */
	uint64_t held = 0;
	/** Without trouble only: the dead do not report. */
	uint64_t accepted = 0;
	uint64_t local = 0;
	uint64_t busiest = 0;
};

/** New sockets, new workers, one load. */
Outcome experiment(const Conditions &conditions, Setup setup, Trouble trouble);

} // namespace lanes

#endif
