// SPDX-License-Identifier: GPL-2.0-only
#ifndef LANES_COMPARE_PROBE_H
#define LANES_COMPARE_PROBE_H

#include <atomic>
#include <thread>

namespace lanes::compare {

/** How long a cache line takes from one CPU to another: virtual machines move
 *  between places that differ several times in this, and all servers with it.
 */
class Probe {
public:
	/** The other side is on @cpu, and sleeps between measurements. */
	explicit Probe(int cpu);
	~Probe();

	/** Nanoseconds for one way: the median of some bursts. */
	double measure();

private:
	void answer(int cpu);

	alignas(64) std::atomic<unsigned> ball_{0};
	alignas(64) std::atomic<unsigned> rounds_{0};
	std::thread other_;
};

} // namespace lanes::compare

#endif
