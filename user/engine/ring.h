// SPDX-License-Identifier: GPL-2.0-only
#ifndef LANES_ENGINE_RING_H
#define LANES_ENGINE_RING_H

#include <chrono>
#include <optional>
#include <span>

#include <liburing.h>
#include <sys/socket.h>
#include <sys/uio.h>

#include "engine/counters.h"
#include "engine/engine.h"
#include "engine/memory.h"
#include "engine/token.h"

namespace lanes {

struct RingSetup {
	/** IORING_SETUP_*; Ring adds what every ring has. */
	unsigned flags = 0;
	unsigned submissions = 0;
	unsigned completions = 0;
	/** IORING_SETUP_SQPOLL: how long the kernel's thread polls before it
	 *  sleeps, and the ring whose thread to share.
	 */
	unsigned idle_ms = 0;
	int attach_fd = -1;
	/** The CPU of that thread; -1: any. */
	int thread_cpu = -1;
};

/** What each ring but those with a kernel thread is made with: completions are
 *  worked off when their thread asks for them, and IORING_SQ_TASKRUN tells
 *  that there are some.
 */
constexpr unsigned deferred_ring =
	IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_DEFER_TASKRUN | IORING_SETUP_TASKRUN_FLAG;

/** Makes @ring. Returns an errno, or 0. */
int set_up_ring(io_uring &ring, const RingSetup &setup);
/** What to do about set_up_ring()'s @error. */
const char *ring_remedy(int error);

struct Completion {
	Token token;
	int32_t result;
	uint32_t flags;
};

/** One io_uring, used by the thread that made it and by no other. */
class Ring {
public:
	Ring(const RingSetup &setup, Counters &counters);
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
	/** A header for @parts, which are copied, that stays until the kernel
	 *  has taken @sqe and with it a copy of its own.
	 */
	msghdr *message(const io_uring_sqe *sqe, std::span<const iovec> parts);

	bool has_completions() const { return io_uring_cq_ready(&ring_); }

	/** Submits what is queued and does the work that waits for this thread.
	 *  No system call if there is neither.
	 */
	void submit();
	/** Submits, then waits for a completion or until @timeout has passed.
	 *  If @crowd is not 0: for that many, but no longer than @patience_us if
	 *  there is one; there must be a @timeout then.
	 */
	void wait(std::optional<std::chrono::nanoseconds> timeout, unsigned crowd = 0,
		  unsigned patience_us = 0);

	/** Calls @handle for every completion that is there now; returns their
	 *  number. @handle may queue.
	 */
	template <typename Handler> unsigned reap(Handler &&handle)
	{
		const unsigned count = io_uring_cq_ready(&ring_);

		for (unsigned n = 0; n < count; n++) {
			const unsigned head = *ring_.cq.khead;
			const io_uring_cqe &cqe = ring_.cq.cqes[head & ring_.cq.ring_mask];
			const Completion completion = {Token::decode(cqe.user_data), cqe.res,
						       cqe.flags};

			io_uring_cq_advance(&ring_, 1);
			handle(completion);
		}
		counters_.cqes.add(count);
		return count;
	}

private:
	struct Message {
		msghdr header;
		iovec parts[Engine::parts_max];
	};

	/** An empty submission; a full queue is submitted first. */
	io_uring_sqe *next();
	unsigned flags() const { return IO_URING_READ_ONCE(*ring_.sq.kflags); }
	void entered(int result);

	Counters &counters_;
	io_uring ring_{};
	/* One beside each submission. */
	std::optional<Pages> messages_;
};

} // namespace lanes

#endif
