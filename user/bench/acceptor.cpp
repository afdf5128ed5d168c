// SPDX-License-Identifier: GPL-2.0-only
#include "bench/acceptor.h"

#include <cerrno>

#include <fcntl.h>
#include <liburing.h>
#include <sys/epoll.h>

#include "common/cpus.h"
#include "common/error.h"

namespace lanes {
int incoming_cpu(int fd)
{
	int cpu = -1;
	socklen_t length = sizeof(cpu);

	if (getsockopt(fd, SOL_SOCKET, SO_INCOMING_CPU, &cpu, &length))
		throw_errno(errno, "SO_INCOMING_CPU");
	return cpu;
}

namespace {

void arm(io_uring &ring, int listen_fd)
{
	io_uring_prep_multishot_accept(io_uring_get_sqe(&ring), listen_fd, nullptr, nullptr,
				       SOCK_CLOEXEC);
}

} // namespace

/* Another worker may have been faster. */
void Acceptor::take_one()
{
	const int fd = accept4(listen_fd_, nullptr, nullptr, SOCK_CLOEXEC);

	if (fd >= 0)
		answer_(Fd(fd));
	else if (errno != EAGAIN)
		throw_errno(errno, "accept");
}

void Acceptor::wait_epoll()
{
	const Fd epoll(epoll_create1(EPOLL_CLOEXEC));
	epoll_event event{};

	event.events = EPOLLIN;
	if (accept_ == Accept::exclusive)
		event.events |= EPOLLEXCLUSIVE;
	if (!epoll || epoll_ctl(epoll.get(), EPOLL_CTL_ADD, listen_fd_, &event))
		throw_errno(errno, "epoll");
	for (;;) {
		if (epoll_wait(epoll.get(), &event, 1, -1) != 1)
			throw_errno(errno, "epoll_wait");
		take_one();
	}
}

void Acceptor::wait_uring()
{
	io_uring ring;
	const int failed = io_uring_queue_init(
		64, &ring, IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_DEFER_TASKRUN);

	if (failed)
		throw_errno(-failed, "io_uring");
	arm(ring, listen_fd_);
	for (;;) {
		io_uring_cqe *cqe;
		const int submitted = io_uring_submit_and_wait(&ring, 1);

		if (submitted < 0)
			throw_errno(-submitted, "io_uring_enter");
		while (!io_uring_peek_cqe(&ring, &cqe)) {
			const int fd = cqe->res;
			const bool more = cqe->flags & IORING_CQE_F_MORE;

			io_uring_cqe_seen(&ring, cqe);
			if (fd < 0)
				throw_errno(-fd, "accept of io_uring");
			answer_(Fd(fd));
			if (!more)
				arm(ring, listen_fd_);
		}
	}
}

void Acceptor::run()
{
	pin_to_cpu(cpu_);
	if (accept_ == Accept::uring)
		wait_uring();
	if (accept_ == Accept::block)
		for (;;)
			take_one();
	if (fcntl(listen_fd_, F_SETFL, O_NONBLOCK))
		throw_errno(errno, "O_NONBLOCK");
	wait_epoll();
}

} // namespace lanes
