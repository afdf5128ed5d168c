// SPDX-License-Identifier: GPL-2.0-only
#include "compare/client.h"

#include <algorithm>
#include <format>
#include <utility>

#include <cerrno>
#include <cstring>

#include <netinet/tcp.h>
#include <sys/prctl.h>

#include "common/error.h"
#include "compare/statistics.h"

namespace lanes::compare {
namespace {

constexpr unsigned buffers = 256;
constexpr unsigned submissions = 4096;
constexpr unsigned completions = 32768;
constexpr int buffer_group = 0;
constexpr int64_t patience = 2'000'000'000;
constexpr unsigned variants = 16;
/* More than a slice has: no allocation in it. */
constexpr size_t latencies_max = 1U << 20;

enum Operation : uint64_t { receive_op, send_op };

uint64_t token(size_t index, Operation operation)
{
	return index << 1 | operation;
}

double seconds(int64_t nanoseconds)
{
	return static_cast<double>(nanoseconds) * 1e-9;
}

Fd connect_to(const Target &target)
{
	Fd fd(socket(target.where.family(), SOCK_STREAM | SOCK_CLOEXEC, 0));
	const timeval limit = {.tv_sec = patience / 1'000'000'000, .tv_usec = 0};
	const int one = 1;

	if (!fd)
		throw_errno(errno, "socket", "raise the limit of descriptors");
	if (connect(fd.get(), target.where.address(), target.where.length()))
		throw_errno(errno, std::format("connect to {}", target.name), "is it running?");
	setsockopt(fd.get(), IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
	setsockopt(fd.get(), SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit));
	return fd;
}

/* A request and its reply before any measurement. @length of the reply, 0: to
 * be learned. Returns the length.
 */
size_t exchange_once(const Target &target, int fd, const std::string &request, size_t length)
{
	std::string reply;
	char chunk[16384];

	if (::send(fd, request.data(), request.size(), MSG_NOSIGNAL) !=
	    static_cast<ssize_t>(request.size()))
		throw_errno(errno, std::format("send to {}", target.name));
	while (!length || reply.size() < length) {
		const ssize_t got = recv(fd, chunk, sizeof(chunk), 0);

		if (got <= 0)
			throw_errno(got ? errno : ECONNRESET,
				    std::format("first reply of {}", target.name),
				    "does it speak the protocol?");
		reply.append(chunk, static_cast<size_t>(got));
		if (!length)
			length = http_reply_length(reply);
	}
	if (reply.size() != length)
		throw std::runtime_error(
			std::format("{} replies more than it should", target.name));
	return length;
}

} // namespace

Client::Client(const std::vector<Target> &targets, Protocol protocol, size_t size,
	       unsigned connections, unsigned depth)
	: targets_(targets), per_target_(connections), depth_(depth),
	  times_(size_t{connections} * depth)
{
	for (size_t i = 0; i < targets.size() * variants; i++) {
		const Exchange &exchange = exchanges_.emplace_back(
			make_exchange(protocol, size, static_cast<unsigned>(i % variants)));
		std::string &burst = bursts_.emplace_back();

		for (unsigned n = 0; n < depth; n++)
			burst += exchange.request;
	}
	latencies_.resize(latencies_max);
	/* A wait shall end when it ought to. */
	prctl(PR_SET_TIMERSLACK, 1UL);
	make_ring(std::clamp(exchanges_[0].reply.size() * depth, size_t{2048}, size_t{65536}));
	connect_all(connections);
}

Client::~Client()
{
	io_uring_queue_exit(&ring_);
}

void Client::make_ring(size_t buffer_size)
{
	io_uring_params params{};
	int error;

	params.flags =
		IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_DEFER_TASKRUN | IORING_SETUP_CQSIZE;
	params.cq_entries = completions;
	error = io_uring_queue_init_params(submissions, &ring_, &params);
	if (error)
		throw_errno(-error, "io_uring_setup", "the client needs Linux 6.1 or later");
	buffers_ = io_uring_setup_buf_ring(&ring_, buffers, buffer_group, 0, &error);
	if (!buffers_)
		throw_errno(-error, "io_uring buffer ring");
	buffer_size_ = buffer_size;
	memory_.resize(buffers * buffer_size);
	for (unsigned i = 0; i < buffers; i++)
		offer(i);
}

void Client::connect_all(unsigned connections)
{
	connections_.reserve(targets_.size() * connections);
	for (size_t i = 0; i < targets_.size() * connections; i++) {
		const Target &target = targets_[i / connections];
		const size_t which = i / connections * variants + i % variants;
		Exchange &exchange = exchanges_[which];
		Fd fd = connect_to(target);

		if (!exchange.request_first.empty())
			exchange_once(target, fd.get(), exchange.request_first,
				      exchange.reply_first);
		exchange.reply_length =
			exchange_once(target, fd.get(), exchange.request, exchange.reply_length);
		connections_.emplace_back(std::move(fd), exchange, bursts_[which]);
		arm(i);
	}
	io_uring_submit(&ring_);
}

io_uring_sqe *Client::submission()
{
	io_uring_sqe *sqe = io_uring_get_sqe(&ring_);

	if (!sqe) {
		io_uring_submit(&ring_);
		sqe = io_uring_get_sqe(&ring_);
	}
	return sqe;
}

void Client::arm(size_t index)
{
	io_uring_sqe *sqe = submission();

	io_uring_prep_recv_multishot(sqe, connections_[index].fd.get(), nullptr, 0, 0);
	sqe->flags |= IOSQE_BUFFER_SELECT;
	sqe->buf_group = buffer_group;
	io_uring_sqe_set_data64(sqe, token(index, receive_op));
}

void Client::offer(unsigned buffer)
{
	io_uring_buf_ring_add(
		buffers_, &memory_[buffer * buffer_size_], static_cast<unsigned>(buffer_size_),
		static_cast<unsigned short>(buffer), io_uring_buf_ring_mask(buffers), 0);
	io_uring_buf_ring_advance(buffers_, 1);
}

void Client::fail(size_t index, int error, std::string_view what) const
{
	const std::string object = std::format("{}: {}", targets_[index / per_target_].name, what);

	if (!error)
		throw std::runtime_error(object);
	throw_errno(error, object);
}

Slice Client::run(size_t target, const Load &load)
{
	const CpuMeter server(targets_[target].pids);
	std::optional<SyscallCounter> counter;

	if (load.count)
		counter.emplace(targets_[target].pids);

	const auto read = [&](int64_t now) {
		return Reading{now, server.read(), own_cpu_ns(),
			       counter ? counter->read() : std::nullopt};
	};
	const int64_t begin = now_ns();
	Window window{load, target * per_target_, begin + load.skip, begin + load.length};
	Reading first{};
	Reading last{};
	size_t count;

	latencies_.clear();
	start(window);
	for (int64_t now = begin; !window.closed || window.outstanding; now = turn(window)) {
		if (!window.open && now >= window.begin) {
			first = read(now);
			window.open = true;
		} else if (!window.closed && now >= window.end) {
			last = read(now);
			window.closed = true;
		} else if (window.closed && now > window.end + patience) {
			fail(window.first, 0,
			     std::format("{} requests without a reply for 2 seconds",
					 window.outstanding));
		}
	}

	Slice slice;

	count = latencies_.size();
	slice.requests = static_cast<double>(window.requests);
	slice.elapsed = seconds(last.time - first.time);
	slice.server_cpu = seconds(last.server_cpu - first.server_cpu);
	slice.client_cpu = seconds(last.client_cpu - first.client_cpu);
	if (count) {
		slice.p50 = seconds(nearest_rank(latencies_, 0.5));
		slice.p99 = seconds(nearest_rank(latencies_, 0.99));
		slice.p9999 = seconds(nearest_rank(latencies_, 0.9999));
	}
	if (first.syscalls && last.syscalls)
		slice.syscalls = static_cast<double>(*last.syscalls - *first.syscalls);
	return slice;
}

void Client::start(Window &window)
{
	const int64_t now = now_ns();

	if (window.load.rate > 0)
		window.timetable.emplace(now, window.load.rate, window.load.connections);
	for (size_t i = window.first; i < window.first + window.load.connections; i++) {
		Connection &connection = connections_[i];

		connection.due = window.timetable ? 0 : window.load.depth;
		connection.asked = connection.answered = 0;
		window.outstanding += connection.due;
		ask(window, i, now);
	}
}

/* Sends what is due, waits for something to do, does it; returns the time. */
int64_t Client::turn(Window &window)
{
	int64_t now = now_ns();
	int64_t until = window.end;

	if (window.closed)
		until += patience;
	else if (!window.open)
		until = window.begin;
	if (window.timetable && !window.closed) {
		ask_due(window, now);
		until = std::min(until, window.timetable->time_of(window.next));
	}
	wait(until - now);
	reap(window);
	return now_ns();
}

void Client::ask_due(Window &window, int64_t now)
{
	for (;;) {
		const int64_t time = window.timetable->time_of(window.next);

		if (time > now || time >= window.end)
			return;

		const size_t index = window.first + window.timetable->connection_of(window.next);

		window.next++;
		window.outstanding++;
		connections_[index].due++;
		ask(window, index, now);
	}
}

int64_t &Client::time_of(const Window &window, size_t index, uint64_t request)
{
	return times_[(index - window.first) * depth_ + request % depth_];
}

/* Sends as many requests as are due and may be without a reply. */
void Client::ask(Window &window, size_t index, int64_t now)
{
	Connection &connection = connections_[index];
	const uint64_t until = std::min(connection.due, connection.answered + window.load.depth);

	if (connection.asked == until)
		return;
	for (; connection.asked < until; connection.asked++) {
		time_of(window, index, connection.asked) =
			window.timetable ? window.timetable->time_of(
						   static_cast<unsigned>(index - window.first),
						   connection.asked)
					 : now;
		connection.unsent += connection.exchange.request.size();
	}
	send(index);
}

/* One send at a time, or the rest of a short one could be overtaken. Without
 * pipelining the reply tells that it is over.
 */
void Client::send(size_t index)
{
	Connection &connection = connections_[index];

	if (connection.in_flight || !connection.unsent)
		return;

	/* At most depth_ requests wait for a reply, so the burst has them all. */
	const size_t length = std::exchange(connection.unsent, 0);
	io_uring_sqe *sqe = submission();

	io_uring_prep_send(sqe, connection.fd.get(), connection.burst.data(), length,
			   MSG_NOSIGNAL | MSG_WAITALL);
	io_uring_sqe_set_data64(sqe, token(index, send_op));
	if (depth_ == 1)
		sqe->flags |= IOSQE_CQE_SKIP_SUCCESS;
	else
		connection.in_flight = length;
}

void Client::sent(size_t index, int result)
{
	Connection &connection = connections_[index];

	if (result < 0 || static_cast<size_t>(result) != connection.in_flight)
		fail(index, result < 0 ? -result : EPIPE, "send");
	connection.in_flight = 0;
	send(index);
}

void Client::wait(int64_t timeout)
{
	io_uring_cqe *cqe;
	__kernel_timespec limit = {.tv_sec = timeout / 1'000'000'000,
				   .tv_nsec = timeout % 1'000'000'000};
	int done;

	if (timeout > 0)
		done = io_uring_submit_and_wait_timeout(&ring_, &cqe, 1, &limit, nullptr);
	else
		done = io_uring_submit_and_get_events(&ring_);
	if (done < 0 && done != -ETIME && done != -EINTR)
		throw_errno(-done, "io_uring_enter");
}

void Client::reap(Window &window)
{
	unsigned head;
	unsigned count = 0;
	io_uring_cqe *cqe;

	io_uring_for_each_cqe(&ring_, head, cqe)
	{
		const size_t index = cqe->user_data >> 1;

		count++;
		if ((cqe->user_data & 1) == receive_op)
			received(window, index, *cqe);
		else
			sent(index, cqe->res);
	}
	io_uring_cq_advance(&ring_, count);
}

void Client::received(Window &window, size_t index, const io_uring_cqe &cqe)
{
	if (cqe.res > 0) {
		const unsigned buffer = cqe.flags >> IORING_CQE_BUFFER_SHIFT;
		const int replies = connections_[index].stream.feed(
			{&memory_[buffer * buffer_size_], static_cast<size_t>(cqe.res)});

		offer(buffer);
		if (replies < 0)
			fail(index, 0, "a reply is not what it should be");
		answered(window, index, static_cast<unsigned>(replies));
	} else if (cqe.res != -ENOBUFS) {
		fail(index, cqe.res ? -cqe.res : ECONNRESET, "receive");
	}
	if (!(cqe.flags & IORING_CQE_F_MORE))
		arm(index);
}

void Client::answered(Window &window, size_t index, unsigned replies)
{
	Connection &connection = connections_[index];
	const int64_t now = now_ns();
	const bool within = window.open && !window.closed;

	if (connection.answered + replies > connection.asked)
		fail(index, 0, "a reply without a request");
	window.outstanding -= replies;
	if (within)
		window.requests += replies;
	for (; replies; replies--) {
		const int64_t from = time_of(window, index, connection.answered++);

		/* By the timetable it counts when it was due, however late. */
		if (window.timetable ? from >= window.begin : within)
			latencies_.push_back(now - from);
		if (!window.timetable && !window.closed) {
			connection.due++;
			window.outstanding++;
		}
	}
	ask(window, index, now);
}

} // namespace lanes::compare
