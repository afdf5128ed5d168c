// SPDX-License-Identifier: GPL-2.0-only
/* What every engine promises to one connection among many. */
#include <algorithm>
#include <array>
#include <atomic>
#include <thread>

#include <sys/socket.h>

#include "engine/engine_fixture.h"

using namespace lanes;

TEST_P(EngineTest, many_connections_echo)
{
	constexpr unsigned count = 200, rounds = 10, length = 1000;
	Rig rig(GetParam(), 64);
	std::vector<std::pair<Fd, uint32_t>> all;
	std::vector<std::string> waiting(count), read(count);

	for (unsigned n = 0; n < count; n++)
		all.push_back(connected(rig));
	for (unsigned round = 0; round < rounds; round++) {
		for (unsigned n = 0; n < count; n++)
			put(all[n].first, pattern(length, n + round));
		for (unsigned n = 0; n < count; n++)
			EXPECT_TRUE(rig.receive_all(all[n].second, length));
		for (unsigned n = 0; n < count; n++) {
			const uint32_t slot = all[n].second;
			std::array<iovec, 1> parts;

			EXPECT_TRUE(rig.of(slot).input == pattern(length, n + round));
			waiting[n].swap(rig.of(slot).input);
			rig.of(slot).input.clear();
			parts[0] = part_of(waiting[n]);
			if (rig.engine->send(slot, parts) != Engine::pending)
				rig.of(slot).sent.push_back(length);
		}
		for (unsigned n = 0; n < count; n++) {
			EXPECT_TRUE(rig.until([&] { return !rig.at(all[n].second).sending; }));
			EXPECT_TRUE(rig.until(
				[&] { return (read[n] += get(all[n].first)).size() >= length; }));
			EXPECT_TRUE(read[n] == pattern(length, n + round));
			read[n].clear();
		}
	}
	for (unsigned n = 0; n < count; n++)
		EXPECT_EQ(rig.of(all[n].second).sent, std::vector<ssize_t>(rounds, length));
	rig.finish();
}

/* Who waits for a crowd after a crowd must not wait for it for ever. */
TEST_P(EngineTest, lone_input_after_a_crowd_is_told_at_once)
{
	constexpr unsigned count = 100;
	std::string text = "to all";
	const std::array<iovec, 1> parts = {part_of(text)};

	for (const bool for_ever : {false, true}) {
		Rig rig(GetParam());
		std::vector<std::pair<Fd, uint32_t>> all;

		for (unsigned n = 0; n < count; n++) {
			all.push_back(connected(rig));
			rig.engine->receive(all.back().second);
		}
		rig.settle();
		for (const auto &one : all)
			rig.engine->send(one.second, parts);
		EXPECT_TRUE(rig.until([&] {
			return std::ranges::none_of(
				all, [&](const auto &one) { return rig.at(one.second).sending; });
		}));

		std::atomic<bool> told = false;
		std::thread late([&] {
			std::this_thread::sleep_for(20ms);
			put(all[0].first, "x");
			for (int n = 0; n < 200 && !told; n++)
				std::this_thread::sleep_for(10ms);
			rig.engine->wake();
		});
		const auto start = std::chrono::steady_clock::now();

		while (rig.of(all[0].second).input.empty() &&
		       std::chrono::steady_clock::now() - start < 2s)
			rig.engine->poll(for_ever ? std::nullopt
						  : std::optional<std::chrono::nanoseconds>(5s));
		EXPECT_LT(std::chrono::steady_clock::now() - start, 1s) << for_ever;
		told = true;
		late.join();
		rig.finish();
		listener_.reset();
	}
}

/* While one connection has more than its share, another's byte gets through. */
TEST_P(EngineTest, flood_does_not_keep_another_waiting)
{
	Rig rig(GetParam(), 2048);
	const int room = 8 << 20;

	listener_ = listening_socket();
	setsockopt(listener_.get(), SOL_SOCKET, SO_RCVBUF, &room, sizeof(room));
	rig.engine->accept(0, listener_.get());

	auto [flood, flood_slot] = connected(rig);
	auto [other, other_slot] = connected(rig);
	const std::string text = pattern(64 << 10);
	size_t queued = 0;

	setsockopt(flood.get(), SOL_SOCKET, SO_SNDBUF, &room, sizeof(room));
	for (ssize_t n; queued < 3 << 20 &&
			(n = send(flood.get(), text.data(), text.size(), MSG_DONTWAIT)) > 0;)
		queued += static_cast<size_t>(n);
	ASSERT_GT(queued, 1U << 18);
	put(other, "x");
	rig.settle(20ms);

	bool stop = false;

	rig.events->on_received = [&](uint32_t slot) { stop = stop || slot == other_slot; };
	rig.engine->receive(flood_slot);
	rig.engine->receive(other_slot);
	EXPECT_TRUE(rig.until([&] {
		if (!rig.at(flood_slot).receiving && !stop)
			rig.engine->receive(flood_slot);
		return stop;
	}));
	EXPECT_LT(rig.of(flood_slot).input.size(), queued / 2);
	rig.finish();
}
