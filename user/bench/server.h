// SPDX-License-Identifier: GPL-2.0-only
#ifndef LANES_BENCH_SERVER_H
#define LANES_BENCH_SERVER_H

#include <atomic>
#include <map>

#include <cstdint>

#include "bench/setup.h"
#include "common/fd.h"

namespace lanes {

/** In memory that is shared; written by one process. */
struct alignas(64) Served {
	std::atomic<uint64_t> accepted{0};
	std::atomic<uint64_t> requests{0};
	/** Where the CPU of the last packet is the worker's. */
	std::atomic<uint64_t> local{0};
};

/** A worker that is bound to one CPU and answers requests on all connections that
 *  it has accepted, until their clients close them.
 */
class Server {
public:
	/** @accept: one of epoll. */
	Server(int listen_fd, Accept accept, int cpu, Served &served);

	[[noreturn]] void run();

private:
	void watch(int fd, uint32_t events) const;
	void accept();
	void answer(int fd);

	const int listen_fd_;
	const Accept accept_;
	const int cpu_;
	Served &served_;
	Fd epoll_;
	std::map<int, Fd> connections_;
};

} // namespace lanes

#endif
