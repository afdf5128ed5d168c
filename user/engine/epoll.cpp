// SPDX-License-Identifier: GPL-2.0-only
#include "engine/epoll.h"

#include <algorithm>

#include <cerrno>

#include <fcntl.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>

#include "common/error.h"
#include "engine/socket.h"

namespace lanes {
namespace {

constexpr size_t events_max = 256;
/* In one poll(), of a listener. */
constexpr int accepts_max = 64;

/* In epoll_event's data: a slot and its generation, or one of these. */
constexpr uint64_t listener_mark = 1ULL << 63;
constexpr uint64_t wake_mark = 1ULL << 62;

/* Connection::interest. */
constexpr uint8_t input = 1;
constexpr uint8_t output = 2;
/* Its last receive filled a buffer. */
constexpr uint8_t wide = 0x40;
constexpr uint8_t known = 0x80;

uint32_t events_of(uint8_t interest)
{
	return (interest & input ? uint32_t{EPOLLIN} : 0) |
	       (interest & output ? uint32_t{EPOLLOUT} : 0);
}

} // namespace

EpollEngine::EpollEngine(const EngineConfig &config, Connections &connections, Memory &memory,
			 EngineEvents &events, Counters &counters)
	: budget_(config.budget), connections_(connections), memory_(memory), events_(events),
	  counters_(counters), epoll_(epoll_create1(EPOLL_CLOEXEC)),
	  wake_(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)),
	  targets_memory_(connections.capacity() * sizeof(*targets_),
			  "use fewer with --connections"),
	  targets_(reinterpret_cast<std::span<std::byte> *>(targets_memory_.data()))
{
	epoll_event event{.events = EPOLLIN, .data = {.u64 = wake_mark}};

	if (!epoll_ || !wake_)
		throw_errno(errno, "epoll_create1 or eventfd", "raise the limit of open files");
	if (epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, wake_.get(), &event))
		throw_errno(errno, "epoll_ctl");
	spares_wanted_ = std::clamp<size_t>(memory.buffers.count() / 4, 1, spares_max);
	ended_.reserve(connections.capacity());
	closed_.reserve(connections.capacity());
}

void EpollEngine::accept(uint32_t listener, int fd)
{
	epoll_event event{.events = EPOLLIN | EPOLLEXCLUSIVE,
			  .data = {.u64 = listener_mark | listener}};

	if (listeners_.size() <= listener)
		listeners_.resize(listener + 1, -1);
	listeners_[listener] = fd;
	fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK);
	counters_.enters.add(3);
	if (epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, fd, &event))
		throw_errno(errno, "epoll_ctl of a listening socket");
}

void EpollEngine::stop_accept(uint32_t listener)
{
	epoll_ctl(epoll_.get(), EPOLL_CTL_DEL, listeners_[listener], nullptr);
	counters_.enters.add();
	stopped_accepts_.push_back(listener);
}

void EpollEngine::on_accept(uint32_t listener)
{
	const int listen_fd = listeners_[listener];

	for (int n = 0; n < accepts_max; n++) {
		const int fd = accept4(listen_fd, nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK);
		const int error = errno;

		counters_.enters.add();
		if (fd >= 0) {
			events_.accepted(listener, fd);
			continue;
		}
		if (error == EAGAIN || error == ECONNABORTED || error == EINTR)
			return;
		epoll_ctl(epoll_.get(), EPOLL_CTL_DEL, listen_fd, nullptr);
		counters_.enters.add();
		events_.accept_ended(listener, error);
		return;
	}
}

void EpollEngine::refuse(int fd)
{
	::close(fd);
	counters_.enters.add();
}

void EpollEngine::watch(uint32_t slot, uint8_t interest)
{
	Connection &c = connections_[slot];
	const bool watched = c.interest & known;
	epoll_event event{.events = events_of(interest),
			  .data = {.u64 = uint64_t{c.generation} << 32 | slot}};

	if (watched && c.interest == (interest | known))
		return;
	/* Fails only for want of memory: then the connection gets no events, and
	 * its timeouts end it.
	 */
	epoll_ctl(epoll_.get(), watched ? EPOLL_CTL_MOD : EPOLL_CTL_ADD, c.fd, &event);
	counters_.enters.add();
	c.interest = interest | known;
}

void EpollEngine::receive(uint32_t slot)
{
	Connection &c = connections_[slot];

	c.receiving = true;
	c.single = c.streaming;
	targets_[slot] = {};
	watch(slot, c.interest | input);
}

void EpollEngine::receive_into(uint32_t slot, std::span<std::byte> memory)
{
	Connection &c = connections_[slot];

	c.receiving = true;
	c.single = true;
	targets_[slot] = memory;
	watch(slot, c.interest | input);
}

void EpollEngine::stop_receive(uint32_t slot)
{
	Connection &c = connections_[slot];

	c.stopping = true;
	ended_.push_back({slot, ECANCELED});
}

ssize_t EpollEngine::send(uint32_t slot, std::span<const iovec> parts)
{
	Connection &c = connections_[slot];
	const ssize_t sent = send_now(c.fd, parts);

	counters_.enters.add();
	if (sent != -EAGAIN)
		return sent;
	c.sending = true;
	watch(slot, c.interest | output);
	return pending;
}

void EpollEngine::shutdown(uint32_t slot, int how)
{
	::shutdown(connections_[slot].fd, how);
	counters_.enters.add();
}

void EpollEngine::close(uint32_t slot)
{
	::close(connections_[slot].fd);
	counters_.enters.add();
	closed_.push_back(slot);
}

void EpollEngine::ask_cpu(uint32_t slot)
{
	counters_.enters.add();
	events_.cpu_known(slot, incoming_cpu(connections_[slot].fd));
}

void EpollEngine::ask_input(uint32_t slot)
{
	counters_.enters.add();
	events_.input_known(slot, has_input_now(connections_[slot].fd));
}

void EpollEngine::ask_peer(uint32_t slot, sockaddr_storage &address)
{
	find_peer(connections_[slot].fd, address);
	events_.peer_known(slot);
}

void EpollEngine::poll(std::optional<std::chrono::nanoseconds> timeout)
{
	std::array<epoll_event, events_max> events;
	timespec wait{};

	if (!stopped_accepts_.empty() || !ended_.empty() || !closed_.empty())
		timeout = std::chrono::nanoseconds(0);
	if (timeout) {
		wait.tv_sec = timeout->count() / 1'000'000'000;
		wait.tv_nsec = timeout->count() % 1'000'000'000;
	}

	const int count = epoll_pwait2(epoll_.get(), events.data(), events.size(),
				       timeout ? &wait : nullptr, nullptr);

	counters_.enters.add();
	if (count < 0 && errno != EINTR)
		throw_errno(errno, "epoll_pwait2");
	if (count > 0) {
		counters_.wakes.add();
		counters_.cqes.add(static_cast<uint64_t>(count));
	}
	report_ends();
	for (int i = 0; i < count; i++) {
		const epoll_event &event = events[static_cast<size_t>(i)];
		const auto slot = static_cast<uint32_t>(event.data.u64);

		if (event.data.u64 & listener_mark) {
			on_accept(slot);
		} else if (event.data.u64 & wake_mark) {
			uint64_t value;

			counters_.enters.add();
			if (read(wake_.get(), &value, sizeof(value)) < 0 && errno != EAGAIN)
				throw_errno(errno, "eventfd");
		} else if (connections_.current({Operation::receive, slot,
						 static_cast<uint32_t>(event.data.u64 >> 32)})) {
			on_event(slot, event.events);
		}
	}
}

/* What was asked for since the last poll(); more may be while it is told. */
void EpollEngine::report_ends()
{
	for (size_t i = 0, n = stopped_accepts_.size(); i < n; i++)
		events_.accept_ended(stopped_accepts_[i], ECANCELED);
	stopped_accepts_.clear();
	for (size_t i = 0; i < ended_.size(); i++) {
		const End end = ended_[i];
		Connection &c = connections_[end.slot];

		if (!c.stopping)
			continue;
		c.stopping = c.receiving = false;
		events_.receive_ended(end.slot, end.error);
	}
	ended_.clear();
	for (size_t i = 0; i < closed_.size(); i++)
		events_.closed(closed_[i]);
	closed_.clear();
}

void EpollEngine::on_event(uint32_t slot, uint32_t events)
{
	Connection &c = connections_[slot];
	const bool broken = events & (EPOLLHUP | EPOLLERR);

	/* Its descriptor may be another connection's by now. */
	if (c.closed)
		return;
	if (c.sending && (broken || (events & EPOLLOUT))) {
		c.sending = false;
		watch(slot, c.interest & ~output);
		events_.sent(slot, 0);
	} else if ((c.interest & output) && !c.sending) {
		watch(slot, c.interest & ~output);
	}
	if (c.closed || !(broken || (events & EPOLLIN)))
		return;
	if (c.receiving && !c.stopping) {
		if (targets_[slot].empty())
			read_buffers(slot);
		else
			read_into(slot);
		if (!c.closed)
			events_.input_over(slot);
	} else if (broken && !c.receiving) {
		/* Nothing can be sent or received any more, and the event would
		 * come for ever.
		 */
		epoll_ctl(epoll_.get(), EPOLL_CTL_DEL, c.fd, nullptr);
		counters_.enters.add();
		events_.receive_ended(slot, ECONNRESET);
	} else {
		watch(slot, c.interest & ~input);
	}
}

bool EpollEngine::fill_spares()
{
	while (spare_count_ < spares_wanted_) {
		const uint32_t id = memory_.buffers.take();

		if (id == BufferPool::none)
			break;
		spares_[spare_count_++] = id;
	}
	counters_.buffers_offered.set(spare_count_);
	return spare_count_;
}

/* A full first buffer tells that there is more: then several at once, as for
 * who sent much the last time.
 */
void EpollEngine::read_buffers(uint32_t slot)
{
	Connection &c = connections_[slot];
	const size_t size = memory_.buffers.size();
	const bool single = c.single;
	size_t left = budget_;
	size_t count = single || (c.interest & wide) ? spares_wanted_ : 1;

	while (left && c.receiving && !c.stopping) {
		std::array<iovec, spares_max> parts;
		msghdr message{};

		if (!fill_spares()) {
			counters_.no_buffers.add();
			c.receiving = false;
			watch(slot, c.interest & ~input);
			events_.receive_ended(slot, ENOBUFS);
			return;
		}
		/* From the end, which is the one last used. */
		count = std::min({count, spare_count_, (left + size - 1) / size});
		for (size_t i = 0; i < count; i++)
			parts[i] = {memory_.buffers.data(spares_[spare_count_ - 1 - i]), size};

		ssize_t got;

		if (count == 1) {
			got = recv(c.fd, parts[0].iov_base, size, MSG_DONTWAIT);
		} else {
			message.msg_iov = parts.data();
			message.msg_iovlen = count;
			got = recvmsg(c.fd, &message, MSG_DONTWAIT);
		}
		counters_.enters.add();
		if (got <= 0) {
			const int error = got ? errno : 0;

			if (error == EAGAIN || error == EINTR)
				return;
			c.receiving = false;
			watch(slot, c.interest & ~input);
			events_.receive_ended(slot, error);
			return;
		}

		const bool more = static_cast<size_t>(got) == count * size;

		if (static_cast<size_t>(got) >= size)
			c.interest |= wide;
		else
			c.interest &= ~wide;
		left -= std::min(left, static_cast<size_t>(got));
		for (auto rest = static_cast<size_t>(got); rest;) {
			Segment segment;

			segment.id = spares_[--spare_count_];
			segment.data = memory_.buffers.data(segment.id);
			segment.length = static_cast<uint32_t>(std::min(rest, size));
			segment.owner = Segment::Owner::buffer;
			rest -= segment.length;
			counters_.buffers_offered.set(spare_count_);
			if (single && !rest)
				c.receiving = c.stopping = false;
			events_.received(slot, segment);
		}
		if (!more || single)
			return;
		count = spares_wanted_;
	}
}

void EpollEngine::read_into(uint32_t slot)
{
	Connection &c = connections_[slot];
	const std::span<std::byte> target = targets_[slot];
	const ssize_t got = recv(c.fd, target.data(), target.size(), MSG_DONTWAIT);
	const int error = got < 0 ? errno : 0;

	counters_.enters.add();
	if (error == EAGAIN || error == EINTR)
		return;
	c.receiving = false;
	if (got > 0) {
		events_.filled(slot, static_cast<size_t>(got));
		return;
	}
	watch(slot, c.interest & ~input);
	events_.receive_ended(slot, error);
}

void EpollEngine::wake()
{
	const uint64_t one = 1;

	/* A full counter is readable too. */
	[[maybe_unused]] const ssize_t written = write(wake_.get(), &one, sizeof(one));
}

} // namespace lanes
