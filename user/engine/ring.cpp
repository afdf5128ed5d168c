// SPDX-License-Identifier: GPL-2.0-only
#include "engine/ring.h"

#include <algorithm>

#include <cerrno>

#include "common/error.h"

namespace lanes {

int set_up_ring(io_uring &ring, const RingSetup &setup)
{
	/* Saves an indirection, where the kernel knows it. */
	for (unsigned extra : {IORING_SETUP_NO_SQARRAY, 0U}) {
		io_uring_params params{};

		params.flags = setup.flags | IORING_SETUP_CQSIZE | IORING_SETUP_SUBMIT_ALL | extra;
		params.cq_entries = setup.completions;
		params.sq_thread_idle = setup.idle_ms;
		if (setup.attach_fd >= 0) {
			params.flags |= IORING_SETUP_ATTACH_WQ;
			params.wq_fd = static_cast<uint32_t>(setup.attach_fd);
		}
		if (setup.thread_cpu >= 0) {
			params.flags |= IORING_SETUP_SQ_AFF;
			params.sq_thread_cpu = static_cast<uint32_t>(setup.thread_cpu);
		}

		const int error = -io_uring_queue_init_params(setup.submissions, &ring, &params);

		if (error != EINVAL || !extra)
			return error;
	}
	return EINVAL;
}

const char *ring_remedy(int error)
{
	switch (error) {
	case ENOSYS:
		return "the kernel lacks CONFIG_IO_URING, or a seccomp filter hides it";
	case EPERM:
	case EACCES:
		return "set sysctl kernel.io_uring_disabled to 0, and allow io_uring_setup in the "
		       "seccomp filter";
	case ENOMEM:
		return "raise the limit of locked memory (ulimit -l, LimitMEMLOCK=) or of the "
		       "control group";
	case EMFILE:
	case ENFILE:
		return "raise the limit of open files (ulimit -n, LimitNOFILE=)";
	case EINVAL:
		return "the kernel is too old: 6.1 or later is needed";
	default:
		return "";
	}
}

Ring::Ring(const RingSetup &setup, Counters &counters) : counters_(counters)
{
	if (const int error = set_up_ring(ring_, setup))
		throw_errno(error, "io_uring_setup", ring_remedy(error));
	/* Saves the look-up of the descriptor at each call; works without. */
	io_uring_register_ring_fd(&ring_);
	messages_.emplace(ring_.sq.ring_entries * sizeof(Message), "use fewer shards");
}

io_uring_sqe *Ring::next()
{
	counters_.sqes.add();
	/* The kernel may be short of memory for a moment. */
	for (unsigned tries = 0; tries < 1000; tries++) {
		if (io_uring_sqe *sqe = io_uring_get_sqe(&ring_))
			return sqe;
		submit();
		if (ring_.flags & IORING_SETUP_SQPOLL && !io_uring_sq_space_left(&ring_))
			entered(io_uring_sqring_wait(&ring_));
	}
	throw std::runtime_error("io_uring: the submission queue stays full");
}

msghdr *Ring::message(const io_uring_sqe *sqe, std::span<const iovec> parts)
{
	Message &message = reinterpret_cast<Message *>(messages_->data())[sqe - ring_.sq.sqes];

	std::ranges::copy(parts, message.parts);
	message.header = {};
	message.header.msg_iov = message.parts;
	message.header.msg_iovlen = parts.size();
	return &message.header;
}

void Ring::entered(int result)
{
	counters_.enters.add();
	if (io_uring_cq_has_overflow(&ring_))
		counters_.overflows.add();
	/* EBUSY and EAGAIN: the completions must be reaped first, and are. */
	if (result < 0 && result != -ETIME && result != -EINTR && result != -EBUSY &&
	    result != -EAGAIN)
		throw_errno(-result, "io_uring_enter");
}

void Ring::submit()
{
	if (ring_.flags & IORING_SETUP_SQPOLL) {
		if (!io_uring_sq_ready(&ring_))
			return;

		/* It enters if it finds the kernel's thread asleep. */
		const bool asleep = flags() & IORING_SQ_NEED_WAKEUP;
		const int result = io_uring_submit(&ring_);

		if (asleep || flags() & IORING_SQ_NEED_WAKEUP)
			entered(result);
	} else if (io_uring_sq_ready(&ring_) ||
		   flags() & (IORING_SQ_TASKRUN | IORING_SQ_CQ_OVERFLOW)) {
		entered(io_uring_submit_and_get_events(&ring_));
	}
}

void Ring::wait(std::optional<std::chrono::nanoseconds> timeout, unsigned crowd,
		unsigned patience_us)
{
	io_uring_cqe *cqe;
	__kernel_timespec until{};

	if (timeout) {
		until.tv_sec = timeout->count() / 1'000'000'000;
		until.tv_nsec = timeout->count() % 1'000'000'000;
	}
	if (crowd)
		entered(io_uring_submit_and_wait_min_timeout(&ring_, &cqe, crowd, &until,
							     patience_us, nullptr));
	else if (timeout)
		entered(io_uring_submit_and_wait_timeout(&ring_, &cqe, 1, &until, nullptr));
	else
		entered(io_uring_submit_and_wait(&ring_, 1));
}

} // namespace lanes
