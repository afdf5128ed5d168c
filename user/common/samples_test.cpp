// SPDX-License-Identifier: GPL-2.0-only
#include "common/samples.h"

#include <gtest/gtest.h>

using namespace lanes;
using namespace std::chrono_literals;

TEST(samples, none_is_zero)
{
	EXPECT_EQ(Samples().percentile(50), 0ns);
}

TEST(samples, one_is_every_percentile)
{
	Samples samples;

	samples.add(7us);
	for (double percent : {0.0, 1.0, 50.0, 99.0, 100.0})
		EXPECT_EQ(samples.percentile(percent), 7us);
}

TEST(samples, nearest_rank)
{
	Samples samples;

	for (int value = 100; value > 0; value--)
		samples.add(std::chrono::nanoseconds(value));
	EXPECT_EQ(samples.percentile(0), 1ns);
	EXPECT_EQ(samples.percentile(50), 50ns);
	EXPECT_EQ(samples.percentile(99), 99ns);
	EXPECT_EQ(samples.percentile(99.5), 100ns);
	EXPECT_EQ(samples.percentile(100), 100ns);
	EXPECT_EQ(samples.percentile(1000), 100ns);
}

TEST(samples, merge_adds_all)
{
	Samples low, high;

	low.add(1ns);
	high.add(9ns);
	high.add(8ns);
	low.merge(high);
	EXPECT_EQ(low.size(), 3U);
	EXPECT_EQ(low.percentile(50), 8ns);
}
