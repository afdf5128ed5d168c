// SPDX-License-Identifier: GPL-2.0-only
/* What every engine promises: to accept. */
#include <algorithm>

#include <cerrno>

#include <sched.h>
#include <sys/socket.h>

#include "common/endpoint.h"
#include "engine/engine_fixture.h"
#include "engine/no_descriptors.h"

using namespace lanes;

TEST_P(EngineTest, accepts_from_each_listener)
{
	Rig rig(GetParam());
	const Fd first = listening_socket(), second = listening_socket();
	std::vector<Fd> clients;

	rig.engine->accept(3, first.get());
	rig.engine->accept(5, second.get());
	for (int n = 0; n < 20; n++) {
		clients.push_back(connect_to(first));
		clients.push_back(connect_to(second));
	}
	EXPECT_TRUE(rig.until([&] { return rig.events->slots.size() == 40; }));
	EXPECT_EQ(std::ranges::count(rig.events->listeners, 3U), 20);
	EXPECT_EQ(std::ranges::count(rig.events->listeners, 5U), 20);
	EXPECT_TRUE(rig.events->accept_ends.empty());
	rig.finish();
}

TEST_P(EngineTest, waits_at_a_listener_that_does_not_block)
{
	Rig rig(GetParam());
	const Fd listener = listening_socket(SOCK_NONBLOCK);
	std::vector<Fd> clients;

	rig.engine->accept(0, listener.get());
	for (size_t n = 1; n <= 3; n++) {
		const uint64_t before = rig.counters.cqes.get();

		rig.settle(100ms);
		EXPECT_LT(rig.counters.cqes.get() - before, 5U);
		EXPECT_TRUE(rig.events->accept_ends.empty());
		clients.push_back(connect_to(listener));
		EXPECT_TRUE(rig.until([&] { return rig.events->slots.size() == n; }));
	}
	rig.engine->stop_accept(0);
	EXPECT_TRUE(rig.until([&] { return !rig.events->accept_ends.empty(); }));
	EXPECT_EQ(rig.events->accept_ends[0], std::pair(0U, ECANCELED));
	rig.finish();
}

TEST_P(EngineTest, stops_to_accept_and_starts_again)
{
	Rig rig(GetParam());
	const Fd listener = listening_socket();

	for (size_t n = 1; n <= 3; n++) {
		rig.engine->accept(0, listener.get());
		rig.engine->poll(0ns);
		rig.engine->stop_accept(0);
		EXPECT_TRUE(rig.until([&] { return rig.events->accept_ends.size() == n; }));
		EXPECT_EQ(rig.events->accept_ends.back(), std::pair(0U, ECANCELED));
	}

	const Fd client = connect_to(listener);

	rig.settle();
	EXPECT_TRUE(rig.events->slots.empty());
	rig.engine->accept(0, listener.get());
	EXPECT_TRUE(rig.until([&] { return rig.events->slots.size() == 1; }));
	rig.finish();
}

TEST_P(EngineTest, accept_ends_with_what_broke_it)
{
	Features with = features();

	/* Which needs no descriptors. */
	with.disable(Feature::direct);

	Rig rig(GetParam(), 256, 0, with);
	const Fd listener = listening_socket();
	const Fd client = connect_to(listener);

	{
		const NoDescriptors none;

		rig.engine->accept(0, listener.get());
		EXPECT_TRUE(rig.until([&] { return !rig.events->accept_ends.empty(); }));
	}
	EXPECT_EQ(rig.events->accept_ends[0], std::pair(0U, EMFILE));
	rig.engine->accept(0, listener.get());
	EXPECT_TRUE(rig.until([&] { return rig.events->slots.size() == 1; }));
	rig.finish();
}

TEST_P(EngineTest, refused_connection_is_closed)
{
	Rig rig(GetParam());
	auto [client, slot] = connected(rig);
	const Fd other = connect_to(listener_);

	EXPECT_TRUE(rig.until([&] { return rig.events->slots.size() == 2; }));

	const uint32_t refused = rig.events->slots.back();

	rig.engine->refuse(rig.at(refused).fd);
	rig.connections.release(refused);
	EXPECT_TRUE(rig.until([&] { return at_end(other); }));
	EXPECT_FALSE(at_end(client));
	rig.finish();
}

TEST_P(EngineTest, knows_the_cpu_that_a_connection_came_by)
{
	Rig rig(GetParam());
	cpu_set_t before, one;

	ASSERT_EQ(sched_getaffinity(0, sizeof(before), &before), 0);
	const int cpu = sched_getcpu();

	CPU_ZERO(&one);
	CPU_SET(static_cast<size_t>(cpu), &one);
	ASSERT_EQ(sched_setaffinity(0, sizeof(one), &one), 0);

	auto [client, slot] = connected(rig);

	rig.engine->ask_cpu(slot);
	EXPECT_TRUE(rig.until([&, at = slot] { return rig.of(at).cpu.has_value(); }));
	sched_setaffinity(0, sizeof(before), &before);
	/* Loopback: the SYN was processed where the client ran. */
	EXPECT_EQ(rig.of(slot).cpu, cpu);
	rig.finish();
}

TEST_P(EngineTest, knows_the_peer)
{
	Rig rig(GetParam());

	for (const bool ipv6 : {false, true}) {
		listener_ = listening_socket(0, ipv6 ? AF_INET6 : AF_INET);
		rig.engine->accept(ipv6, listener_.get());

		auto [client, slot] = connected(rig);
		sockaddr_storage told{};
		sockaddr_storage ours{};
		socklen_t length = sizeof(ours);

		getsockname(client.get(), reinterpret_cast<sockaddr *>(&ours), &length);
		rig.engine->ask_peer(slot, told);
		EXPECT_TRUE(rig.until([&, at = slot] { return rig.of(at).peers == 1; }));
		EXPECT_EQ(Endpoint::of_address(told).to_string(),
			  Endpoint::of_address(ours).to_string());
	}
	rig.finish();
}

TEST_P(EngineTest, closes_only_after_its_answers)
{
	Rig rig(GetParam());
	auto [client, slot] = connected(rig);
	sockaddr_storage told{};

	rig.engine->ask_cpu(slot);
	rig.engine->ask_input(slot);
	rig.engine->ask_peer(slot, told);
	rig.engine->close(slot);
	EXPECT_TRUE(rig.until([&, at = slot] { return rig.of(at).closed == 1; }));
	EXPECT_TRUE(rig.of(slot).cpu.has_value());
	EXPECT_TRUE(rig.of(slot).input_waits.has_value());
	EXPECT_EQ(rig.of(slot).peers, 1U);
	rig.finish();
}
