// SPDX-License-Identifier: GPL-2.0-only
#include "compare/statistics.h"

#include <gtest/gtest.h>

#include <numeric>

#include "common/error.h"
#include "compare/goal.h"

using namespace lanes::compare;

namespace {

/* One request per CPU-second and @ratio times as many. */
Rotation rotation_of(double ratio, std::vector<double> probes, double scale = 1)
{
	Rotation rotation{.connections = 10, .probes = std::move(probes), .slices = {}};

	for (double requests : {scale, ratio * scale}) {
		Slice slice;

		slice.requests = requests;
		slice.elapsed = slice.server_cpu = 1;
		slice.p99 = 1e-3 / requests;
		rotation.slices.push_back(slice);
	}
	return rotation;
}

} // namespace

TEST(compare_statistics, nearest_rank_is_one_of_the_values)
{
	std::vector<int64_t> values(100);

	std::iota(values.rbegin(), values.rend(), 1);
	EXPECT_EQ(nearest_rank(values, 0.5), 50);
	EXPECT_EQ(nearest_rank(values, 0.99), 99);
	EXPECT_EQ(nearest_rank(values, 0.9999), 100);
	EXPECT_EQ(nearest_rank(values, 0), 1);
	values = {7};
	EXPECT_EQ(nearest_rank(values, 0.99), 7);
}

TEST(compare_statistics, a_rotation_has_the_regime_of_all_its_probes)
{
	EXPECT_EQ(rotation_of(1, {42, 99}).regime(), Regime::near);
	EXPECT_EQ(rotation_of(1, {215, 100}).regime(), Regime::far);
	EXPECT_EQ(rotation_of(1, {42, 215, 42}).regime(), Regime::changed);
	EXPECT_EQ(rotation_of(1, {215, 42}).regime(), Regime::changed);

	Rotation busy = rotation_of(1, {42});

	busy.foreign = 0.5;
	EXPECT_EQ(busy.regime(), Regime::disturbed);
}

TEST(compare_statistics, pairs_slices_of_the_same_rotation)
{
	const Metric &per_cpu = *find_metric("per_cpu");
	Results results;

	/* The machine drifts a thousandfold, the ratio does not. */
	for (double scale = 1; scale <= 1000; scale *= 10)
		results.add(rotation_of(1.25, {42}, scale));

	const Spread ratio = results.ratio(per_cpu, 10, Regime::near, 1, 0);

	EXPECT_EQ(ratio.count, 4U);
	EXPECT_DOUBLE_EQ(ratio.median, 1.25);
	EXPECT_DOUBLE_EQ(ratio.low, 1.25);
	EXPECT_DOUBLE_EQ(ratio.high, 1.25);
	EXPECT_DOUBLE_EQ(results.value(per_cpu, 10, Regime::near, 0).median, 55);
}

TEST(compare_statistics, keeps_regimes_and_numbers_of_connections_apart)
{
	const Metric &rate = *find_metric("rate");
	Results results;
	Rotation other = rotation_of(7, {42});

	results.add(rotation_of(2, {42}));
	results.add(rotation_of(3, {215}));
	results.add(rotation_of(5, {42, 215}));
	other.connections = 20;
	results.add(other);
	EXPECT_DOUBLE_EQ(results.ratio(rate, 10, Regime::near, 1, 0).median, 2);
	EXPECT_DOUBLE_EQ(results.ratio(rate, 10, Regime::far, 1, 0).median, 3);
	EXPECT_EQ(results.count(10, Regime::changed, false), 1U);
}

TEST(compare_statistics, counting_rotations_give_only_counts)
{
	Results results;
	Rotation counted = rotation_of(9, {42});

	counted.counted = true;
	counted.slices[1].syscalls = 18;
	results.add(counted);
	results.add(rotation_of(2, {42}));
	EXPECT_DOUBLE_EQ(results.ratio(*find_metric("rate"), 10, Regime::near, 1, 0).median, 2);
	EXPECT_DOUBLE_EQ(results.value(*find_metric("syscalls"), 10, Regime::near, 1).median, 2);
	EXPECT_EQ(results.value(*find_metric("syscalls"), 10, Regime::near, 0).count, 0U);
}

TEST(compare_statistics, the_interval_holds_the_median_and_ignores_an_outlier)
{
	std::vector<double> values;

	for (int i = 0; i < 40; i++)
		values.push_back(1 + i * 0.001);
	values.push_back(1000);

	const Spread spread = spread_of(values);

	EXPECT_DOUBLE_EQ(spread.median, 1.02);
	EXPECT_LT(spread.low, spread.median);
	EXPECT_GT(spread.high, spread.median);
	EXPECT_LT(spread.high, 1.04);
	EXPECT_DOUBLE_EQ(spread_of({1, 2}).median, 1.5);
}

TEST(compare_goal, says_what_applies_and_what_is_reached)
{
	const Goal goal = Goal::parse("uring/epoll:per_cpu>=1.2@far,200", {"epoll", "uring"});

	EXPECT_EQ(goal.server, 1U);
	EXPECT_EQ(goal.base, 0U);
	EXPECT_TRUE(goal.applies(200, Regime::far));
	EXPECT_FALSE(goal.applies(199, Regime::far));
	EXPECT_FALSE(goal.applies(200, Regime::near));
	EXPECT_TRUE(goal.reached(1.2));
	EXPECT_FALSE(goal.reached(1.19));
	EXPECT_TRUE(Goal::parse("epoll:p99<=1", {"epoll"}).reached(0.5));
	EXPECT_THROW(Goal::parse("epoll:p98<=1", {"epoll"}), lanes::UsageError);
	EXPECT_THROW(Goal::parse("nginx:p99<=1", {"epoll"}), lanes::UsageError);
}
