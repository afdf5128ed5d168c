// SPDX-License-Identifier: GPL-2.0-only
#include "compare/client.h"

#include <gtest/gtest.h>

#include <thread>

#include <unistd.h>

#include "common/error.h"
#include "compare/options.h"

using namespace lanes;
using namespace lanes::compare;

namespace {

constexpr int64_t ms = 1'000'000;

/** Echoes on one connection; from the @stall_at th byte on, first sleeps. */
class SlowEcho {
public:
	SlowEcho(size_t stall_at, int64_t stall)
	{
		const Endpoint any = Endpoint::parse("127.0.0.1:0");

		listener_.reset(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
		if (bind(listener_.get(), any.address(), any.length()) ||
		    listen(listener_.get(), 8))
			throw std::runtime_error("listen");
		thread_ = std::thread([this, stall_at, stall] { serve(stall_at, stall); });
	}
	~SlowEcho() { thread_.join(); }

	std::vector<Target> target() const
	{
		return {{"slow", Endpoint::of_socket(listener_.get()), {getpid()}}};
	}

private:
	void serve(size_t stall_at, int64_t stall)
	{
		const Fd fd(accept(listener_.get(), nullptr, nullptr));
		char bytes[4096];
		size_t sum = 0;

		for (ssize_t got; (got = recv(fd.get(), bytes, sizeof(bytes), 0)) > 0;) {
			if (sum < stall_at && sum + static_cast<size_t>(got) >= stall_at)
				std::this_thread::sleep_for(std::chrono::nanoseconds(stall));
			sum += static_cast<size_t>(got);
			send(fd.get(), bytes, static_cast<size_t>(got), MSG_NOSIGNAL);
		}
	}

	Fd listener_;
	std::thread thread_;
};

Load load_of(double rate)
{
	Load load;

	load.connections = 1;
	load.rate = rate;
	load.length = 300 * ms;
	load.skip = 20 * ms;
	return load;
}

} // namespace

TEST(compare_timetable, requests_are_due_whatever_became_of_those_before)
{
	const Timetable timetable(1000, 1e6, 3);

	EXPECT_EQ(timetable.time_of(0), 1000);
	EXPECT_EQ(timetable.time_of(7), 8000);
	EXPECT_EQ(timetable.connection_of(7), 1U);
	EXPECT_EQ(timetable.time_of(1, 2), timetable.time_of(7));
	/* No error adds up. */
	EXPECT_EQ(Timetable(0, 3, 1).time_of(3'000'000), 1'000'000'000'000'000);
}

TEST(compare_client, a_stalled_server_costs_all_requests_that_were_due)
{
	const SlowEcho server(100, 150 * ms);
	const std::vector<Target> targets = server.target();
	Client client(targets, Protocol::echo, 1, 1, 1);
	const Slice slice = client.run(0, load_of(1000));

	/* Half of the time is a stall of 150 ms, and requests wait for its end:
	 * a client that only measures what it sent sees one slow request.
	 */
	EXPECT_GT(slice.p50, 0.002);
	EXPECT_GT(slice.p99, 0.100);
}

TEST(compare_client, a_reply_after_the_slice_counts_if_it_was_due_in_it)
{
	const SlowEcho server(250, 150 * ms);
	const std::vector<Target> targets = server.target();
	Client client(targets, Protocol::echo, 1, 1, 1);
	const Slice slice = client.run(0, load_of(1000));

	EXPECT_LT(slice.p50, 0.100);
	EXPECT_GT(slice.p99, 0.100);
}

TEST(compare_client, a_closed_loop_waits_for_each_reply)
{
	const SlowEcho server(100, 150 * ms);
	const std::vector<Target> targets = server.target();
	Client client(targets, Protocol::echo, 1, 1, 1);
	const Slice slice = client.run(0, load_of(0));

	EXPECT_GT(slice.requests, 20);
	EXPECT_LT(slice.p50, 0.020);
	EXPECT_NEAR(slice.elapsed, 0.28, 0.1);
}

TEST(compare_client, sends_and_checks_more_than_a_socket_takes)
{
	const SlowEcho server(1, ms);
	const std::vector<Target> targets = server.target();
	Client client(targets, Protocol::echo, 1'000'000, 1, 4);
	Load load = load_of(0);

	load.depth = 4;
	EXPECT_GT(client.run(0, load).requests, 4);
}

TEST(compare_options, a_server_has_processes)
{
	const Target target = parse_target("nginx=127.0.0.1:80@12,13");

	EXPECT_EQ(target.name, "nginx");
	EXPECT_EQ(target.where.port(), 80);
	EXPECT_EQ(target.pids, (std::vector<pid_t>{12, 13}));
	EXPECT_THROW(parse_target("nginx=127.0.0.1:80"), UsageError);
}
