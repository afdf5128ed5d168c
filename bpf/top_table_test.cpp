// SPDX-License-Identifier: GPL-2.0-only
#include "top_table.h"

#include <gtest/gtest.h>

using namespace lanes;

namespace {

const std::string header = "address inode cpu queued claimed local global stolen spilled "
			   "pulled_down overflow wait_us wait_sum_us\n";

/** The CPUs of the rows, in order. */
std::vector<int> cpus(const TopTable &table)
{
	const auto json = table.json();
	std::vector<int> cpus;

	for (const auto &row : json["rows"])
		cpus.push_back(row["cpu"]);
	return cpus;
}

TopSample sums_of(TopSample sample)
{
	add_sums(sample);
	return sample;
}

nlohmann::ordered_json row(const TopSample &before, const TopSample &now)
{
	return TopTable(before, now, 1, TopSort::listener).json()["rows"][0];
}

} // namespace

TEST(top_table, a_lines_fields_are_read)
{
	TopSample sample;

	add_lanes(sample, header + "10.0.0.1:80 18230 2 5 1 10 20 30 40 1 2 0,1,2 99\n", 0);
	ASSERT_TRUE(sample.contains({"10.0.0.1:80", 2}));

	const TopCounters &c = sample[{"10.0.0.1:80", 2}];

	EXPECT_EQ(c.queued, 5U);
	ASSERT_TRUE(c.lane);
	EXPECT_TRUE(c.lane->claimed);
	EXPECT_EQ(c.lane->local, 10U);
	EXPECT_EQ(c.lane->global, 20U);
	EXPECT_EQ(c.lane->stolen, 30U);
	EXPECT_EQ(c.lane->spilled, 40U);
}

TEST(top_table, fields_that_are_new_are_ignored)
{
	TopSample sample;

	add_lanes(sample,
		  header.substr(0, header.size() - 1) + " new\n" +
			  "10.0.0.1:80 1 0 5 1 10 20 30 40 1 2 0,1,2 99 more\n",
		  0);
	EXPECT_EQ(sample.size(), 1U);
}

TEST(top_table, a_broken_line_is_left_out)
{
	TopSample sample;

	add_lanes(sample, header + "10.0.0.1:80 1 0 5 1 10\n", 0);
	EXPECT_TRUE(sample.empty());
}

TEST(top_table, only_the_whole_port_counts)
{
	TopSample sample;

	add_lanes(sample,
		  header + "10.0.0.1:8080 1 0 0 0 0 0 0 0 0 0 0 0\n"
			   "[::1]:80 2 0 0 0 0 0 0 0 0 0 0 0\n",
		  80);
	ASSERT_EQ(sample.size(), 1U);
	EXPECT_EQ(sample.begin()->first.first, "[::1]:80");
}

TEST(top_table, sums_are_of_all_cpus_of_a_listener)
{
	TopSample sample;

	sample[{"a", 0}] = {1, 2, 3, 4, TopCounters::Lane{false, 1, 2, 3, 4}};
	sample[{"a", 1}] = {10, 20, 30, 40, TopCounters::Lane{true, 10, 20, 30, 40}};
	sample[{"b", 1}] = {100, 100, 100, 100, {}};
	add_sums(sample);

	const TopCounters &sum = sample[{"a", top_all}];

	EXPECT_EQ(sum.arrived, 11U);
	EXPECT_EQ(sum.accepted, 22U);
	EXPECT_EQ(sum.wait_us, 33U);
	EXPECT_EQ(sum.queued, 44U);
	ASSERT_TRUE(sum.lane);
	EXPECT_TRUE(sum.lane->claimed);
	EXPECT_EQ(sum.lane->local, 11U);
	EXPECT_EQ(sum.lane->global, 22U);
	EXPECT_EQ(sum.lane->stolen, 33U);
	EXPECT_EQ(sum.lane->spilled, 44U);
}

TEST(top_table, a_stock_listeners_one_queue_is_kept_in_the_sums)
{
	TopSample sample;

	sample[{"a", 0}] = {1, 2, 3, {}, {}};
	sample[{"a", top_all}].queued = 7;
	add_sums(sample);

	const TopCounters sum = sample[{"a", top_all}];

	EXPECT_EQ(sum.queued, 7U);
	EXPECT_EQ(sum.arrived, 1U);
}

TEST(top_table, counts_are_of_the_interval)
{
	TopSample before, now;

	before[{"a", 0}] = {10, 20, 300, 1, TopCounters::Lane{true, 1, 2, 3, 4}};
	now[{"a", 0}] = {11, 22, 330, 2, TopCounters::Lane{false, 11, 22, 33, 44}};
	EXPECT_EQ(row(before, now).dump(),
		  R"({"listener":"a","cpu":0,"arrived":1,"accepted":2,"wait_us":30,)"
		  R"("queued":2,"claimed":false,"local":10,"global":20,"stolen":30,"spilled":40})");
}

TEST(top_table, a_listener_that_is_new_counts_from_zero)
{
	TopSample now;

	now[{"a", 0}] = {11, 22, 330, {}, {}};
	EXPECT_EQ(row({}, now)["accepted"], 22);
}

TEST(top_table, counters_that_began_anew_are_nothing)
{
	TopSample before, now;

	before[{"a", 0}] = {10, 20, 300, {}, {}};
	now[{"a", 0}] = {1, 2, 30, {}, {}};
	EXPECT_EQ(row(before, now)["accepted"], 0);
}

TEST(top_table, text_has_rates_and_the_mean_wait)
{
	TopSample now;

	now[{"a", 0}] = {100, 50, 50 * 1500, 3, TopCounters::Lane{true, 40, 30, 20, 10}};

	const std::string text = TopTable({}, now, 0.5, TopSort::listener).text();

	EXPECT_NE(
		text.find("a                            0        200         100       3    1.5 ms"
			  "     yes       80        60        40         20\n"),
		std::string::npos)
		<< text;
}

TEST(top_table, what_a_stock_listener_does_not_tell_is_not_there)
{
	TopSample now;

	now[{"a", 0}] = {100, 0, 0, {}, {}};

	const std::string text = TopTable({}, now, 1, TopSort::listener).text();

	EXPECT_NE(text.find("       100           0       -         -\n"), std::string::npos)
		<< text;
	EXPECT_EQ(row({}, now).dump(),
		  R"({"listener":"a","cpu":0,"arrived":100,"accepted":0,"wait_us":0})");
}

TEST(top_table, sums_are_called_all)
{
	TopSample now;

	now[{"a", 0}].accepted = 1;

	const std::string text = TopTable({}, sums_of(now), 1, TopSort::listener).text();

	EXPECT_NE(text.find("a                          all "), std::string::npos) << text;
}

class top_sort : public testing::TestWithParam<std::pair<TopSort, std::vector<int>>> {};

TEST_P(top_sort, the_most_first)
{
	TopSample now;

	now[{"a", 1}] = {3, 10, 10 * 5, 1, {}};
	now[{"a", 2}] = {1, 30, 30 * 9, 2, {}};
	now[{"a", 3}] = {2, 20, 20 * 7, 3, {}};
	EXPECT_EQ(cpus(TopTable({}, now, 1, GetParam().first)), GetParam().second);
}

using Order = std::pair<TopSort, std::vector<int>>;
INSTANTIATE_TEST_SUITE_P(
	by, top_sort,
	testing::Values(Order{TopSort::accepted, {2, 3, 1}}, Order{TopSort::arrived, {1, 3, 2}},
			Order{TopSort::queued, {3, 2, 1}}, Order{TopSort::wait, {2, 3, 1}},
			Order{TopSort::listener, {1, 2, 3}}),
	[](const auto &order) { return std::string(top_sort_name(order.param.first)); });

TEST(top_table, what_is_equal_stays_by_listener_and_cpu)
{
	TopSample now;

	now[{"b", 0}].accepted = 5;
	now[{"a", 7}].accepted = 5;
	now[{"a", 3}].accepted = 5;
	EXPECT_EQ(cpus(TopTable({}, now, 1, TopSort::accepted)), (std::vector<int>{3, 7, 0}));
}
