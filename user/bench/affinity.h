// SPDX-License-Identifier: GPL-2.0-only
#ifndef LANES_BENCH_AFFINITY_H
#define LANES_BENCH_AFFINITY_H

#include <vector>

#include <cerrno>

#include <sched.h>

#include "common/error.h"

namespace lanes {

/** A set of CPUs for the calling thread. Made once, as it is set in the path
 *  that is measured.
 */
class Affinity {
public:
	explicit Affinity(const std::vector<int> &cpus)
	{
		CPU_ZERO(&set_);
		for (int cpu : cpus)
			CPU_SET(cpu, &set_);
	}

	void set() const
	{
		if (sched_setaffinity(0, sizeof(set_), &set_))
			throw_errno(errno, "sched_setaffinity");
	}

private:
	cpu_set_t set_;
};

} // namespace lanes

#endif
