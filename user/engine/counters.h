// SPDX-License-Identifier: GPL-2.0-only
#ifndef LANES_ENGINE_COUNTERS_H
#define LANES_ENGINE_COUNTERS_H

#include <atomic>

#include <cstdint>

#include "common/histogram.h"

namespace lanes {

/** Written by one thread, read by any, so no locked instruction. */
class Counter {
public:
	void add(uint64_t n = 1)
	{
		value_.store(value_.load(std::memory_order_relaxed) + n, std::memory_order_relaxed);
	}
	/** For a level rather than a sum. */
	void set(uint64_t n) { value_.store(n, std::memory_order_relaxed); }
	uint64_t get() const { return value_.load(std::memory_order_relaxed); }

private:
	std::atomic<uint64_t> value_{0};
};

/** One shard's. Never reset. Aligned, so that no shard writes to another
 *  one's line.
 */
struct alignas(64) Counters {
	/** Connections that accept returned. */
	Counter accepted;
	/** Of these: the SYN was processed on this shard's CPU, or on another;
	 *  the rest is unknown to the engine.
	 */
	Counter local;
	Counter remote;
	/** Accept ended for want of descriptors or memory. */
	Counter accept_failed;
	/** Open now. */
	Counter connections;

	Counter bytes_in;
	Counter bytes_out;
	/** Calls of Handler::received(), and sends that ended. */
	Counter inputs;
	Counter sends;

	/** A receive found no buffer and waited for its turn. */
	Counter parked;
	/** How long, in nanoseconds. */
	Histogram park_ns;
	/** A connection used up its budget of a tick. */
	Counter over_budget;
	/** Closed: no input, no end of a request, no output taken in time; kept
	 *  memory too long while others waited; queued more than it may.
	 */
	Counter closed_idle;
	Counter closed_request;
	Counter closed_slow;
	Counter closed_stalled;
	Counter closed_overrun;

	/** Engine: system calls, submissions, completions, waits that found
	 *  any, ENOBUFS, completion queue overflows, zero-copy sends.
	 */
	Counter enters;
	Counter sqes;
	Counter cqes;
	Counter wakes;
	Counter no_buffers;
	Counter overflows;
	Counter zero_copy;
	/** Buffers that the kernel may fill now, and the most at once. */
	Counter buffers_offered;
	Counter buffers_offered_max;
};

} // namespace lanes

#endif
