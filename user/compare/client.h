// SPDX-License-Identifier: GPL-2.0-only
#ifndef LANES_COMPARE_CLIENT_H
#define LANES_COMPARE_CLIENT_H

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <liburing.h>

#include "common/endpoint.h"
#include "common/fd.h"
#include "compare/gauge.h"
#include "compare/protocol.h"
#include "compare/slice.h"
#include "compare/timetable.h"

namespace lanes::compare {

struct Target {
	std::string name;
	Endpoint where;
	std::vector<pid_t> pids;
};

/** What a slice offers to a server. */
struct Load {
	unsigned connections = 0;
	/** Most requests without a reply on a connection. */
	unsigned depth = 1;
	/** Requests per second by a timetable; 0: each reply brings the next. */
	double rate = 0;
	/** Of a slice, and what of it is not measured at first; nanoseconds. */
	int64_t length = 0;
	int64_t skip = 0;
	/** Count system calls; then the times are not comparable. */
	bool count = false;
};

/**
 * One thread's connections to all servers, which stay open. Requests are timed
 * when they are queued for the next system call, so a latency holds the client's
 * own share of a batch.
 */
class Client {
public:
	/** Connects and has a first exchange on each connection; throws. @targets
	 *  outlive it.
	 */
	Client(const std::vector<Target> &targets, Protocol protocol, size_t size,
	       unsigned connections, unsigned depth);
	~Client();
	Client(const Client &) = delete;

	/** Loads one server for a while. Throws if it answers wrongly, breaks a
	 *  connection or leaves requests without a reply.
	 */
	Slice run(size_t target, const Load &load);

private:
	struct Connection {
		Connection(Fd socket, const Exchange &what, const std::string &requests)
			: fd(std::move(socket)), exchange(what), burst(requests), stream(what)
		{
		}

		Fd fd;
		const Exchange &exchange;
		/* The request, depth_ times. */
		const std::string &burst;
		ReplyStream stream;
		/* Requests of this slice: to be sent, sent, answered. */
		uint64_t due = 0;
		uint64_t asked = 0;
		uint64_t answered = 0;
		/* Bytes to send, and of the send under way. */
		size_t unsent = 0;
		size_t in_flight = 0;
	};

	struct Window {
		const Load &load;
		size_t first;
		int64_t begin;
		int64_t end;
		std::optional<Timetable> timetable{};
		/* Of the timetable: those before are due. */
		uint64_t next = 0;
		uint64_t outstanding = 0;
		bool open = false;
		bool closed = false;
		uint64_t requests = 0;
	};

	struct Reading {
		int64_t time;
		int64_t server_cpu;
		int64_t client_cpu;
		std::optional<uint64_t> syscalls;
	};

	void make_ring(size_t buffer_size);
	void connect_all(unsigned connections);
	io_uring_sqe *submission();
	void arm(size_t index);
	void offer(unsigned buffer);

	void start(Window &window);
	int64_t turn(Window &window);
	void ask_due(Window &window, int64_t now);
	void ask(Window &window, size_t index, int64_t now);
	void send(size_t index);
	void sent(size_t index, int result);
	void wait(int64_t timeout);
	void reap(Window &window);
	void received(Window &window, size_t index, const io_uring_cqe &cqe);
	void answered(Window &window, size_t index, unsigned replies);
	int64_t &time_of(const Window &window, size_t index, uint64_t request);
	[[noreturn]] void fail(size_t index, int error, std::string_view what) const;

	const std::vector<Target> &targets_;
	size_t per_target_;
	unsigned depth_;
	/* For each target, some that differ. */
	std::vector<Exchange> exchanges_;
	std::vector<std::string> bursts_;
	std::vector<Connection> connections_;
	/* When the unanswered requests of this slice were sent, or were due by
	 * the timetable: depth_ of each connection.
	 */
	std::vector<int64_t> times_;
	std::vector<int64_t> latencies_;

	io_uring ring_{};
	io_uring_buf_ring *buffers_ = nullptr;
	size_t buffer_size_;
	std::vector<char> memory_;
};

} // namespace lanes::compare

#endif
