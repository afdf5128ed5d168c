// SPDX-License-Identifier: GPL-2.0-only
#ifndef LANES_BENCH_ACCEPTED_H
#define LANES_BENCH_ACCEPTED_H

#include <atomic>
#include <span>

#include <cstdint>

namespace lanes {

/** By the one process that writes it. */
inline void count_one(std::atomic<uint64_t> &count)
{
	count.store(count.load(std::memory_order_relaxed) + 1, std::memory_order_release);
}

/** A worker's connections: in memory that is shared, written by one process, a
 *  cache line of its own.
 */
struct alignas(64) Accepted {
	std::atomic<uint64_t> all{0};
	/** Where the CPU of the last packet is the worker's. */
	std::atomic<uint64_t> local{0};

	void add(bool is_local)
	{
		if (is_local)
			count_one(local);
		count_one(all);
	}
};

/** What all have counted so far, or between two moments. */
struct AcceptedSum {
	uint64_t all = 0;
	uint64_t local = 0;

	AcceptedSum operator-(const AcceptedSum &before) const
	{
		return {all - before.all, local - before.local};
	}
};

inline AcceptedSum sum_of(std::span<const Accepted> each)
{
	AcceptedSum sum;

	for (const Accepted &accepted : each) {
		sum.all += accepted.all;
		sum.local += accepted.local;
	}
	return sum;
}

} // namespace lanes

#endif
