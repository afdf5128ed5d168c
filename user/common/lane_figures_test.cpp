// SPDX-License-Identifier: GPL-2.0-only
#include "common/lane_figures.h"

#include <sstream>

#include <gtest/gtest.h>

using namespace lanes;

namespace {

constexpr const char *sample =
	"address inode cpu queued claimed local global stolen spilled pulled_down overflow "
	"wait_us wait_sum_us\n"
	"0.0.0.0:80 7 0 1 1 10 20 30 4 5 6 1,2,3 500\n"
	"0.0.0.0:80 7 1 2 0 11 21 31 0 0 0 0,0,9 600\n"
	"[::1]:81 8 1 3 0 100 200 300 0 0 0 0,0,0,5 7\n"
	"[::1]:82 9 1 9 9 9 9 9 9 9 9 9 9\n"
	"[::1]:81 8 2 3\n";

std::map<int, LaneFigures> read(const std::set<ino_t> &inodes)
{
	std::istringstream text(sample);

	return read_lane_figures(text, inodes);
}

} // namespace

TEST(lane_figures, each_line_has_all_columns)
{
	std::istringstream text(sample);
	const std::vector<Lane> lanes = read_lanes(text);

	ASSERT_EQ(lanes.size(), 4U);
	EXPECT_EQ(lanes[0].address, "0.0.0.0:80");
	EXPECT_EQ(lanes[0].inode, 7U);
	EXPECT_TRUE(lanes[0].claimed);
	EXPECT_FALSE(lanes[1].claimed);
	EXPECT_EQ(lanes[1].cpu, 1);
	EXPECT_EQ(lanes[0].figures.spilled, 4U);
	EXPECT_EQ(lanes[0].figures.pulled_down, 5U);
	EXPECT_EQ(lanes[0].figures.overflow, 6U);
	EXPECT_EQ(lanes[2].address, "[::1]:81");
}

TEST(lane_figures, are_summed_over_the_listeners_that_are_asked_for)
{
	const auto all = read({7, 8});

	ASSERT_EQ(all.size(), 2U);
	EXPECT_EQ(all.at(0).local, 10U);
	EXPECT_EQ(all.at(0).wait_us, (std::vector<uint64_t>{1, 2, 3}));
	EXPECT_EQ(all.at(1).queued, 5U);
	EXPECT_EQ(all.at(1).local, 111U);
	EXPECT_EQ(all.at(1).global, 221U);
	EXPECT_EQ(all.at(1).stolen, 331U);
	EXPECT_EQ(all.at(1).wait_sum_us, 607U);
	EXPECT_EQ(all.at(1).wait_us, (std::vector<uint64_t>{0, 0, 9, 5}));
	EXPECT_TRUE(read({6}).empty());
	EXPECT_TRUE(read({}).empty());
}

TEST(lane_figures, columns_are_known_by_their_names)
{
	std::istringstream text("cpu later inode stolen\n3 77 7 5\n");
	const auto all = read_lane_figures(text, {7});

	ASSERT_EQ(all.size(), 1U);
	EXPECT_EQ(all.at(3).stolen, 5U);
	EXPECT_EQ(all.at(3).local, 0U);
	EXPECT_TRUE(all.at(3).wait_us.empty());
}

TEST(lane_figures, nonsense_is_left_out)
{
	for (const char *bad :
	     {"", "\n", "\n\n", "inode cpu\n", "inode\n7 7 7\n", "x y\n\n1 1\n"}) {
		std::istringstream text(bad);

		EXPECT_TRUE(read_lane_figures(text, {7}).empty()) << bad;
	}
}

TEST(lane_figures, quantile_is_a_bound)
{
	LaneFigures figures;

	EXPECT_EQ(figures.wait_quantile_us(0.5), 0U);
	figures.wait_us = {50, 0, 49, 1};
	EXPECT_EQ(figures.wait_quantile_us(0.5), 1U);
	EXPECT_EQ(figures.wait_quantile_us(0.51), 4U);
	EXPECT_EQ(figures.wait_quantile_us(0.99), 4U);
	EXPECT_EQ(figures.wait_quantile_us(1), 8U);
}
