// SPDX-License-Identifier: GPL-2.0-only
#ifndef LANES_COMPARE_GAUGE_H
#define LANES_COMPARE_GAUGE_H

#include <optional>
#include <vector>

#include <cstdint>
#include <ctime>

#include <sys/types.h>

#include "common/fd.h"

namespace lanes::compare {

/** Nanoseconds; steady. */
int64_t now_ns();

/** The CPU time of processes with all their threads, the kernel's for io_uring
 *  too.
 */
class CpuMeter {
public:
	/** Throws if one is not there. */
	explicit CpuMeter(const std::vector<pid_t> &pids);
	/** Nanoseconds; throws if one has ended. */
	int64_t read() const;

private:
	std::vector<clockid_t> clocks_;
};

/** CPU time of the calling thread, in nanoseconds. */
int64_t own_cpu_ns();

/** Busy time of the whole machine, what its host took from it too, in
 *  nanoseconds, as coarse as a clock tick.
 */
int64_t machine_busy_ns();

/** Counts the system calls of all threads of processes, from outside, while it
 *  exists. That slows all system calls of the machine.
 */
class SyscallCounter {
public:
	/** Does not throw: read() has nothing if it is not permitted. */
	explicit SyscallCounter(const std::vector<pid_t> &pids);
	std::optional<uint64_t> read() const;

private:
	std::vector<Fd> counters_;
};

} // namespace lanes::compare

#endif
