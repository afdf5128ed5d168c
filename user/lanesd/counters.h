// SPDX-License-Identifier: GPL-2.0-only
#ifndef LANES_LANESD_COUNTERS_H
#define LANES_LANESD_COUNTERS_H

#include <atomic>

#include <cstdint>

namespace lanes {

/** Written by one thread, read by any, so no locked instruction. */
class Counter {
public:
	void add(uint64_t n = 1)
	{
		value_.store(value_.load(std::memory_order_relaxed) + n, std::memory_order_relaxed);
	}
	uint64_t get() const { return value_.load(std::memory_order_relaxed); }

private:
	std::atomic<uint64_t> value_{0};
};

/** One shard's. Aligned, so that no shard writes to another one's line. */
struct alignas(64) Counters {
	/** Connections that accept returned. */
	Counter accepted;
	/** Of these, the ones whose SYN this shard's CPU processed. */
	Counter local;
	/** Echoed. */
	Counter bytes;
	/** accept ended for want of descriptors or memory. */
	Counter accept_failed;
	/** A receive found the buffer ring empty and waited for its turn. */
	Counter parked;
	/** Closed: kept its buffers too long while others waited for some. */
	Counter stalled;
};

} // namespace lanes

#endif
