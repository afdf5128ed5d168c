// SPDX-License-Identifier: GPL-2.0-only
#ifndef LANES_LOAD_CLIENT_H
#define LANES_LOAD_CLIENT_H

#include <chrono>
#include <vector>

#include <cstdint>

#include "common/endpoint.h"
#include "common/fd.h"
#include "common/samples.h"

namespace lanes {

struct LoadPlan {
	Endpoint target;
	/** One client thread each. */
	std::vector<int> cpus;
	/** Of each client, and how far their starts are apart: the next one
	 *  starts on time whatever became of the ones before.
	 */
	uint32_t connections = 200;
	std::chrono::microseconds interval{5000};
	/** From the start of a connection to its echo. */
	std::chrono::milliseconds timeout{2000};
};

struct LoadResult {
	/** The byte came back. */
	uint64_t served = 0;
	/** The server's side broke it: RST or FIN before the echo. */
	uint64_t reset = 0;
	/** No echo in time. */
	uint64_t stuck = 0;
	/** This side could not even try, or got a wrong byte. */
	uint64_t failed = 0;
	/** From the first start to the last end. */
	std::chrono::nanoseconds elapsed{};
	/** errno of the last failed one. */
	int error = 0;

	/** Of the served: how long connect() took, and from then to the echo. */
	Samples connect;
	Samples accept_wait;

	void merge(const LoadResult &other);
};

/** One thread's connections: connect, send a byte, wait for it, close. */
class Client {
public:
	using Clock = std::chrono::steady_clock;

	explicit Client(const LoadPlan &plan);

	/** Starts the first connection at @start. */
	LoadResult run(Clock::time_point start);

private:
	enum class State : uint8_t { idle, connecting, waiting, done };

	struct Attempt {
		Fd fd;
		State state = State::idle;
		Clock::time_point begun;
		Clock::time_point connected;
	};

	void begin(uint32_t index);
	void advance(uint32_t index);
	void connected(uint32_t index);
	void received(uint32_t index);
	void watch(uint32_t index);
	void broken(uint32_t index, int error);
	void finish(uint32_t index, uint64_t &counter);
	void expire();
	std::chrono::nanoseconds until_next(Clock::time_point now) const;
	Clock::time_point start_of(uint32_t index) const { return start_ + index * plan_.interval; }

	const LoadPlan &plan_;
	Fd epoll_;
	Clock::time_point start_;
	std::vector<Attempt> attempts_;
	/* Attempts before first_ are done, those from next_ have not begun. */
	uint32_t first_ = 0;
	uint32_t next_ = 0;
	LoadResult result_;
};

/** All clients at once; throws what made one fail. */
LoadResult run_load(const LoadPlan &plan);

} // namespace lanes

#endif
