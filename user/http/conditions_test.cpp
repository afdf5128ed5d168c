// SPDX-License-Identifier: GPL-2.0-only
#include "http/conditions.h"

#include <gtest/gtest.h>

using namespace lanes::http;

namespace {

/** Of 100 bytes: "offset+length", "none", or "ignored". */
std::string resolved(std::string_view value)
{
	const auto range = parse_range(value);

	if (!range)
		return "ignored";

	const auto part = resolve(*range, 100);

	if (!part)
		return "none";
	return std::to_string(part->offset) + "+" + std::to_string(part->length);
}

} // namespace

TEST(http_range, is_resolved)
{
	EXPECT_EQ(resolved("bytes=0-0"), "0+1");
	EXPECT_EQ(resolved("bytes=10-19"), "10+10");
	EXPECT_EQ(resolved("bytes=99-"), "99+1");
	EXPECT_EQ(resolved("bytes=0-"), "0+100");
	EXPECT_EQ(resolved("bytes=50-1000"), "50+50");
	EXPECT_EQ(resolved("bytes=0-18446744073709551615"), "0+100");
	EXPECT_EQ(resolved("bytes=-1"), "99+1");
	EXPECT_EQ(resolved("bytes=-1000"), "0+100");
}

TEST(http_range, has_no_byte)
{
	EXPECT_EQ(resolved("bytes=100-"), "none");
	EXPECT_EQ(resolved("bytes=100-200"), "none");
	EXPECT_EQ(resolved("bytes=-0"), "none");
	EXPECT_FALSE(resolve(*parse_range("bytes=-5"), 0));
	EXPECT_FALSE(resolve(*parse_range("bytes=0-"), 0));
}

TEST(http_range, is_ignored)
{
	for (const char *value :
	     {"", "bytes", "bytes=", "bytes=-", "bytes=5", "bytes=5-4", "bytes=0-1,3-4",
	      "bytes=0-1 ", "bytes=+1-2", "bytes=1-+2", "bytes=--1", "lines=0-1",
	      "bytes=18446744073709551615-", "bytes=0-99999999999999999999", "bytes=a-b"})
		EXPECT_EQ(resolved(value), "ignored") << value;
}

TEST(http_etags, are_found)
{
	EXPECT_TRUE(lists_etag("\"a\"", "\"a\""));
	EXPECT_TRUE(lists_etag("*", "\"a\""));
	EXPECT_TRUE(lists_etag("W/\"a\"", "\"a\""));
	EXPECT_TRUE(lists_etag("\"x\", \"y,z\",W/\"w\" , \"a\"", "\"a\""));
}

TEST(http_etags, are_not_found)
{
	for (const char *list : {"", "a", "\"b\"", "\"a", "\"ab\"", "\"x\" a \"a\"", "\"x\",,",
				 "w/\"a\"", "\"b\\\"a\""})
		EXPECT_FALSE(lists_etag(list, "\"a\"")) << list;
}
