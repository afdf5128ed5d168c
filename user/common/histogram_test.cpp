// SPDX-License-Identifier: GPL-2.0-only
#include "common/histogram.h"

#include <algorithm>
#include <functional>
#include <random>
#include <thread>
#include <vector>

#include <cmath>

#include <gtest/gtest.h>

using namespace lanes;

namespace {

uint64_t exact_quantile(std::vector<uint64_t> values, double fraction)
{
	std::sort(values.begin(), values.end());

	const auto rank =
		static_cast<size_t>(std::ceil(fraction * static_cast<double>(values.size())));

	return values[rank ? rank - 1 : 0];
}

struct Distribution {
	const char *name;
	std::function<double(std::mt19937_64 &)> draw;
};

class histogram_of : public testing::TestWithParam<Distribution> {};

} // namespace

TEST(histogram, none_is_zero)
{
	const Histogram histogram;

	EXPECT_EQ(histogram.count(), 0U);
	EXPECT_EQ(histogram.quantile(0.5), 0U);
	EXPECT_EQ(histogram.max(), 0U);
}

TEST(histogram, small_values_are_exact)
{
	for (uint64_t value = 1; value <= 32; value++) {
		Histogram histogram;

		histogram.add(value);
		EXPECT_EQ(histogram.quantile(0.5), value);
	}
}

TEST(histogram, buckets_are_in_order_and_hold_what_is_near_their_middle)
{
	size_t last = 0;

	for (uint64_t value = 1; value < 1ULL << 42; value += 1 + value / 97) {
		const size_t bucket = HistogramBuckets::index(value);
		const auto off = static_cast<double>(HistogramBuckets::middle(bucket)) -
				 static_cast<double>(value);

		ASSERT_GE(bucket, last);
		ASSERT_LE(bucket, last + 1);
		ASSERT_LE(std::abs(off), static_cast<double>(value) / 32) << value;
		last = bucket;
	}
	EXPECT_EQ(last, HistogramBuckets::count - 1);
}

TEST_P(histogram_of, is_within_a_thirty_second)
{
	std::mt19937_64 random(1);
	Histogram histogram;
	std::vector<uint64_t> values;
	uint64_t sum = 0;

	for (int i = 0; i < 20000; i++) {
		const auto value = static_cast<uint64_t>(std::max(1.0, GetParam().draw(random)));

		histogram.add(value);
		values.push_back(value);
		sum += value;
	}
	EXPECT_EQ(histogram.count(), values.size());
	EXPECT_EQ(histogram.sum(), sum);
	EXPECT_EQ(histogram.max(), *std::max_element(values.begin(), values.end()));
	for (double fraction : {0.0, 0.01, 0.25, 0.5, 0.9, 0.99, 0.999, 1.0}) {
		const auto exact = static_cast<double>(exact_quantile(values, fraction));

		EXPECT_NEAR(static_cast<double>(histogram.quantile(fraction)), exact, exact / 32)
			<< fraction;
	}
}

INSTANTIATE_TEST_SUITE_P(
	distributions, histogram_of,
	testing::Values(
		Distribution{"uniform",
			     [](auto &r) { return std::uniform_real_distribution(1.0, 1e6)(r); }},
		Distribution{"exponential",
			     [](auto &r) { return std::exponential_distribution(1e-5)(r); }},
		Distribution{"lognormal",
			     [](auto &r) { return std::lognormal_distribution(10.0, 2.0)(r); }},
		Distribution{"bimodal",
			     [](auto &r) {
				     return std::bernoulli_distribution(0.05)(r)
						    ? std::normal_distribution(4e9, 1e8)(r)
						    : std::normal_distribution(2e4, 3e3)(r);
			     }}),
	[](const auto &tested) { return tested.param.name; });

TEST(histogram, powers_of_two_count_what_is_not_above_them)
{
	Histogram histogram;

	for (uint64_t value = 1; value <= 5000; value++)
		histogram.add(value);

	const HistogramSnapshot snapshot = histogram.snapshot();

	for (unsigned power = 0; power <= 12; power++)
		EXPECT_EQ(snapshot.up_to(power), 1ULL << power);
	EXPECT_EQ(snapshot.up_to(13), 5000U);
}

TEST(histogram, what_is_too_large_is_the_maximum)
{
	Histogram histogram;

	histogram.add(1);
	histogram.add(~0ULL);
	EXPECT_EQ(histogram.quantile(1), ~0ULL);
	EXPECT_EQ(histogram.quantile(0.5), 1U);
}

TEST(histogram, merge_adds_all)
{
	Histogram low, high;
	HistogramSnapshot merged;

	low.add(10);
	high.add(1000);
	high.add(1000);
	merged.merge(low);
	merged.merge(high.snapshot());
	EXPECT_EQ(merged.count(), 3U);
	EXPECT_EQ(merged.sum(), 2010U);
	EXPECT_EQ(merged.max(), 1000U);
	EXPECT_EQ(merged.quantile(0.3), 10U);
	EXPECT_NEAR(static_cast<double>(merged.quantile(0.6)), 1000, 32);
}

TEST(histogram, a_reader_sees_the_writer_s_values)
{
	Histogram histogram;
	constexpr uint64_t values = 100000;
	std::thread writer([&histogram] {
		for (uint64_t i = 0; i < values; i++)
			histogram.add(i);
	});
	uint64_t seen = 0;

	while (seen < values) {
		const uint64_t count = histogram.count();

		ASSERT_GE(count, seen);
		seen = count;
	}
	writer.join();
	EXPECT_EQ(histogram.count(), values);
}
