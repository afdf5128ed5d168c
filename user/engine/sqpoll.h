// SPDX-License-Identifier: GPL-2.0-only
#ifndef LANES_ENGINE_SQPOLL_H
#define LANES_ENGINE_SQPOLL_H

#include <deque>

#include "engine/uring.h"

namespace lanes {

/**
 * No system calls while there is load: threads of the kernel poll for
 * submissions, this one for completions. One ring to receive, with a kernel
 * thread of its own, and one to send by each of SendThreads.
 */
class SqpollEngine final : public UringEngine {
public:
	SqpollEngine(const EngineConfig &config, Connections &connections, Memory &memory,
		     EngineEvents &events, Counters &counters);

	ssize_t send(uint32_t slot, std::span<const iovec> parts) override;
	void poll(std::optional<std::chrono::nanoseconds> timeout) override;

private:
	struct SendRing {
		SendRing(const RingSetup &setup, Counters &counters) : ring(setup, counters) {}

		Ring ring;
		uint32_t in_flight = 0;
		/* The receive ring will tell when a send has ended. */
		bool watched = false;
	};

	void on_other(const Completion &completion) override;
	void submit();
	unsigned reap();
	void sleep(std::optional<std::chrono::nanoseconds> timeout);

	const std::chrono::nanoseconds idle_;
	std::deque<SendRing> send_rings_;
};

} // namespace lanes

#endif
