// SPDX-License-Identifier: GPL-2.0-only
#include "lanectl/kernel_log.h"

#include <algorithm>
#include <sstream>

#include <gtest/gtest.h>

using namespace lanes::ctl;

namespace {

std::string about(const std::string &log)
{
	std::istringstream stream(log);

	return about_lanes(stream);
}

std::string report(const std::string &trace)
{
	return "[1.0] ------------[ cut here ]------------\n"
	       "[1.0] WARNING: CPU: 1 PID: 7 at x.c:1\n"
	       "[1.0] Modules linked in: lanes veth\n" +
	       trace + "[1.0] ---[ end trace 0000000000000000 ]---\n";
}

} // namespace

TEST(kernel_log, lines_that_name_lanes)
{
	EXPECT_EQ(about("[0.1] usb 1-1: new device\n"
			"[0.2] lanes: loading out-of-tree module taints kernel.\n"
			"[0.3] eth0: link up"),
		  "[0.2] lanes: loading out-of-tree module taints kernel.\n");
	EXPECT_EQ(about(""), "");
}

TEST(kernel_log, report_with_lanes_in_its_trace_is_whole)
{
	const std::string ours = report("[1.0]  lanes_accept+0x12/0x34 [lanes]\n");

	EXPECT_EQ(about("[0.1] before\n" + ours + "[1.1] after\n"), ours);
}

TEST(kernel_log, report_of_others_is_left_out)
{
	EXPECT_EQ(about(report("[1.0]  veth_xmit+0x12/0x34 [veth]\n") + "[1.1] lanes: a line\n"),
		  "[1.1] lanes: a line\n");
}

TEST(kernel_log, report_may_begin_and_end_otherwise)
{
	const std::string ours = "[1.0] BUG: KASAN: slab-use-after-free in lanes_poll+0x1 [lanes]\n"
				 "[1.0] Read of size 8\n"
				 "[1.0] ==================================\n";

	EXPECT_EQ(about(ours + "[1.1] after\n"), ours);
}

TEST(kernel_log, report_without_an_end_is_bounded)
{
	std::string log = "BUG: something in lanes\n";

	for (int i = 0; i < 1000; i++)
		log += "another line\n";

	const std::string text = about(log);

	EXPECT_EQ(std::count(text.begin(), text.end(), '\n'), 200);
	EXPECT_EQ(about("BUG: lanes\nend of the log\n"), "BUG: lanes\nend of the log\n");
}
