// SPDX-License-Identifier: GPL-2.0-only
#include "lanectl/debug.h"

#include <algorithm>

#include <gtest/gtest.h>

using namespace lanes::ctl;

TEST(debug, each_member_is_there_once_and_says_something)
{
	/* Without the module and as any user. */
	auto members = collect_debug();

	for (const Member &member : members)
		EXPECT_TRUE(member.name == "dmesg" || !member.content.empty()) << member.name;
	std::ranges::sort(members, {}, &Member::name);
	EXPECT_EQ(std::ranges::adjacent_find(members, {}, &Member::name), members.end());
}
