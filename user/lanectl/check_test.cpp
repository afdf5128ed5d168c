// SPDX-License-Identifier: GPL-2.0-only
#include "lanectl/check.h"

#include <algorithm>

#include <gtest/gtest.h>

using namespace lanes::ctl;

TEST(check, only_what_is_missing_fails)
{
	EXPECT_TRUE(nothing_missing({{"a", Verdict::ok, ""}, {"b", Verdict::limited, ""}}));
	EXPECT_FALSE(nothing_missing({{"a", Verdict::missing, ""}, {"b", Verdict::ok, ""}}));
}

TEST(check, a_line_for_each)
{
	const std::vector<Finding> findings = {{"io_uring", Verdict::ok, "works"},
					       {"module", Verdict::missing, "load it"}};

	EXPECT_EQ(format_findings(findings, Style::text), "io_uring    ok       works\n"
							  "module      missing  load it\n");
	EXPECT_EQ(format_findings(findings, Style::json),
		  "[{\"thing\":\"io_uring\",\"verdict\":\"ok\",\"text\":\"works\"},"
		  "{\"thing\":\"module\",\"verdict\":\"missing\",\"text\":\"load it\"}]\n");
}

TEST(check, each_thing_is_found_once_and_says_something)
{
	auto findings = check_kernel();

	for (const Finding &finding : findings)
		EXPECT_FALSE(finding.text.empty()) << finding.thing;
	std::ranges::sort(findings, {}, &Finding::thing);
	EXPECT_EQ(std::ranges::adjacent_find(findings, {}, &Finding::thing), findings.end());
}
