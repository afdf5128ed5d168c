// SPDX-License-Identifier: GPL-2.0-only
/* What every engine promises: when poll() returns. */
#include <atomic>
#include <thread>

#include <ctime>

#include "engine/engine_fixture.h"

using namespace lanes;

TEST_P(EngineTest, wake_ends_a_poll_for_ever)
{
	Rig rig(GetParam());

	for (int n = 0; n < 20; n++) {
		std::thread waker([&] {
			std::this_thread::sleep_for(n % 2 ? 5ms : 0ms);
			rig.engine->wake();
		});

		rig.engine->poll(std::nullopt);
		waker.join();
	}
	/* Or the next one. */
	rig.settle(10ms);
	rig.engine->wake();
	rig.engine->poll(std::nullopt);
}

TEST_P(EngineTest, poll_waits_as_long_as_it_is_told)
{
	Rig rig(GetParam());
	using Clock = std::chrono::steady_clock;

	rig.settle();

	auto start = Clock::now();

	rig.engine->poll(0ns);
	EXPECT_LT(Clock::now() - start, 20ms);
	/* A kernel thread that ends may interrupt one. */
	start = Clock::now();
	for (int n = 0; n < 3 && Clock::now() - start < 49ms; n++)
		rig.engine->poll(50ms);
	EXPECT_GE(Clock::now() - start, 49ms);
	EXPECT_LT(Clock::now() - start, 1s);
}

TEST_P(EngineTest, idle_poll_costs_no_cpu)
{
	Rig rig(GetParam());
	auto [client, slot] = connected(rig);
	timespec before{}, after{};

	rig.engine->receive(slot);
	rig.settle();
	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &before);
	rig.engine->poll(400ms);
	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &after);
	EXPECT_LT((after.tv_sec - before.tv_sec) * 1000 +
			  (after.tv_nsec - before.tv_nsec) / 1000000,
		  60);
	put(client, "awake");
	EXPECT_TRUE(rig.receive_all(slot, 5));
	rig.finish();
}

/* A send that ends is news for a poll that sleeps. */
TEST_P(EngineTest, end_of_a_send_ends_a_poll_for_ever)
{
	Rig rig(GetParam());
	auto [client, slot] = connected(rig);

	narrow(client);
	rig.clog(slot);

	std::atomic<bool> told = false;
	std::thread reader([&told, &client] {
		std::this_thread::sleep_for(50ms);
		while (!told) {
			get(client);
			std::this_thread::sleep_for(1ms);
		}
	});

	for (int n = 0; n < 10 && rig.of(slot).sent.empty(); n++)
		rig.engine->poll(std::nullopt);
	EXPECT_EQ(rig.of(slot).sent.size(), 1U);
	told = true;
	reader.join();
	rig.finish();
}
