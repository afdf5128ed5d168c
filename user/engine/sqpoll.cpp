// SPDX-License-Identifier: GPL-2.0-only
#include "engine/sqpoll.h"

#include <poll.h>
#include <sched.h>

#include "common/cpus.h"
#include "common/error.h"
#include "engine/send_threads.h"

namespace lanes {
namespace {

using namespace std::chrono_literals;
using Clock = std::chrono::steady_clock;

constexpr unsigned submissions = 256;
constexpr unsigned completions = 4096;
/* After so long without a completion, and then ever longer, the kernel's thread
 * may be waiting for this CPU.
 */
constexpr std::chrono::nanoseconds yield_after = 20us;
constexpr unsigned pauses = 16;

unsigned idle_ms(const EngineConfig &config)
{
	return std::max((config.poll_idle_us + 999) / 1000, 1U);
}

RingSetup common_setup(const EngineConfig &config)
{
	return {.flags = IORING_SETUP_SQPOLL | IORING_SETUP_SINGLE_ISSUER,
		.submissions = submissions,
		.completions = completions,
		.idle_ms = idle_ms(config)};
}

/* Some kernels let a new thread run anywhere, unless they are told where. */
RingSetup receive_setup(const EngineConfig &config)
{
	const std::vector<int> here = allowed_cpus();
	RingSetup setup = common_setup(config);

	if (config.thread_cpus.empty() && here.size() == 1)
		setup.thread_cpu = here.front();
	return setup;
}

void relax()
{
	for (unsigned n = 0; n < pauses; n++)
		__builtin_ia32_pause();
}

} // namespace

SqpollEngine::SqpollEngine(const EngineConfig &config, Connections &connections, Memory &memory,
			   EngineEvents &events, Counters &counters)
	: UringEngine(config, receive_setup(config), connections, memory, events, counters),
	  idle_(std::chrono::microseconds(config.poll_idle_us))
{
	for (unsigned n = 0; n < config.send_threads->count(); n++) {
		RingSetup setup = common_setup(config);

		setup.attach_fd = config.send_threads->fd(n);
		send_rings_.emplace_back(setup, counters);
	}
}

ssize_t SqpollEngine::send(uint32_t slot, std::span<const iovec> parts)
{
	if (send_rings_.empty())
		return UringEngine::send(slot, parts);

	SendRing &by = send_rings_[slot % send_rings_.size()];

	send_by(by.ring, slot, parts);
	by.in_flight++;
	return pending;
}

void SqpollEngine::submit()
{
	ring_.submit();
	for (SendRing &by : send_rings_)
		by.ring.submit();
}

unsigned SqpollEngine::reap()
{
	unsigned count = ring_.reap([this](const Completion &c) { dispatch(c); });

	for (SendRing &by : send_rings_)
		count += by.ring.reap([&](const Completion &c) {
			if (!(c.flags & IORING_CQE_F_MORE))
				by.in_flight--;
			dispatch(c);
		});
	return count;
}

void SqpollEngine::poll(std::optional<std::chrono::nanoseconds> timeout)
{
	buffers_.offer();
	submit();
	if (reap() || (timeout && *timeout <= 0ns))
		return;
	if (idle_ == 0ns) {
		sleep(timeout);
		return;
	}

	const auto start = Clock::now();
	auto yield_at = yield_after;

	for (;;) {
		relax();
		if (reap())
			return;

		const auto passed = Clock::now() - start;

		if (timeout && passed >= *timeout)
			return;
		if (passed >= idle_) {
			if (timeout)
				*timeout -= passed;
			sleep(timeout);
			return;
		}
		/* Not counted: there is nothing to do. */
		if (passed >= yield_at) {
			sched_yield();
			yield_at *= 2;
		}
	}
}

void SqpollEngine::sleep(std::optional<std::chrono::nanoseconds> timeout)
{
	for (uint32_t index = 0; index < send_rings_.size(); index++) {
		SendRing &by = send_rings_[index];

		if (!by.in_flight || by.watched)
			continue;
		by.watched = true;
		ring_.queue({Operation::watch, index}, [&](io_uring_sqe *sqe) {
			io_uring_prep_poll_add(sqe, by.ring.get()->ring_fd, POLLIN);
		});
	}
	ring_.wait(timeout);
	if (reap())
		counters_.wakes.add();
}

void SqpollEngine::on_other(const Completion &completion)
{
	send_rings_[completion.token.slot].watched = false;
}

} // namespace lanes
