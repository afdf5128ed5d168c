// SPDX-License-Identifier: GPL-2.0-only
#ifndef LANES_LANESD_FIGURES_H
#define LANES_LANESD_FIGURES_H

#include <array>
#include <optional>
#include <string>
#include <vector>

#include <cstdint>

#include "common/histogram.h"
#include "common/lane_figures.h"
#include "engine/counters.h"

namespace lanes {

/** What every output has of a counter. */
struct CounterInfo {
	/** In JSON; "lanesd_NAME_total" in metrics, without _total if a level. */
	const char *name;
	const char *help;
	Counter Counters::*counter;
	/** May go down. */
	bool level = false;
};

constexpr std::array counter_infos = {
	CounterInfo{"accepted", "Connections that accept returned.", &Counters::accepted},
	CounterInfo{"local", "Accepted connections whose SYN the shard's CPU processed.",
		    &Counters::local},
	CounterInfo{"remote", "Accepted connections whose SYN another CPU processed.",
		    &Counters::remote},
	CounterInfo{"accept_failed", "Accepts that ended for want of descriptors or memory.",
		    &Counters::accept_failed},
	CounterInfo{"connections", "Connections that are open.", &Counters::connections, true},
	CounterInfo{"received_bytes", "Bytes received.", &Counters::bytes_in},
	CounterInfo{"sent_bytes", "Bytes sent.", &Counters::bytes_out},
	CounterInfo{"inputs", "Runs of input handed to a service.", &Counters::inputs},
	CounterInfo{"sends", "Sends that ended.", &Counters::sends},
	CounterInfo{"parked", "Receives that found no buffer and waited.", &Counters::parked},
	CounterInfo{"over_budget", "Times that a connection used up its budget.",
		    &Counters::over_budget},
	CounterInfo{"closed_idle", "Connections closed for want of input.", &Counters::closed_idle},
	CounterInfo{"closed_request", "Connections closed because a request did not end.",
		    &Counters::closed_request},
	CounterInfo{"closed_slow", "Connections closed because the peer took no output.",
		    &Counters::closed_slow},
	CounterInfo{"closed_stalled",
		    "Connections closed because they kept memory that others waited for.",
		    &Counters::closed_stalled},
	CounterInfo{"closed_overrun", "Connections closed because they queued too much.",
		    &Counters::closed_overrun},
	CounterInfo{"enters", "System calls of the engine.", &Counters::enters},
	CounterInfo{"sqes", "Submissions.", &Counters::sqes},
	CounterInfo{"cqes", "Completions.", &Counters::cqes},
	CounterInfo{"wakes", "Waits that found a completion.", &Counters::wakes},
	CounterInfo{"no_buffers", "Receives that ended with ENOBUFS.", &Counters::no_buffers},
	CounterInfo{"overflows", "Overflows of the completion queue.", &Counters::overflows},
	CounterInfo{"zero_copy", "Sends without a copy.", &Counters::zero_copy},
	CounterInfo{"buffers_offered", "Buffers that the kernel may fill.",
		    &Counters::buffers_offered, true},
	CounterInfo{"buffers_offered_max", "The most buffers that the kernel could fill.",
		    &Counters::buffers_offered_max, true},
};

/** A shard's counters at one time, or the sum of several. */
struct ShardFigures {
	int cpu = -1;
	/** In the order of counter_infos. */
	std::array<uint64_t, counter_infos.size()> values{};
	HistogramSnapshot park_ns;
	/** If the listeners are attached to lanes. */
	std::optional<LaneFigures> lane;

	uint64_t get(Counter Counters::*counter) const;
	void add(const ShardFigures &other);
};

ShardFigures take_figures(int cpu, const Counters &counters);

struct ProcessFigures {
	uint64_t resident_bytes = 0;
	double cpu_seconds = 0;
	uint64_t descriptors = 0;
};

ProcessFigures take_process_figures();

struct ServerFigures {
	std::string engine;
	ProcessFigures process;
	std::vector<ShardFigures> shards;

	ShardFigures total() const;
};

/** The table of SIGUSR1: a header, a line for each shard, a total. */
std::string format_table(const std::vector<ShardFigures> &shards);
/** The text that Prometheus reads. */
std::string format_metrics(const ServerFigures &figures);
/** The same numbers, and what follows from them, in JSON. */
std::string format_stats(const ServerFigures &figures);

} // namespace lanes

#endif
