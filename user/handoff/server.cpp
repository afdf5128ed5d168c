// SPDX-License-Identifier: GPL-2.0-only
#include "handoff/server.h"

#include <array>
#include <span>

#include <cerrno>

#include <netinet/tcp.h>
#include <poll.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/uio.h>

#include "common/error.h"

namespace lanes::handoff {
namespace {

constexpr int backlog = 4096;
constexpr size_t buffers = 4096;
/* Connections that the poller reads, or a worker takes, in a turn. */
constexpr size_t poll_batch = 128;
constexpr size_t work_batch = 16;
constexpr size_t parts_max = 64;
/* A peer that takes no answer for so long is given up. */
constexpr int patience_ms = 5000;

Fd listen_at(const Endpoint &endpoint)
{
	Fd fd(socket(endpoint.family(), SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
	const int one = 1;

	if (!fd)
		throw_errno(errno, "socket");
	setsockopt(fd.get(), SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
	/* Inherited by the connections: an echo must not wait for an ACK. */
	setsockopt(fd.get(), IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
	if (bind(fd.get(), endpoint.address(), endpoint.length()))
		throw_errno(errno, std::format("bind to {}", endpoint.to_string()),
			    "choose another --listen");
	if (::listen(fd.get(), backlog))
		throw_errno(errno, "listen");
	return fd;
}

void watch(int epoll, int fd, void *what)
{
	epoll_event event{};

	event.events = EPOLLIN;
	event.data.ptr = what;
	if (epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event))
		throw_errno(errno, "epoll_ctl");
}

/* Sends all of @parts, waiting while the peer is slow. False: it is gone. */
bool send_all(int fd, std::span<iovec> parts)
{
	while (!parts.empty()) {
		msghdr message{};
		ssize_t sent;

		message.msg_iov = parts.data();
		message.msg_iovlen = parts.size();
		sent = sendmsg(fd, &message, MSG_NOSIGNAL);

		if (sent < 0 && errno == EAGAIN) {
			pollfd writable = {.fd = fd, .events = POLLOUT, .revents = 0};

			if (::poll(&writable, 1, patience_ms) != 1)
				return false;
			continue;
		}
		if (sent < 0)
			return false;
		for (; !parts.empty() && static_cast<size_t>(sent) >= parts[0].iov_len;
		     parts = parts.subspan(1))
			sent -= static_cast<ssize_t>(parts[0].iov_len);
		if (sent) {
			parts[0].iov_base = static_cast<std::byte *>(parts[0].iov_base) + sent;
			parts[0].iov_len -= static_cast<size_t>(sent);
		}
	}
	return true;
}

} // namespace

Server::Server(const Endpoint &listen, unsigned workers)
	: listener_(listen_at(listen)), epoll_(epoll_create1(EPOLL_CLOEXEC)),
	  stop_(eventfd(0, EFD_CLOEXEC)), pool_(buffers)
{
	if (!epoll_ || !stop_)
		throw_errno(errno, "epoll_create1 or eventfd");
	watch(epoll_.get(), listener_.get(), &listener_);
	watch(epoll_.get(), stop_.get(), &stop_);
	threads_.emplace_back([this] { poll(); });
	for (unsigned i = 0; i < workers; i++)
		threads_.emplace_back([this] { work(); });
}

Server::~Server()
{
	eventfd_write(stop_.get(), 1);
	queue_.stop();
	pool_.stop();
	for (std::thread &thread : threads_)
		thread.join();
	for (Connection *connection : connections_)
		delete connection;
}

void Server::poll()
{
	std::array<epoll_event, poll_batch> events;

	for (;;) {
		const int count = epoll_wait(epoll_.get(), events.data(),
					     static_cast<int>(events.size()), -1);

		for (int i = 0; i < count; i++) {
			void *what = events[static_cast<size_t>(i)].data.ptr;

			if (what == &stop_)
				return;
			if (what == &listener_)
				accept_all();
			else
				read(*static_cast<Connection *>(what));
		}
		queue_.push(batch_);
	}
}

void Server::accept_all()
{
	for (;;) {
		Fd fd(accept4(listener_.get(), nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK));

		if (!fd)
			return;

		auto *connection = new Connection(std::move(fd));
		{
			const std::lock_guard lock(mutex_);

			connections_.insert(connection);
		}
		watch(epoll_.get(), connection->fd(), connection);
	}
}

/* One read for an event: what is left makes the next one, since it is level
 * triggered.
 */
void Server::read(Connection &connection)
{
	if (spare_.empty()) {
		/* What waits here may hold the buffers that are waited for. */
		queue_.push(batch_);
		pool_.take(spare_, work_batch);
		if (spare_.empty())
			return;
	}

	Buffer *buffer = spare_.back();
	const ssize_t length = recv(connection.fd(), buffer->bytes.data(), Buffer::capacity, 0);

	if (length > 0) {
		spare_.pop_back();
		buffer->length = static_cast<size_t>(length);
		if (connection.append(buffer))
			batch_.push_back(&connection);
	} else if (length == 0 || errno != EAGAIN) {
		epoll_ctl(epoll_.get(), EPOLL_CTL_DEL, connection.fd(), nullptr);
		if (connection.end())
			batch_.push_back(&connection);
	}
}

void Server::work()
{
	std::vector<Connection *> turn;
	std::vector<Buffer *> used;

	for (; queue_.pop(turn, work_batch); turn.clear()) {
		for (Connection *connection : turn) {
			bool ended = false;

			while (Buffer *input = connection->take(ended))
				answer(*connection, input, used);
			if (ended) {
				const std::lock_guard lock(mutex_);

				connections_.erase(connection);
				delete connection;
			}
		}
		pool_.give(used);
	}
}

void Server::answer(Connection &connection, Buffer *input, std::vector<Buffer *> &used)
{
	std::array<iovec, parts_max> parts;
	bool open = true;

	while (input) {
		size_t count = 0;

		for (; input && count < parts.size(); input = input->next) {
			parts[count++] = {input->bytes.data(), input->length};
			used.push_back(input);
		}
		if (open && !send_all(connection.fd(), std::span(parts).first(count))) {
			/* The poller sees the end and says so. */
			::shutdown(connection.fd(), SHUT_RDWR);
			open = false;
		}
	}
}

} // namespace lanes::handoff
