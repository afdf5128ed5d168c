// SPDX-License-Identifier: GPL-2.0-only
#ifndef LANES_LANESD_RING_H
#define LANES_LANESD_RING_H

#include <chrono>
#include <optional>

#include <liburing.h>

#include "lanesd/token.h"

namespace lanes {

/**
 * One io_uring, used by the thread that made it and by no other: completions
 * are worked off only when that thread asks for them.
 */
class Ring {
public:
	Ring(unsigned submissions, unsigned completions);
	Ring(const Ring &) = delete;
	Ring &operator=(const Ring &) = delete;
	~Ring() { io_uring_queue_exit(&ring_); }

	io_uring *get() { return &ring_; }

	/** Queues a submission that @prepare fills in. */
	template <typename Prepare> void queue(Token token, Prepare &&prepare)
	{
		io_uring_sqe *sqe = next();

		prepare(sqe);
		io_uring_sqe_set_data64(sqe, token.encode());
	}

	/** Submits, then waits for a completion or until @timeout has passed. */
	void wait(std::optional<std::chrono::nanoseconds> timeout);

	/** Calls @handle for every completion that is there. */
	template <typename Handler> void reap(Handler &&handle)
	{
		unsigned head;
		unsigned count = 0;
		io_uring_cqe *cqe;

		io_uring_for_each_cqe(&ring_, head, cqe)
		{
			handle(*cqe);
			count++;
		}
		io_uring_cq_advance(&ring_, count);
	}

private:
	/** An empty submission; a full queue is submitted first. */
	io_uring_sqe *next();

	io_uring ring_{};
};

} // namespace lanes

#endif
