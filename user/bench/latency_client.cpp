// SPDX-License-Identifier: GPL-2.0-only
#include "bench/latency_client.h"

#include <algorithm>
#include <array>

#include <cerrno>
#include <ctime>

#include <sys/epoll.h>
#include <sys/socket.h>

#include "common/error.h"

namespace lanes {
namespace {

/* The server's doing; anything else is a fault of the bench. */
bool is_refusal(int err)
{
	return err == ECONNREFUSED || err == ECONNRESET || err == EPIPE;
}

timespec to_timespec(std::chrono::nanoseconds time)
{
	const auto seconds = std::chrono::duration_cast<std::chrono::seconds>(time);

	return {.tv_sec = seconds.count(), .tv_nsec = (time - seconds).count()};
}

} // namespace

LatencyClient::LatencyClient(const Endpoint &target, std::chrono::nanoseconds timeout)
	: target_(target), timeout_(timeout), epoll_(epoll_create1(EPOLL_CLOEXEC))
{
	if (!epoll_)
		throw_errno(errno, "epoll");
}

void LatencyClient::watch(uint32_t index, int operation, uint32_t events)
{
	epoll_event event{};

	event.events = events;
	event.data.u32 = index;
	if (epoll_ctl(epoll_.get(), operation, requests_[index].fd.get(), &event))
		throw_errno(errno, "epoll_ctl");
}

void LatencyClient::end(Request &request)
{
	request.fd.reset();
	request.state = State::over;
}

void LatencyClient::lose(Request &request, uint64_t &count)
{
	const auto waited = static_cast<uint64_t>(timeout_.count());

	count++;
	outcome_->accept_wait.add(waited);
	outcome_->request.add(waited);
	end(request);
}

void LatencyClient::open(uint32_t index)
{
	Request &request = requests_[index];

	request.fd.reset(socket(target_.family(), SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
	if (!request.fd)
		throw_errno(errno, "socket");
	if (connect(request.fd.get(), target_.address(), target_.length()) &&
	    errno != EINPROGRESS) {
		if (!is_refusal(errno))
			throw_errno(errno, "connect to " + target_.to_string());
		lose(request, outcome_->failed);
		return;
	}
	send_request(request);
	if (request.state != State::over)
		watch(index, EPOLL_CTL_ADD, request.state == State::sent ? EPOLLIN : EPOLLOUT);
}

/* On loopback the handshake has mostly ended when connect() returns. */
void LatencyClient::send_request(Request &request)
{
	const LatencyAnswer nothing;

	request.connected = Clock::now();
	if (send(request.fd.get(), &nothing, sizeof(nothing), MSG_NOSIGNAL) == sizeof(nothing))
		request.state = State::sent;
	else if (is_refusal(errno))
		lose(request, outcome_->failed);
	else if (errno != EAGAIN)
		throw_errno(errno, "a request");
}

void LatencyClient::receive(Request &request)
{
	char *into = reinterpret_cast<char *>(&request.answer) + request.received;
	const ssize_t got =
		recv(request.fd.get(), into, sizeof(request.answer) - request.received, 0);

	if (got < 0 && errno == EAGAIN)
		return;
	if (got < 0 && !is_refusal(errno))
		throw_errno(errno, "an answer");
	if (got <= 0) {
		lose(request, outcome_->failed);
		return;
	}
	request.received += static_cast<size_t>(got);
	if (request.received < sizeof(request.answer))
		return;

	const std::chrono::nanoseconds accepted(request.answer.accepted_ns);
	const std::chrono::nanoseconds wait = accepted - request.connected.time_since_epoch();
	const std::chrono::nanoseconds all = Clock::now() - request.due;

	/* The worker may be there before connect() has returned. */
	outcome_->accept_wait.add(static_cast<uint64_t>(std::max<int64_t>(0, wait.count())));
	outcome_->request.add(static_cast<uint64_t>(all.count()));
	request.state = State::answered;
}

void LatencyClient::go_on(uint32_t index)
{
	Request &request = requests_[index];

	switch (request.state) {
	case State::connecting:
		send_request(request);
		if (request.state == State::sent)
			watch(index, EPOLL_CTL_MOD, EPOLLIN);
		break;
	case State::sent:
		receive(request);
		break;
	case State::answered:
		/* The server closes first. */
		end(request);
		break;
	case State::over:
		break;
	}
}

void LatencyClient::give_up_late(Clock::time_point now)
{
	for (; oldest_ < next_; oldest_++) {
		Request &request = requests_[oldest_];

		if (request.state == State::over)
			continue;
		if (request.due + timeout_ > now)
			return;
		if (request.state == State::answered)
			end(request);
		else
			lose(request, outcome_->unserved);
	}
}

void LatencyClient::wait(Clock::time_point until)
{
	std::array<epoll_event, 64> events;
	const auto left = std::max<std::chrono::nanoseconds>(until - Clock::now(),
							     std::chrono::nanoseconds(0));
	const timespec timeout = to_timespec(left);
	const int count = epoll_pwait2(epoll_.get(), events.data(), static_cast<int>(events.size()),
				       &timeout, nullptr);

	if (count < 0 && errno != EINTR)
		throw_errno(errno, "epoll_pwait2");
	for (int i = 0; i < count; i++)
		go_on(events[static_cast<size_t>(i)].data.u32);
}

void LatencyClient::run(Clock::time_point begin, Schedule schedule, uint32_t requests,
			LatencyOutcome &outcome)
{
	outcome_ = &outcome;
	requests_ = std::vector<Request>(requests);
	for (Request &request : requests_)
		request.due = begin + schedule.next();
	oldest_ = next_ = 0;
	while (oldest_ < requests) {
		if (next_ < requests && requests_[next_].due <= Clock::now()) {
			open(next_++);
			continue;
		}

		auto until = Clock::time_point::max();

		if (next_ < requests)
			until = requests_[next_].due;
		if (oldest_ < next_)
			until = std::min(until, requests_[oldest_].due + timeout_);
		wait(until);
		give_up_late(Clock::now());
	}
}

} // namespace lanes
