// SPDX-License-Identifier: GPL-2.0-only
#include "bench/server.h"

#include <array>

#include <cerrno>

#include <fcntl.h>
#include <sys/epoll.h>

#include "bench/accepted.h"
#include "bench/acceptor.h"
#include "common/cpus.h"
#include "common/error.h"

namespace lanes {

Server::Server(int listen_fd, Accept accept, int cpu, Served &served)
	: listen_fd_(listen_fd), accept_(accept), cpu_(cpu), served_(served),
	  epoll_(epoll_create1(EPOLL_CLOEXEC))
{
	if (!epoll_)
		throw_errno(errno, "epoll");
}

void Server::watch(int fd, uint32_t events) const
{
	epoll_event event{};

	event.events = events;
	event.data.fd = fd;
	if (epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, fd, &event))
		throw_errno(errno, "epoll_ctl");
}

/* Another worker may have been faster. */
void Server::accept()
{
	Fd fd(accept4(listen_fd_, nullptr, nullptr, SOCK_CLOEXEC));

	if (!fd && errno == EAGAIN)
		return;
	if (!fd)
		throw_errno(errno, "accept");
	count_one(served_.accepted);
	watch(fd.get(), EPOLLIN);
	connections_.emplace(fd.get(), std::move(fd));
}

void Server::answer(int fd)
{
	char message[message_size];
	const ssize_t got = recv(fd, message, sizeof(message), MSG_WAITALL);

	if (!got) {
		connections_.erase(fd);
		return;
	}
	count_one(served_.requests);
	if (incoming_cpu(fd) == cpu_)
		count_one(served_.local);
	if (got != sizeof(message) ||
	    send(fd, message, sizeof(message), MSG_NOSIGNAL) != sizeof(message))
		throw_errno(errno, "a request");
}

void Server::run()
{
	std::array<epoll_event, 64> events;

	pin_to_cpu(cpu_);
	if (fcntl(listen_fd_, F_SETFL, O_NONBLOCK))
		throw_errno(errno, "O_NONBLOCK");
	watch(listen_fd_, accept_ == Accept::exclusive ? EPOLLIN | EPOLLEXCLUSIVE : EPOLLIN);
	for (;;) {
		const int ready = epoll_wait(epoll_.get(), events.data(), events.size(), -1);

		if (ready < 0)
			throw_errno(errno, "epoll_wait");
		for (int i = 0; i < ready; i++) {
			const int fd = events[static_cast<size_t>(i)].data.fd;

			if (fd == listen_fd_)
				accept();
			else
				answer(fd);
		}
	}
}

} // namespace lanes
