// SPDX-License-Identifier: GPL-2.0-only
#include "lanectl/listeners.h"

#include <sstream>

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

using namespace lanes;
using namespace lanes::ctl;

namespace {

std::vector<ListenerView> sample()
{
	std::istringstream text("address inode cpu queued claimed local global stolen spilled "
				"pulled_down overflow wait_us wait_sum_us\n"
				"0.0.0.0:80 7 0 1 1 10 20 30 4 5 6 1,2,3 500\n"
				"0.0.0.0:80 7 1 2 0 11 21 31 0 0 0 0,0,9 600\n"
				"[::1]:8080 80 0 3 0 0 0 0 0 0 0 0 7\n");

	return group(read_lanes(text), {{7, {{12, "httpd"}, {13, "httpd"}}}});
}

} // namespace

TEST(listeners, lines_of_one_socket_are_one_listener)
{
	const auto all = sample();

	ASSERT_EQ(all.size(), 2U);
	EXPECT_EQ(all[0].lanes.size(), 2U);
	EXPECT_EQ(all[0].claimed(), 1U);
	EXPECT_EQ(all[0].total().queued, 3U);
	EXPECT_EQ(all[0].total().local, 21U);
	EXPECT_EQ(all[0].owners.size(), 2U);
	EXPECT_EQ(all[1].claimed(), 0U);
	EXPECT_TRUE(all[1].owners.empty());
}

TEST(listeners, are_selected_by_port_address_or_inode)
{
	const auto all = sample();

	EXPECT_TRUE(selects("80", all[0]));
	EXPECT_TRUE(selects("80", all[1])) << "its inode";
	EXPECT_TRUE(selects("7", all[0]));
	EXPECT_TRUE(selects("0.0.0.0:80", all[0]));
	EXPECT_TRUE(selects("[::1]:8080", all[1]));
	for (const char *other :
	     {"0", "8", "808", "127.0.0.1:80", "[::1]:80", "", "0.0.0.0", "1]:8080"})
		for (const ListenerView &listener : all)
			EXPECT_FALSE(selects(other, listener)) << other;
}

TEST(listeners, list_has_a_line_for_each)
{
	EXPECT_EQ(
		format_list(sample(), Style::text),
		"ADDRESS     INODE  CLAIMED  QUEUED  LOCAL  GLOBAL  STOLEN  SPILLED  PULLED_DOWN  "
		"OVERFLOW  P50_US  P99_US  PROCESSES\n"
		"0.0.0.0:80      7      1/2       3     21      41      61        4            5  "
		"       6       4       4  12/httpd,13/httpd\n"
		"[::1]:8080     80      0/1       3      0       0       0        0            0  "
		"       0       -       -  -\n");
	EXPECT_EQ(format_list({}, Style::json), "[]\n");
}

TEST(listeners, show_has_a_line_for_each_cpu)
{
	EXPECT_EQ(format_show({sample()[0]}, Style::text),
		  "0.0.0.0:80 inode 7 processes 12/httpd,13/httpd\n"
		  "CPU  CLAIMED  QUEUED  LOCAL  GLOBAL  STOLEN  SPILLED  PULLED_DOWN  OVERFLOW  "
		  "P50_US  P99_US\n"
		  "0        yes       1     10      20      30        4            5         6  "
		  "     2  4\n"
		  "1         no       2     11      21      31        0            0         0  "
		  "     4  4\n");
}

TEST(listeners, json_has_all_figures)
{
	auto json = nlohmann::json::parse(format_show(sample(), Style::pretty));

	EXPECT_EQ(json[0]["address"], "0.0.0.0:80");
	EXPECT_EQ(json[0]["inode"], 7);
	EXPECT_EQ(json[0]["owners"][1]["pid"], 13);
	EXPECT_EQ(json[0]["total"]["stolen"], 61);
	EXPECT_EQ(json[0]["lanes"][0]["overflow"], 6);
	EXPECT_EQ(json[0]["lanes"][1]["wait_us"], (std::vector<int>{0, 0, 9}));
	EXPECT_EQ(json[0]["lanes"][1]["claimed"], false);

	auto list = nlohmann::json::parse(format_list(sample(), Style::json));

	EXPECT_EQ(list[0]["lanes"], 2);
	EXPECT_EQ(list[0]["claimed"], 1);
}
