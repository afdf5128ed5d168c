// SPDX-License-Identifier: GPL-2.0-only
#include "http/date.h"

#include <string>

#include <gtest/gtest.h>

using namespace lanes::http;

namespace {

constexpr time_t example = 784111777;

} // namespace

TEST(http_date, is_that_of_the_rfc)
{
	EXPECT_EQ(view(format_date(example)), "Sun, 06 Nov 1994 08:49:37 GMT");
	EXPECT_EQ(view(format_date(0)), "Thu, 01 Jan 1970 00:00:00 GMT");
	EXPECT_EQ(view(format_date(1709209845)), "Thu, 29 Feb 2024 12:30:45 GMT");
}

TEST(http_date, all_three_formats_are_read)
{
	EXPECT_EQ(parse_date("Sun, 06 Nov 1994 08:49:37 GMT"), example);
	EXPECT_EQ(parse_date("Sunday, 06-Nov-94 08:49:37 GMT"), example);
	EXPECT_EQ(parse_date("Sun Nov  6 08:49:37 1994"), example);
	EXPECT_EQ(parse_date("Wed Nov 16 08:49:37 1994"), example + 10 * 86400);
}

TEST(http_date, what_is_written_is_read)
{
	for (time_t t = 0; t < 4'000'000'000; t += 86399 * 7 + 13)
		ASSERT_EQ(parse_date(view(format_date(t))), t);
}

TEST(http_date, others_are_none)
{
	for (const char *text : {"", "Sun", "Sun,", "now", "Sun, 06 Nov 1994 08:49:37",
				 "Sun, 06 Nov 1994 08:49:37 CET", "Sun, 06 Nov 1994 08:49:37 GMT ",
				 "Sun, 6 Nov 1994 08:49:37 GMT", "Sun, 06 Noo 1994 08:49:37 GMT",
				 "Sun, 06 Nov 1994 24:49:37 GMT", "Sun, 06 Nov 1994 08:60:37 GMT",
				 "Sun, 00 Nov 1994 08:49:37 GMT", "Sun, 06 Nov -994 08:49:37 GMT",
				 "Sunday, 06-Nov-1994 08:49:37 GMT", "784111777"})
		EXPECT_FALSE(parse_date(text)) << text;
}
