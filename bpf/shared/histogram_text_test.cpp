// SPDX-License-Identifier: GPL-2.0-only
#include "shared/histogram_text.h"

#include <array>

#include <gtest/gtest.h>

using namespace lanes;

namespace {

using Slots = std::array<__u64, 24>;

} // namespace

TEST(histogram_text, all_slots_are_counted)
{
	Slots slots{};

	slots[0] = 1;
	slots[5] = 2;
	slots[23] = 4;
	EXPECT_EQ(histogram_count(slots), 7U);
}

TEST(histogram_text, a_share_is_below_the_end_of_its_slot)
{
	Slots slots{};

	slots[3] = 99;
	slots[7] = 1;
	EXPECT_EQ(histogram_below(slots, 0.5), 8U);
	EXPECT_EQ(histogram_below(slots, 0.99), 8U);
	EXPECT_EQ(histogram_below(slots, 1), 128U);
}

TEST(histogram_text, slot_0_ends_at_1_us)
{
	Slots slots{};

	slots[0] = 1;
	EXPECT_EQ(histogram_below(slots, 0.99), 1U);
}

TEST(histogram_text, the_last_slot_has_no_end)
{
	Slots slots{};

	slots[23] = 1;
	EXPECT_EQ(histogram_below(slots, 0.99), 4194304U);
}

TEST(histogram_text, nothing_is_below_0)
{
	EXPECT_EQ(histogram_below(Slots{}, 0.99), 0U);
}

TEST(histogram_text, nothing_has_no_text)
{
	EXPECT_EQ(histogram_text(Slots{}), "");
}

TEST(histogram_text, bars_from_the_first_slot_in_use_to_the_last)
{
	Slots slots{};

	slots[1] = 10;
	slots[3] = 40;
	slots[4] = 1;
	EXPECT_EQ(histogram_text(slots), "   from us    below          count\n"
					 "         1 .. 2                 10  ##########\n"
					 "         2 .. 4                  0\n"
					 "         4 .. 8                 40  "
					 "########################################\n"
					 "         8 .. 16                 1  #\n");
}

TEST(histogram_text, the_text_of_the_first_and_the_last_slot)
{
	Slots slots{};

	slots[0] = 1;
	slots[23] = 1;

	const std::string text = histogram_text(slots);

	EXPECT_NE(text.find("         0 .. 1 "), std::string::npos) << text;
	EXPECT_NE(text.find("   4194304 .. - "), std::string::npos) << text;
}
