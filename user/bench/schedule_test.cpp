// SPDX-License-Identifier: GPL-2.0-only
#include "bench/schedule.h"

#include <set>

#include <gtest/gtest.h>

using namespace lanes;
using namespace std::chrono_literals;

TEST(schedule, has_one_request_in_each_pace)
{
	Schedule schedule(5ms, 1, 1);

	for (int i = 0; i < 1000; i++) {
		const auto due = schedule.next();

		ASSERT_GE(due, i * 5ms);
		ASSERT_LT(due, (i + 1) * 5ms);
	}
}

/* A client in step with the kernel's ticks would meet the same moment each time. */
TEST(schedule, does_not_keep_step)
{
	Schedule schedule(4ms, 1, 1);
	std::set<int64_t> quarters;

	for (int i = 0; i < 100; i++)
		quarters.insert(schedule.next() % 4ms / 1ms);
	EXPECT_EQ(quarters.size(), 4U);
}

TEST(schedule, has_bursts_at_the_same_mean_rate)
{
	Schedule schedule(5ms, 32, 1);

	for (int burst = 0; burst < 10; burst++) {
		const auto due = schedule.next();

		EXPECT_GE(due, burst * 32 * 5ms);
		EXPECT_LT(due, (burst + 1) * 32 * 5ms);
		for (int i = 1; i < 32; i++)
			ASSERT_EQ(schedule.next(), due);
	}
}

TEST(schedule, is_the_seed_s)
{
	Schedule one(5ms, 1, 7), again(5ms, 1, 7), other(5ms, 1, 8);
	int alike = 0;

	for (int i = 0; i < 100; i++) {
		const auto due = one.next();

		ASSERT_EQ(again.next(), due);
		alike += other.next() == due;
	}
	EXPECT_LT(alike, 10);
}
