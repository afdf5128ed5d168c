// SPDX-License-Identifier: GPL-2.0-only
#include "lanesd/admin.h"

#include <chrono>
#include <cstdio>
#include <thread>

#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "lanesd/http_library.h"

using namespace lanes;
using namespace std::chrono_literals;

namespace {

ConnectionReport connection(uint32_t slot, uint32_t generation, uint64_t in, uint64_t out)
{
	return {.slot = slot,
		.generation = generation,
		.peer = "127.0.0.1:" + std::to_string(slot),
		.service = "echo",
		.bytes_in = in,
		.bytes_out = out,
		.queued = 1,
		.idle_ms = 1500,
		.parked = false};
}

class admin_pages : public testing::Test {
protected:
	AdminSource source()
	{
		return {[this] {
				if (broken_)
					throw std::runtime_error("broken");
				return ServerFigures{"epoll", {}, {ShardFigures{}}};
			},
			[this] {
				return ConnectionsSnapshot{std::chrono::steady_clock::now(),
							   {{connection(1, 1, calls_ * 10, 0),
							     connection(2, 1, 0, calls_++ * 30)}}};
			},
			[this] { return health_; }};
	}

	httplib::Client client()
	{
		const std::string where = admin_.where();

		return httplib::Client("127.0.0.1", std::stoi(where.substr(where.rfind(':') + 1)));
	}

	std::atomic<bool> broken_ = false;
	std::atomic<unsigned> calls_ = 0;
	std::string health_;
	Admin admin_{Admin::open(Endpoint::parse("127.0.0.1:0")), source()};
};

} // namespace

TEST_F(admin_pages, serves_metrics)
{
	const auto reply = client().Get("/metrics");

	ASSERT_TRUE(reply);
	EXPECT_EQ(reply->status, 200);
	EXPECT_TRUE(
		reply->get_header_value("Content-Type").starts_with("text/plain; version=0.0.4"));
	EXPECT_NE(reply->body.find("lanesd_accepted_total{"), std::string::npos);
}

TEST_F(admin_pages, serves_stats)
{
	const auto reply = client().Get("/stats");

	ASSERT_TRUE(reply);
	EXPECT_EQ(reply->get_header_value("Content-Type"), "application/json");
	EXPECT_EQ(nlohmann::json::parse(reply->body)["engine"], "epoll");
}

TEST_F(admin_pages, serves_the_fastest_connections)
{
	const auto reply = client().Get("/connections?seconds=0&top=1");

	ASSERT_TRUE(reply);

	const auto body = nlohmann::json::parse(reply->body);

	EXPECT_EQ(body["open"], 2);
	ASSERT_EQ(body["connections"].size(), 1U);
	EXPECT_EQ(body["connections"][0]["peer"], "127.0.0.1:2");
}

TEST_F(admin_pages, refuses_parameters_out_of_bounds)
{
	for (const char *query :
	     {"seconds=11", "seconds=x", "seconds=", "seconds=-1", "top=10001"}) {
		const auto reply = client().Get(std::string("/connections?") + query);

		ASSERT_TRUE(reply);
		EXPECT_EQ(reply->status, 400) << query;
	}
	EXPECT_EQ(calls_, 0U);
}

TEST_F(admin_pages, tells_health)
{
	EXPECT_EQ(client().Get("/healthz")->status, 200);
	health_ = "draining";

	const auto reply = client().Get("/healthz");

	EXPECT_EQ(reply->status, 503);
	EXPECT_EQ(reply->body, "draining\n");
}

TEST_F(admin_pages, survives_a_source_that_throws)
{
	broken_ = true;
	EXPECT_EQ(client().Get("/stats")->status, 503);
	broken_ = false;
	EXPECT_EQ(client().Get("/stats")->status, 200);
}

TEST_F(admin_pages, refuses_what_it_does_not_have)
{
	EXPECT_EQ(client().Get("/etc/passwd")->status, 404);
	EXPECT_EQ(client().Post("/stats", std::string(100, 'x'), "text/plain")->status, 413);
}

TEST_F(admin_pages, idle_clients_keep_nobody_out_for_long)
{
	std::vector<std::unique_ptr<httplib::Client>> idle;
	const auto before = std::chrono::steady_clock::now();

	for (int i = 0; i < 4; i++) {
		idle.push_back(std::make_unique<httplib::Client>(client()));
		idle.back()->set_keep_alive(true);
		EXPECT_TRUE(idle.back()->Get("/healthz"));
	}
	EXPECT_TRUE(client().Get("/healthz"));
	EXPECT_LT(std::chrono::steady_clock::now() - before, 2s);
}

TEST(admin_end, does_not_wait_for_requests)
{
	std::optional<Admin> admin;
	std::atomic<int> asked = 0;

	admin.emplace(Admin::open(Endpoint::parse("127.0.0.1:0")),
		      AdminSource{[] { return ServerFigures{}; },
				  [&asked] {
					  asked++;
					  return ConnectionsSnapshot{};
				  },
				  [] { return std::string(); }});

	const std::string where = admin->where();
	std::thread waiting([&where] {
		httplib::Client("127.0.0.1", std::stoi(where.substr(where.rfind(':') + 1)))
			.Get("/connections?seconds=10");
	});

	while (!asked)
		std::this_thread::sleep_for(1ms);

	const auto before = std::chrono::steady_clock::now();

	admin.reset();
	EXPECT_LT(std::chrono::steady_clock::now() - before, 2s);
	waiting.join();
}

TEST(admin_place, is_of_one_process)
{
	const Fd first = Admin::open(Endpoint::parse("127.0.0.1:0"));

	EXPECT_THROW(Admin::open(Endpoint::of_socket(first.get())), std::runtime_error);
}

TEST(admin_place, goes_from_one_process_to_another_without_a_refusal)
{
	const AdminSource source{[] { return ServerFigures{}; },
				 [] { return ConnectionsSnapshot{}; },
				 [] { return std::string(); }};
	Fd listening = Admin::open(Endpoint::parse("127.0.0.1:0"));
	const uint16_t port = Endpoint::of_socket(listening.get()).port();
	std::optional<Admin> serving;
	std::atomic<unsigned> good = 0, bad = 0;
	std::atomic<bool> stop = false;

	serving.emplace(std::move(listening), source);

	std::thread scraper([&] {
		while (!stop) {
			const auto reply = httplib::Client("127.0.0.1", port).Get("/healthz");

			(reply && reply->status == 200 ? good : bad)++;
		}
	});

	for (int times = 0; times < 20 && serving; times++) {
		const unsigned before = good;
		Fd next(dup(serving->fd()));

		serving.reset();
		EXPECT_NO_THROW(serving.emplace(std::move(next), source));
		while (good < before + 5 && !bad)
			std::this_thread::sleep_for(1ms);
	}
	stop = true;
	scraper.join();
	EXPECT_EQ(bad, 0U);
}

TEST(admin_place, may_be_a_path_that_a_dead_process_left)
{
	const AdminSource source{[] { return ServerFigures{}; },
				 [] { return ConnectionsSnapshot{}; },
				 [] { return std::string("yes"); }};
	const UnixPath path{"/tmp/lanesd-admin-test." + std::to_string(getpid())};

	for (int times = 0; times < 2; times++) {
		const Admin admin(Admin::open(path), source);
		httplib::Client client(path.path);

		client.set_address_family(AF_UNIX);
		EXPECT_EQ(client.Get("/healthz")->body, "yes\n");
		EXPECT_THROW(Admin::open(path), std::runtime_error);
	}
	unlink(path.path.c_str());
}

TEST(rates, are_those_of_connections_that_were_there_both_times)
{
	const auto now = std::chrono::steady_clock::now();
	const ConnectionsSnapshot before{
		now,
		{{connection(1, 1, 100, 0), connection(2, 1, 500, 0)}, {connection(1, 1, 0, 0)}}};
	const ConnectionsSnapshot after{now + 2s,
					{{connection(1, 1, 300, 50), connection(2, 3, 900, 0)},
					 {connection(1, 1, 0, 1000), connection(7, 1, 9, 9)}}};
	const auto body = nlohmann::json::parse(format_rates(before, after, 10));
	const auto &list = body["connections"];

	EXPECT_EQ(body["seconds"], 2);
	EXPECT_EQ(body["open"], 2);
	ASSERT_EQ(list.size(), 2U);
	EXPECT_EQ(list[0]["shard"], 1);
	EXPECT_EQ(list[0]["sent_per_second"], 500);
	EXPECT_EQ(list[1]["shard"], 0);
	EXPECT_EQ(list[1]["received_per_second"], 100);
	EXPECT_EQ(list[1]["sent_per_second"], 25);
	EXPECT_EQ(list[1]["idle_seconds"], 1.5);
}
