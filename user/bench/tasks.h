// SPDX-License-Identifier: GPL-2.0-only
#ifndef LANES_BENCH_TASKS_H
#define LANES_BENCH_TASKS_H

#include <cstdint>
#include <mutex>
#include <vector>

#include <sys/types.h>

namespace lanes {

/** Threads of this process, and how often the scheduler has moved them. */
class Tasks {
public:
	void add_caller();
	uint64_t migrations() const;

private:
	mutable std::mutex mutex_;
	std::vector<pid_t> tids_;
};

} // namespace lanes

#endif
