// SPDX-License-Identifier: GPL-2.0-only
#include "bench/latency.h"

#include <gtest/gtest.h>

#include "common/cpus.h"

using namespace lanes;
using namespace std::chrono_literals;

namespace {

/* One worker, so that all meet the trouble. */
LatencyPlan plan(const std::string &setup, Trouble trouble)
{
	const std::vector<int> cpu = {allowed_cpus().front()};

	return {.setup = setups().at(setup),
		.trouble = trouble,
		.address = "127.0.0.1",
		.client_cpus = cpu,
		.server_cpus = cpu,
		.pace = 2ms,
		.requests = 60,
		.warmup = 5,
		.timeout = 2s};
}

double figure(const Figures &figures, const std::string &name)
{
	for (const auto &[its_name, value] : figures)
		if (its_name == name)
			return value;
	ADD_FAILURE() << "no " << name;
	return 0;
}

class latency_of : public testing::TestWithParam<const char *> {};

} // namespace

TEST_P(latency_of, serves_all_without_trouble)
{
	const Figures figures = measure_latency(plan(GetParam(), Trouble::none));

	EXPECT_EQ(figure(figures, "connections"), 60);
	EXPECT_EQ(figure(figures, "failed"), 0);
	EXPECT_EQ(figure(figures, "unserved"), 0);
	EXPECT_GE(figure(figures, "request_p50_us"), figure(figures, "accept_wait_p50_us"));
}

INSTANTIATE_TEST_SUITE_P(all, latency_of,
			 testing::Values("shared-block", "shared-epoll", "shared-exclusive",
					 "shared-uring", "reuseport-hash", "reuseport-cbpf",
					 "incoming-cpu"),
			 [](const auto &tested) {
				 std::string name = tested.param;

				 name[name.find('-')] = '_';
				 return name;
			 });

TEST(latency, counts_what_a_stopped_worker_leaves_as_a_whole_timeout)
{
	const Figures figures = measure_latency(plan("shared-block", Trouble::stopped));

	EXPECT_EQ(figure(figures, "connections"), 60);
	EXPECT_EQ(figure(figures, "unserved"), 60);
	EXPECT_GE(figure(figures, "accept_wait_p50_us"), 1.9e6);
	EXPECT_GE(figure(figures, "request_p50_us"), 1.9e6);
}

/* Refused, as nobody else holds its listener. */
TEST(latency, counts_what_a_killed_worker_cannot_take_as_failed)
{
	const Figures figures = measure_latency(plan("reuseport-hash", Trouble::killed));

	EXPECT_EQ(figure(figures, "connections"), 60);
	EXPECT_GE(figure(figures, "failed"), 30);
	EXPECT_EQ(figure(figures, "unserved"), 0);
	EXPECT_GE(figure(figures, "request_p99_us"), 1.9e6);
}

/* 60 answers of 10 ms each are due in 120 ms. */
TEST(latency, has_a_slow_worker_s_requests_wait_for_one_another)
{
	const Figures figures = measure_latency(plan("shared-block", Trouble::slow));

	EXPECT_EQ(figure(figures, "failed"), 0);
	EXPECT_GE(figure(figures, "request_p99_us"), 400e3);
}
