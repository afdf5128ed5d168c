// SPDX-License-Identifier: GPL-2.0-only
#include "load/client.h"

#include <algorithm>
#include <array>
#include <exception>
#include <thread>

#include <cerrno>

#include <netinet/tcp.h>
#include <poll.h>
#include <sys/epoll.h>

#include "common/cpus.h"
#include "common/error.h"

namespace lanes {

void LoadResult::merge(const LoadResult &other)
{
	served += other.served;
	reset += other.reset;
	stuck += other.stuck;
	failed += other.failed;
	if (other.error)
		error = other.error;
	connect.merge(other.connect);
	accept_wait.merge(other.accept_wait);
}

Client::Client(const LoadPlan &plan)
	: plan_(plan), epoll_(epoll_create1(EPOLL_CLOEXEC)), attempts_(plan.connections)
{
	if (!epoll_)
		throw_errno(errno, "epoll_create1");
	result_.connect.reserve(plan.connections);
	result_.accept_wait.reserve(plan.connections);
}

LoadResult Client::run(Clock::time_point start)
{
	std::array<epoll_event, 64> events;

	start_ = start;
	while (first_ < attempts_.size()) {
		const auto wait = until_next(Clock::now());
		const timespec timeout = {
			.tv_sec = wait.count() / 1'000'000'000,
			.tv_nsec = wait.count() % 1'000'000'000,
		};
		const int count =
			epoll_pwait2(epoll_.get(), events.data(), events.size(), &timeout, nullptr);

		if (count < 0 && errno != EINTR)
			throw_errno(errno, "epoll_pwait2");
		for (int i = 0; i < count; i++)
			advance(events[static_cast<size_t>(i)].data.u32);
		while (next_ < attempts_.size() && Clock::now() >= start_of(next_))
			begin(next_++);
		expire();
	}
	return std::move(result_);
}

/* To the next start or the oldest one's timeout. */
std::chrono::nanoseconds Client::until_next(Clock::time_point now) const
{
	Clock::time_point at = Clock::time_point::max();

	if (next_ < attempts_.size())
		at = start_of(next_);
	if (first_ < next_)
		at = std::min(at, attempts_[first_].begun + plan_.timeout);
	return std::max(at - now, Clock::duration::zero());
}

/* All have the same timeout, so they expire in the order of their starts. */
void Client::expire()
{
	const auto now = Clock::now();

	for (; first_ < next_; first_++) {
		if (attempts_[first_].state == State::done)
			continue;
		if (now - attempts_[first_].begun < plan_.timeout)
			return;
		finish(first_, result_.stuck);
	}
}

void Client::begin(uint32_t index)
{
	Attempt &attempt = attempts_[index];

	attempt.state = State::connecting;
	attempt.fd.reset(
		socket(plan_.target.family(), SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
	if (!attempt.fd) {
		result_.error = errno;
		finish(index, result_.failed);
		return;
	}
	attempt.begun = Clock::now();
	if (connect(attempt.fd.get(), plan_.target.address(), plan_.target.length()) &&
	    errno != EINPROGRESS) {
		broken(index, errno);
		return;
	}

	/* On loopback the handshake is over when connect() returns, unless the
	 * SYN was dropped: take the time now, not when epoll comes round.
	 */
	pollfd writable = {.fd = attempt.fd.get(), .events = POLLOUT, .revents = 0};

	if (poll(&writable, 1, 0) == 1)
		advance(index);
	if (attempt.state != State::done)
		watch(index);
}

void Client::watch(uint32_t index)
{
	Attempt &attempt = attempts_[index];
	epoll_event event{};

	event.events = attempt.state == State::connecting ? EPOLLOUT : EPOLLIN;
	event.data.u32 = index;
	if (!epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, attempt.fd.get(), &event))
		return;
	if (errno != EEXIST || epoll_ctl(epoll_.get(), EPOLL_CTL_MOD, attempt.fd.get(), &event))
		throw_errno(errno, "epoll_ctl");
}

void Client::advance(uint32_t index)
{
	if (attempts_[index].state == State::connecting)
		connected(index);
	else if (attempts_[index].state == State::waiting)
		received(index);
}

void Client::connected(uint32_t index)
{
	Attempt &attempt = attempts_[index];
	const char byte = static_cast<char>(index);
	int error = 0;
	socklen_t length = sizeof(error);

	attempt.connected = Clock::now();
	if (getsockopt(attempt.fd.get(), SOL_SOCKET, SO_ERROR, &error, &length))
		error = errno;
	if (!error && ::send(attempt.fd.get(), &byte, 1, MSG_NOSIGNAL) != 1)
		error = errno;
	if (error) {
		broken(index, error);
		return;
	}
	attempt.state = State::waiting;
	watch(index);
}

void Client::received(uint32_t index)
{
	Attempt &attempt = attempts_[index];
	char byte = 0;
	const ssize_t got = recv(attempt.fd.get(), &byte, 1, 0);

	if (got < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (got <= 0) {
		broken(index, got ? errno : ECONNRESET);
		return;
	}
	if (byte != static_cast<char>(index)) {
		result_.error = EBADMSG;
		finish(index, result_.failed);
		return;
	}
	result_.connect.add(attempt.connected - attempt.begun);
	result_.accept_wait.add(Clock::now() - attempt.connected);
	finish(index, result_.served);
}

void Client::broken(uint32_t index, int error)
{
	switch (error) {
	case ECONNRESET:
	case ECONNREFUSED:
	case EPIPE:
		finish(index, result_.reset);
		return;
	case ETIMEDOUT:
		finish(index, result_.stuck);
		return;
	default:
		result_.error = error;
		finish(index, result_.failed);
	}
}

void Client::finish(uint32_t index, uint64_t &counter)
{
	counter++;
	attempts_[index].state = State::done;
	attempts_[index].fd.reset();
}

LoadResult run_load(const LoadPlan &plan)
{
	struct Thread {
		LoadResult result;
		std::exception_ptr failure;
		std::jthread thread;
	};

	/* Everybody is at work when the first connection starts. */
	const auto start = Client::Clock::now() + std::chrono::milliseconds(50);
	std::vector<Thread> threads(plan.cpus.size());
	LoadResult total;

	for (size_t i = 0; i < threads.size(); i++) {
		Thread &thread = threads[i];
		const int cpu = plan.cpus[i];

		thread.thread = std::jthread([&thread, &plan, cpu, start] {
			try {
				pin_to_cpu(cpu);
				thread.result = Client(plan).run(start);
			} catch (...) {
				thread.failure = std::current_exception();
			}
		});
	}
	for (Thread &thread : threads)
		thread.thread.join();
	for (Thread &thread : threads) {
		if (thread.failure)
			std::rethrow_exception(thread.failure);
		total.merge(thread.result);
	}
	total.elapsed = Client::Clock::now() - start;
	return total;
}

} // namespace lanes
