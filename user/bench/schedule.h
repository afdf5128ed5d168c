// SPDX-License-Identifier: GPL-2.0-only
#ifndef LANES_BENCH_SCHEDULE_H
#define LANES_BENCH_SCHEDULE_H

#include <chrono>
#include <random>

#include <cstdint>

namespace lanes {

/** When a client's requests are due, whatever became of the ones before: one in
 *  each @pace, at a random moment of it; or as many at the same mean rate in
 *  bursts, @burst of them in one moment.
 */
class Schedule {
public:
	Schedule(std::chrono::nanoseconds pace, uint32_t burst, uint64_t seed)
		: period_(pace * burst), burst_(burst), random_(seed)
	{
	}

	/** Of the next one, from the beginning on. */
	std::chrono::nanoseconds next()
	{
		if (turn_ % burst_ == 0)
			due_ = period_ * (turn_ / burst_) + moment();
		turn_++;
		return due_;
	}

private:
	/* A distribution of the library may differ from one to the next. */
	std::chrono::nanoseconds moment()
	{
		return std::chrono::nanoseconds(random_() % static_cast<uint64_t>(period_.count()));
	}

	const std::chrono::nanoseconds period_;
	const uint32_t burst_;
	std::mt19937_64 random_;
	std::chrono::nanoseconds due_{0};
	uint64_t turn_ = 0;
};

} // namespace lanes

#endif
