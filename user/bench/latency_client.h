// SPDX-License-Identifier: GPL-2.0-only
#ifndef LANES_BENCH_LATENCY_CLIENT_H
#define LANES_BENCH_LATENCY_CLIENT_H

#include <chrono>
#include <vector>

#include <cstdint>

#include "bench/schedule.h"
#include "common/endpoint.h"
#include "common/fd.h"
#include "common/histogram.h"

namespace lanes {

/** What a worker answers: when accept returned, by CLOCK_MONOTONIC. */
struct LatencyAnswer {
	int64_t accepted_ns = 0;
	char rest[56] = {};
};

/** What became of a client's requests; written by it alone. Those without an
 *  answer count as having waited for the timeout.
 */
struct alignas(64) LatencyOutcome {
	/** From the end of the handshake, as the client saw it, to the return of
	 *  accept, in nanoseconds.
	 */
	Histogram accept_wait;
	/** From the moment when it was due to the whole answer. */
	Histogram request;
	/** Refused or reset. */
	uint64_t failed = 0;
	/** No answer in time. */
	uint64_t unserved = 0;
};

/** Opens a connection for each request when it is due, however many are open. */
class LatencyClient {
public:
	using Clock = std::chrono::steady_clock;

	LatencyClient(const Endpoint &target, std::chrono::nanoseconds timeout);

	/** Returns when all are answered or given up. */
	void run(Clock::time_point begin, Schedule schedule, uint32_t requests,
		 LatencyOutcome &outcome);

private:
	enum class State { connecting, sent, answered, over };

	struct Request {
		Fd fd;
		State state = State::connecting;
		Clock::time_point due, connected;
		size_t received = 0;
		LatencyAnswer answer;
	};

	void open(uint32_t index);
	void go_on(uint32_t index);
	void send_request(Request &request);
	void receive(Request &request);
	void lose(Request &request, uint64_t &count);
	void end(Request &request);
	void give_up_late(Clock::time_point now);
	void wait(Clock::time_point until);
	void watch(uint32_t index, int operation, uint32_t events);

	const Endpoint target_;
	const std::chrono::nanoseconds timeout_;
	const Fd epoll_;
	LatencyOutcome *outcome_ = nullptr;
	std::vector<Request> requests_;
	/** The first that is not over, and the first that is not open yet. */
	uint32_t oldest_ = 0, next_ = 0;
};

} // namespace lanes

#endif
