// SPDX-License-Identifier: GPL-2.0-only
#include "flow_matrix.h"

#include <gtest/gtest.h>

using namespace lanes;

namespace {

bool has_line(const std::string &text, const std::string &line)
{
	return ("\n" + text).find("\n" + line + "\n") != std::string::npos;
}

} // namespace

TEST(flow_matrix, cells_are_summed_by_their_two_cpus)
{
	FlowMatrix matrix;

	matrix.add({0, 0, -1}, 30);
	matrix.add({0, 1, -1}, 10);
	matrix.add({0, 1, -1}, 5);
	matrix.add({3, 1, -1}, 7);

	const std::string text = matrix.text(false);

	EXPECT_TRUE(has_line(text, "SYN CPU     accept CPU")) << text;
	EXPECT_TRUE(has_line(text, "                     0         1    same CPU")) << text;
	EXPECT_TRUE(has_line(text, "       0            30        15      66.7 %")) << text;
	EXPECT_TRUE(has_line(text, "       3             0         7       0.0 %")) << text;
}

TEST(flow_matrix, a_connection_with_data_is_accepted_once)
{
	FlowMatrix matrix;

	matrix.add({0, 0, -1}, 1);
	matrix.add({0, 0, 0}, 1);
	EXPECT_EQ(matrix.json()["accepted"], 1);
	EXPECT_EQ(matrix.json()["with_data"], 1);
}

TEST(flow_matrix, data_is_local_if_it_comes_to_the_acceptors_cpu)
{
	FlowMatrix matrix;

	matrix.add({0, 1, 1}, 4);
	matrix.add({0, 1, 0}, 2);
	EXPECT_EQ(matrix.json()["data_on_accept_cpu"], 4);
	EXPECT_TRUE(has_line(matrix.text(false), "  data on accept's CPU    4  66.7 %"));
}

TEST(flow_matrix, all_three_must_be_the_same)
{
	FlowMatrix matrix;

	matrix.add({1, 1, 1}, 8);
	matrix.add({0, 1, 1}, 4);
	matrix.add({1, 1, 0}, 2);
	matrix.add({1, 0, 1}, 1);
	EXPECT_EQ(matrix.json()["all_on_one_cpu"], 8);
}

TEST(flow_matrix, accepts_on_the_syns_cpu_are_counted)
{
	FlowMatrix matrix;

	matrix.add({1, 1, -1}, 8);
	matrix.add({0, 1, -1}, 4);
	EXPECT_EQ(matrix.json()["accepted_on_syn_cpu"], 8);
}

TEST(flow_matrix, nothing_has_no_table_and_no_share)
{
	const std::string text = FlowMatrix().text(false);

	EXPECT_EQ(text.find("same CPU"), std::string::npos) << text;
	EXPECT_TRUE(has_line(text, "  on the SYN's CPU        0  -")) << text;
}

TEST(flow_matrix, queues_are_told_only_with_the_module)
{
	FlowMatrix matrix;

	matrix.totals[FLOW_TOTAL_STOLEN] = 3;
	EXPECT_TRUE(has_line(matrix.text(true), "  from another lane       3"));
	EXPECT_EQ(matrix.text(false).find("lane"), std::string::npos);
}

TEST(flow_matrix, what_was_not_seen_or_lost_is_said)
{
	FlowMatrix matrix;

	matrix.totals[FLOW_TOTAL_UNSEEN] = 12;
	matrix.totals[FLOW_TOTAL_LOST] = 34;
	EXPECT_TRUE(has_line(matrix.text(false), "SYN not seen              12"));
	EXPECT_TRUE(has_line(matrix.text(false), "lost                      34"));
	EXPECT_EQ(matrix.json()["syn_not_seen"], 12);
	EXPECT_EQ(matrix.json()["lost"], 34);
}

TEST(flow_matrix, json_has_the_cells)
{
	FlowMatrix matrix;

	matrix.add({1, 2, -1}, 5);
	matrix.add({1, 2, 3}, 4);
	EXPECT_EQ(matrix.json()["accept_cells"].dump(),
		  R"([{"syn_cpu":1,"accept_cpu":2,"count":5}])");
	EXPECT_EQ(matrix.json()["data_cells"].dump(),
		  R"([{"syn_cpu":1,"accept_cpu":2,"data_cpu":3,"count":4}])");
}
