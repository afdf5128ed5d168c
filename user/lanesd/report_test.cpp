// SPDX-License-Identifier: GPL-2.0-only
#include "lanesd/report.h"

#include <gtest/gtest.h>

#include "demo/worker.h"

using namespace lanes;

TEST(report, counters_arrive)
{
	Counters counters;

	counters.accepted.add(4);
	counters.local.add(3);
	counters.bytes.add(1ULL << 40);

	const ShardReport report = take_report(6, counters);

	EXPECT_EQ(report.cpu, 6);
	EXPECT_EQ(report.accepted, 4U);
	EXPECT_EQ(report.local, 3U);
	EXPECT_EQ(report.bytes, 1ULL << 40);
	EXPECT_NE(format_report({report}).find("75.0%"), std::string::npos);
}

TEST(report, total_is_the_sum_and_the_demo_reads_it)
{
	ShardReport a{}, b{};

	a.accepted = 10;
	a.local = 9;
	b.accepted = 5;
	b.local = 5;

	const WorkerReport total = parse_worker_report("lanesd: ready\n" + format_report({a, b}));

	EXPECT_EQ(total.accepted, 15U);
	EXPECT_EQ(total.local, 14U);
	EXPECT_THROW(parse_worker_report("lanesd: ready\n"), std::runtime_error);
}

TEST(report, nothing_accepted_has_no_share)
{
	EXPECT_EQ(format_report({ShardReport{}}).find('%'), std::string::npos);
}
