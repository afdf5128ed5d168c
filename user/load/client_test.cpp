// SPDX-License-Identifier: GPL-2.0-only
#include "load/client.h"

#include <gtest/gtest.h>

#include <thread>

#include "common/cpus.h"

using namespace lanes;
using namespace std::chrono_literals;

namespace {

Fd listener()
{
	const Endpoint any = Endpoint::parse("127.0.0.1:0");
	Fd fd(socket(AF_INET, SOCK_STREAM, 0));

	if (bind(fd.get(), any.address(), any.length()) || listen(fd.get(), 64))
		throw std::runtime_error("listen");
	return fd;
}

LoadPlan plan_to(const Fd &fd)
{
	return {
		.target = Endpoint::of_socket(fd.get()),
		.cpus = {allowed_cpus().front()},
		.connections = 10,
		.interval = 1ms,
		.timeout = 100ms,
	};
}

} // namespace

TEST(client, counts_the_stuck)
{
	const Fd fd = listener();
	const LoadResult result = run_load(plan_to(fd));

	EXPECT_EQ(result.stuck, 10U);
	EXPECT_EQ(result.served + result.reset + result.failed, 0U);
	EXPECT_EQ(result.accept_wait.size(), 0U);
}

TEST(client, counts_the_reset)
{
	Fd fd = listener();
	const LoadPlan plan = plan_to(fd);

	fd.reset();

	const LoadResult result = run_load(plan);

	EXPECT_EQ(result.reset, 10U);
	EXPECT_EQ(result.served + result.stuck + result.failed, 0U);
}

TEST(client, counts_the_served_and_the_wrong)
{
	const Fd fd = listener();
	std::thread server([&fd] {
		for (int i = 0; i < 10; i++) {
			const Fd one(accept(fd.get(), nullptr, nullptr));
			char byte;

			if (recv(one.get(), &byte, 1, 0) != 1)
				continue;
			/* The last three see a byte that is not theirs. */
			byte = static_cast<char>(byte + (i < 7 ? 0 : 1));
			send(one.get(), &byte, 1, MSG_NOSIGNAL);
		}
	});
	LoadPlan plan = plan_to(fd);

	plan.timeout = 5s;

	const LoadResult result = run_load(plan);

	server.join();
	EXPECT_EQ(result.served, 7U);
	EXPECT_EQ(result.failed, 3U);
	EXPECT_EQ(result.accept_wait.size(), 7U);
	EXPECT_GT(result.accept_wait.percentile(50), 0ns);
}

TEST(client, counts_the_closed_as_reset)
{
	const Fd fd = listener();
	std::thread server([&fd] {
		for (int i = 0; i < 10; i++)
			Fd(accept(fd.get(), nullptr, nullptr));
	});
	LoadPlan plan = plan_to(fd);

	plan.timeout = 5s;

	const LoadResult result = run_load(plan);

	server.join();
	EXPECT_EQ(result.reset, 10U);
}
