// SPDX-License-Identifier: GPL-2.0-only
#include "bench/ping_pong.h"

#include <atomic>
#include <thread>

#include "bench/mark.h"
#include "common/cpus.h"

namespace lanes {
namespace {

struct alignas(64) Line {
	std::atomic<uint32_t> value{0};
};

void hand_over(Line &flag, Line &counter, uint32_t to)
{
	counter.value.fetch_add(1);
	flag.value.store(to, std::memory_order_release);
}

void wait_for(const Line &flag, uint32_t mine)
{
	while (flag.value.load(std::memory_order_acquire) != mine)
		;
}

} // namespace

void ping_pong(uint32_t turns, uint32_t windows)
{
	static Line flag, counter;
	const auto cpus = allowed_cpus();
	std::jthread other([&] {
		pin_to_cpu(cpus.back());
		for (uint64_t i = 0; i < uint64_t{turns} * (windows + 1); i++) {
			wait_for(flag, 1);
			hand_over(flag, counter, 0);
		}
	});

	pin_to_cpu(cpus.front());
	/* The first one is not marked: the other thread may still begin. */
	for (uint32_t window = 0; window <= windows; window++) {
		if (window)
			mark_begin();
		for (uint32_t i = 0; i < turns; i++) {
			hand_over(flag, counter, 1);
			wait_for(flag, 0);
		}
		if (window)
			mark_end();
	}
}

} // namespace lanes
