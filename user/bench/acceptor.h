// SPDX-License-Identifier: GPL-2.0-only
#ifndef LANES_BENCH_ACCEPTOR_H
#define LANES_BENCH_ACCEPTOR_H

#include <atomic>
#include <cstddef>
#include <cstdint>

#include "bench/setup.h"

namespace lanes {

/** A request is that many bytes, and so is its answer. */
constexpr size_t message_size = 64;

/** In memory that is shared; written by one process: a cache line of its own. */
struct alignas(64) Accepted {
	std::atomic<uint64_t> all{0};
	/** Where the CPU of the last packet is the worker's. */
	std::atomic<uint64_t> local{0};
};

/** A worker that is bound to one CPU: answers one request of each connection, and
 *  closes it.
 */
class Acceptor {
public:
	Acceptor(int listen_fd, Accept accept, int cpu, Accepted &accepted)
		: listen_fd_(listen_fd), accept_(accept), cpu_(cpu), accepted_(accepted)
	{
	}

	[[noreturn]] void run();

private:
	[[noreturn]] void wait_epoll();
	[[noreturn]] void wait_uring();
	void take_one();
	void answer(int fd);

	const int listen_fd_;
	const Accept accept_;
	const int cpu_;
	Accepted &accepted_;
};

} // namespace lanes

#endif
