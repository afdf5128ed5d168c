// SPDX-License-Identifier: GPL-2.0-only
#include "lanesd/ring.h"

#include <cerrno>

#include "common/error.h"

namespace lanes {

Ring::Ring(unsigned submissions, unsigned completions)
{
	io_uring_params params{};

	params.flags =
		IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_DEFER_TASKRUN | IORING_SETUP_CQSIZE;
	params.cq_entries = completions;

	const int error = -io_uring_queue_init_params(submissions, &ring_, &params);

	if (error == EINVAL)
		throw_errno(error, "io_uring_setup", "lanesd needs Linux 6.1 or later");
	if (error == EPERM || error == ENOSYS)
		throw_errno(error, "io_uring_setup", "set sysctl kernel.io_uring_disabled to 0");
	if (error == ENOMEM)
		throw_errno(error, "io_uring_setup", "raise the memory limit of the process");
	if (error)
		throw_errno(error, "io_uring_setup");
}

io_uring_sqe *Ring::next()
{
	io_uring_sqe *sqe = io_uring_get_sqe(&ring_);

	if (!sqe) {
		const int done = io_uring_submit(&ring_);

		if (done < 0)
			throw_errno(-done, "io_uring_submit");
		sqe = io_uring_get_sqe(&ring_);
		if (!sqe)
			throw std::runtime_error("io_uring: the submission queue stays full");
	}
	return sqe;
}

void Ring::wait(std::optional<std::chrono::nanoseconds> timeout)
{
	io_uring_cqe *cqe;
	__kernel_timespec until{};
	int done;

	if (timeout) {
		until.tv_sec = timeout->count() / 1'000'000'000;
		until.tv_nsec = timeout->count() % 1'000'000'000;
		done = io_uring_submit_and_wait_timeout(&ring_, &cqe, 1, &until, nullptr);
	} else {
		done = io_uring_submit_and_wait(&ring_, 1);
	}
	/* EBUSY and EAGAIN: the completions must be reaped first, and are. */
	if (done < 0 && done != -ETIME && done != -EINTR && done != -EBUSY && done != -EAGAIN)
		throw_errno(-done, "io_uring_enter");
}

} // namespace lanes
