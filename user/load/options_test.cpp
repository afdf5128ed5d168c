// SPDX-License-Identifier: GPL-2.0-only
#include "load/options.h"

#include <gtest/gtest.h>

#include "common/error.h"

using namespace lanes;
using namespace std::chrono_literals;

namespace {

std::variant<LoadPlan, std::string> parse(std::vector<const char *> arguments)
{
	arguments.insert(arguments.begin(), "lanesload");
	return parse_load_options(static_cast<int>(arguments.size()), arguments.data(), {1, 3});
}

} // namespace

TEST(load_options, all)
{
	const LoadPlan plan =
		std::get<LoadPlan>(parse({"127.0.0.1:7000", "--clients", "1", "--connections", "9",
					  "--interval-us", "10", "--timeout-ms", "20"}));

	EXPECT_EQ(plan.target.to_string(), "127.0.0.1:7000");
	EXPECT_EQ(plan.cpus, std::vector<int>{1});
	EXPECT_EQ(plan.connections, 9U);
	EXPECT_EQ(plan.interval, 10us);
	EXPECT_EQ(plan.timeout, 20ms);
}

TEST(load_options, refused)
{
	EXPECT_THROW(parse({}), UsageError);
	EXPECT_THROW(parse({"nowhere"}), UsageError);
	EXPECT_THROW(parse({"127.0.0.1:1", "--clients", "3"}), UsageError);
	EXPECT_THROW(parse({"127.0.0.1:1", "--timeout-ms", "0"}), UsageError);
}
