// SPDX-License-Identifier: GPL-2.0-only
#ifndef LANES_BENCH_DIRECT_ACCEPTOR_H
#define LANES_BENCH_DIRECT_ACCEPTOR_H

#include <array>

#include <liburing.h>

#include "bench/accepted.h"
#include "bench/acceptor.h"

namespace lanes {

/** A worker that is bound to one CPU and does all by io_uring, with direct
 *  descriptors: answers one request of each connection, and closes it.
 */
class DirectAcceptor {
public:
	/** Throws std::system_error if this kernel cannot do it. */
	DirectAcceptor(int listen_fd, int cpu, Accepted &accepted);
	~DirectAcceptor() { io_uring_queue_exit(&ring_); }
	DirectAcceptor(const DirectAcceptor &) = delete;
	DirectAcceptor &operator=(const DirectAcceptor &) = delete;

	[[noreturn]] void run();

private:
	/** Connections at a time. */
	static constexpr unsigned slots = 64;

	struct Connection {
		int incoming_cpu;
		char message[message_size];
	};

	void arm();
	io_uring_sqe *prepare();
	void answer(int slot);
	void done(const io_uring_cqe &cqe);

	const int listen_fd_;
	const int cpu_;
	Accepted &accepted_;
	io_uring ring_;
	std::array<Connection, slots> connections_;
};

} // namespace lanes

#endif
