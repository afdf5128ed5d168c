// SPDX-License-Identifier: GPL-2.0-only
#ifndef LANES_DEMO_WORKER_H
#define LANES_DEMO_WORKER_H

#include <string>
#include <string_view>

#include <cstdint>

#include <sys/types.h>

#include "common/fd.h"

namespace lanes {

/** What a lanesd says at its end. */
struct WorkerReport {
	uint64_t accepted = 0;
	/** Of these, on the CPU of their SYN. */
	uint64_t local = 0;
};

/** Reads the total of lanesd's table; throws if there is none. */
WorkerReport parse_worker_report(std::string_view output);

/** A lanesd process with one shard, bound to one CPU. */
class Worker {
public:
	/** Returns when it accepts. */
	Worker(const std::string &lanesd, int cpu, int listen_fd, bool lanes);
	Worker(Worker &&other) noexcept;
	Worker &operator=(Worker &&) = delete;
	~Worker();

	void signal(int number) const;
	/** Accepted and not closed: its own, whatever becomes of it. */
	uint64_t connections() const;
	/** Ends it with SIGTERM. */
	WorkerReport finish();

private:
	[[noreturn]] static void execute(const std::string &lanesd, int cpu, int listen_fd,
					 bool lanes, int output);
	/** Until @end is in it, or the process is gone: then false. */
	bool read_until(std::string_view end);
	/** False at the end of its output. */
	bool read_more();
	void reap();

	int cpu_;
	pid_t pid_ = -1;
	Fd output_;
	std::string text_;
};

} // namespace lanes

#endif
