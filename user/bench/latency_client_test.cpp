// SPDX-License-Identifier: GPL-2.0-only
#include "bench/latency_client.h"

#include <thread>

#include <gtest/gtest.h>
#include <sys/socket.h>

#include "bench/listener.h"

using namespace lanes;
using namespace std::chrono_literals;

namespace {

constexpr uint32_t requests = 10;

/* Answers when all are there. */
class PatientServer {
public:
	PatientServer() : thread_([this] { serve(); }) {}

	Endpoint where() const { return Endpoint::of_socket(listener_.get()); }

private:
	void serve() const
	{
		std::vector<Fd> fds;
		LatencyAnswer message;

		while (fds.size() < requests)
			fds.emplace_back(accept4(listener_.get(), nullptr, nullptr, SOCK_CLOEXEC));
		for (const Fd &fd : fds)
			if (recv(fd.get(), &message, sizeof(message), MSG_WAITALL) > 0)
				send(fd.get(), &message, sizeof(message), MSG_NOSIGNAL);
	}

	const Fd listener_ = listen_at(Endpoint::parse("127.0.0.1:0"));
	const std::jthread thread_;
};

} // namespace

/* One that waited for answers would be late by itself, and hide how late they are. */
TEST(latency_client, opens_what_is_due_however_many_are_open)
{
	const PatientServer server;
	LatencyOutcome outcome;

	LatencyClient(server.where(), 2s)
		.run(LatencyClient::Clock::now(), Schedule(1ms, 1, 1), requests, outcome);
	EXPECT_EQ(outcome.request.count(), requests);
	EXPECT_EQ(outcome.failed, 0U);
	EXPECT_EQ(outcome.unserved, 0U);
}

TEST(latency_client, counts_a_request_from_when_it_was_due)
{
	const PatientServer server;
	LatencyOutcome outcome;

	LatencyClient(server.where(), 60s)
		.run(LatencyClient::Clock::now() - 1s, Schedule(1ms, 1, 1), requests, outcome);
	EXPECT_EQ(outcome.request.count(), requests);
	EXPECT_GE(outcome.request.quantile(0), 900'000'000U);
}
