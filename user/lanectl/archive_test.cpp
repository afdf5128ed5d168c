// SPDX-License-Identifier: GPL-2.0-only
#include "lanectl/archive.h"

#include <numeric>
#include <stdexcept>

#include <gtest/gtest.h>

using namespace lanes::ctl;

TEST(archive, members_are_filled_up_to_blocks)
{
	const std::string full(512, 'x');
	const std::string archive = make_archive("f", {{"a", "text"}, {"b", full}, {"c", ""}});

	ASSERT_EQ(archive.size(), 512U * (2 + 2 + 1 + 2));
	EXPECT_EQ(archive.substr(0, 4), std::string("f/a\0", 4));
	EXPECT_EQ(archive.substr(124, 12), std::string("00000000004\0", 12));
	EXPECT_EQ(archive.substr(512, 5), std::string("text\0", 5));
	EXPECT_EQ(archive.substr(2 * 512, 4), std::string("f/b\0", 4));
	EXPECT_EQ(archive.substr(3 * 512, 512), full);
	EXPECT_EQ(archive.substr(4 * 512, 4), std::string("f/c\0", 4));
	EXPECT_EQ(archive.substr(5 * 512), std::string(2 * 512, '\0'));
}

TEST(archive, checksum_is_of_the_header_with_blanks_in_its_place)
{
	const std::string archive = make_archive("f", {{"a", "text"}});
	std::string header = archive.substr(0, 512);
	const std::string checksum = header.substr(148, 8);

	header.replace(148, 8, 8, ' ');
	EXPECT_EQ(std::stoi(checksum, nullptr, 8),
		  std::accumulate(header.begin(), header.end(), 0));
	EXPECT_EQ(checksum.substr(6), std::string("\0 ", 2));
}

TEST(archive, name_that_has_no_room_is_refused)
{
	EXPECT_NO_THROW(make_archive("f", {{std::string(97, 'n'), ""}}));
	EXPECT_THROW(make_archive("f", {{std::string(98, 'n'), ""}}), std::length_error);
}
