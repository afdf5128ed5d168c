// SPDX-License-Identifier: GPL-2.0-only
#ifndef LANES_BENCH_ACCEPTOR_H
#define LANES_BENCH_ACCEPTOR_H

#include <cstddef>
#include <functional>

#include "bench/setup.h"

namespace lanes {

/** A request is that many bytes, and so is its answer. */
constexpr size_t message_size = 64;

/** Where the connection's last packet was processed. */
int incoming_cpu(int fd);

/** A worker that is bound to one CPU: answers each connection, and closes it. */
class Acceptor {
public:
	using Answer = std::function<void(const Fd &)>;

	Acceptor(int listen_fd, Accept accept, int cpu, Answer answer)
		: listen_fd_(listen_fd), accept_(accept), cpu_(cpu), answer_(std::move(answer))
	{
	}

	[[noreturn]] void run();

private:
	[[noreturn]] void wait_epoll();
	[[noreturn]] void wait_uring();
	void take_one();

	const int listen_fd_;
	const Accept accept_;
	const int cpu_;
	const Answer answer_;
};

} // namespace lanes

#endif
