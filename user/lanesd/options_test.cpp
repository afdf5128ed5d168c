// SPDX-License-Identifier: GPL-2.0-only
#include "lanesd/options.h"

#include <gtest/gtest.h>

#include "common/error.h"

using namespace lanes;

namespace {

const std::vector<int> allowed = {2, 5, 7};

std::variant<Options, Help> parse(std::vector<const char *> arguments)
{
	arguments.insert(arguments.begin(), "lanesd");
	return parse_options(static_cast<int>(arguments.size()), arguments.data(), allowed);
}

Options options(std::vector<const char *> arguments)
{
	return std::get<Options>(parse(std::move(arguments)));
}

} // namespace

TEST(options, defaults)
{
	const Options o = options({});

	EXPECT_EQ(std::get<Endpoint>(o.listen).to_string(), "[::]:7000");
	EXPECT_EQ(o.cpus, allowed);
	EXPECT_TRUE(o.lanes);
	EXPECT_EQ(o.connections_max, 4096U);
	EXPECT_EQ(o.buffers, 1024U);
}

TEST(options, all)
{
	const Options o = options({"--listen", "[::1]:9", "--shards", "2", "--no-lanes",
				   "--connections", "7", "--buffers", "64"});

	EXPECT_EQ(std::get<Endpoint>(o.listen).to_string(), "[::1]:9");
	EXPECT_EQ(o.cpus, (std::vector<int>{2, 5}));
	EXPECT_FALSE(o.lanes);
	EXPECT_EQ(o.connections_max, 7U);
	EXPECT_EQ(o.buffers, 64U);
}

TEST(options, one_shard_is_on_the_first_allowed_cpu)
{
	const Options o = options({"--listen=fd:3", "--shards=1"});

	EXPECT_EQ(std::get<InheritedSocket>(o.listen).fd, 3);
	EXPECT_EQ(o.cpus, std::vector<int>{2});
}

TEST(options, help)
{
	const std::string text = std::get<Help>(parse({"--help"})).text;

	for (const char *option : {"--listen", "--shards", "--no-lanes", "--help"})
		EXPECT_NE(text.find(option), std::string::npos) << option;
}

class options_bad : public testing::TestWithParam<std::vector<const char *>> {};

TEST_P(options_bad, is_refused_in_one_line)
{
	try {
		parse(GetParam());
		FAIL() << "accepted";
	} catch (const UsageError &error) {
		EXPECT_EQ(std::string(error.what()).find('\n'), std::string::npos);
		EXPECT_FALSE(std::string(error.what()).empty());
	}
}

INSTANTIATE_TEST_SUITE_P(arguments, options_bad,
			 testing::Values(std::vector<const char *>{"--nonsense"},
					 std::vector<const char *>{"extra"},
					 std::vector<const char *>{"--listen"},
					 std::vector<const char *>{"--listen", "80"},
					 std::vector<const char *>{"--listen", "fd:"},
					 std::vector<const char *>{"--listen", "fd:-1"},
					 std::vector<const char *>{"--listen", "fd:3x"},
					 std::vector<const char *>{"--shards", "0"},
					 std::vector<const char *>{"--shards", "4"},
					 std::vector<const char *>{"--shards", "x"},
					 std::vector<const char *>{"--connections", "0"},
					 std::vector<const char *>{"--buffers", "0"},
					 std::vector<const char *>{"--buffers", "3"},
					 std::vector<const char *>{"--buffers", "65536"}));
