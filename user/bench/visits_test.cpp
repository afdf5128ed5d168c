// SPDX-License-Identifier: GPL-2.0-only
#include "bench/visits.h"

#include <atomic>
#include <chrono>
#include <stdexcept>
#include <string>
#include <thread>

#include <gtest/gtest.h>

#include "common/cpus.h"
#include "common/error.h"
#include "common/fd.h"

using namespace lanes;
using namespace std::chrono_literals;

namespace {

/* Answers whatever comes with the same, on one CPU, but for what it refuses. */
class FakeServer {
public:
	FakeServer(std::string answer, int cpu)
		: answer_(std::move(answer)), cpu_(cpu),
		  listener_(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0))
	{
		const Endpoint any = Endpoint::parse("127.0.0.1:0");

		EXPECT_FALSE(bind(listener_.get(), any.address(), any.length()));
	}
	~FakeServer() { shutdown(listener_.get(), SHUT_RDWR); }

	void open()
	{
		EXPECT_FALSE(listen(listener_.get(), 16));
		thread_ = std::jthread([this] {
			pin_to_cpu(cpu_);
			serve();
		});
	}
	void refuse(const std::string &text) { refused_ = text; }
	Endpoint where() const { return Endpoint::of_socket(listener_.get()); }

	std::atomic<int> connections{0};
	std::atomic<int> requests{0};

private:
	void serve()
	{
		char request[512];
		ssize_t got;

		for (;;) {
			const Fd fd(accept(listener_.get(), nullptr, nullptr));

			if (!fd)
				return;
			connections++;
			while ((got = recv(fd.get(), request, sizeof(request), 0)) > 0) {
				requests++;
				if (std::string_view(request, static_cast<size_t>(got))
					    .find(refused_) != std::string_view::npos)
					break;
				send(fd.get(), answer_.data(), answer_.size(), MSG_NOSIGNAL);
			}
		}
	}

	const std::string answer_;
	std::string refused_ = "nothing";
	const int cpu_;
	const Fd listener_;
	std::jthread thread_;
};

VisitPlan plan_of(const FakeServer &server, int cpu)
{
	return {.protocol = "http",
		.server = server.where(),
		.client_cpus = {cpu},
		.turns = {.warmup = 2, .counted = 3},
		.requests = 4};
}

constexpr const char *good = "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n";

} // namespace

TEST(visits, only_those_of_the_window_are_told)
{
	const int cpu = allowed_cpus().front();
	FakeServer server(good, cpu);

	server.open();
	EXPECT_EQ(run_visits(plan_of(server, cpu)).all, 3U);
	/* One more, with one request, to know the answer. */
	EXPECT_EQ(server.connections, 1 + 2 + 3);
	EXPECT_EQ(server.requests, 1 + 4 * (2 + 3));
}

TEST(visits, local_is_what_the_clients_cpu_answered)
{
	const std::vector<int> cpus = allowed_cpus();
	FakeServer here(good, cpus.front());

	if (cpus.size() < 2)
		GTEST_SKIP() << "one CPU only";

	FakeServer there(good, cpus.back());

	here.open();
	there.open();
	EXPECT_EQ(run_visits(plan_of(here, cpus.front())).local, 3U);
	EXPECT_EQ(run_visits(plan_of(there, cpus.front())).local, 0U);
}

TEST(visits, a_server_that_is_late_is_waited_for)
{
	const int cpu = allowed_cpus().front();
	FakeServer server(good, cpu);
	const std::jthread late([&] {
		std::this_thread::sleep_for(50ms);
		server.open();
	});

	EXPECT_EQ(run_visits(plan_of(server, cpu)).all, 3U);
}

TEST(visits, another_answer_is_refused)
{
	const int cpu = allowed_cpus().front();
	FakeServer server("HTTP/1.1 500 No\r\n\r\n", cpu);

	server.open();
	try {
		run_visits(plan_of(server, cpu));
		ADD_FAILURE() << "accepted";
	} catch (const std::runtime_error &error) {
		EXPECT_NE(std::string(error.what()).find("'HTTP/1.1 500 No"), std::string::npos)
			<< error.what();
	}
}

TEST(visits, one_client_that_fails_ends_all)
{
	const int cpu = allowed_cpus().front();
	FakeServer server("+OK\r\n", cpu);
	VisitPlan plan = plan_of(server, cpu);

	plan.protocol = "resp";
	plan.client_cpus = {cpu, cpu};
	server.refuse("client:1");
	server.open();
	EXPECT_THROW(run_visits(plan), std::runtime_error);
}

TEST(visits, each_client_has_a_key)
{
	EXPECT_NE(protocol_of("resp", 0).request.find("client:0"), std::string::npos);
	EXPECT_NE(protocol_of("resp", 1).request.find("client:1"), std::string::npos);
	EXPECT_THROW(protocol_of("smtp", 0), UsageError);
}
