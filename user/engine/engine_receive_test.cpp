// SPDX-License-Identifier: GPL-2.0-only
/* What every engine promises: to receive. */
#include <array>
#include <thread>

#include <cerrno>
#include <cstring>

#include <sys/socket.h>

#include "engine/engine_fixture.h"

using namespace lanes;

TEST_P(EngineTest, input_comes_whole_and_in_order)
{
	for (const bool streaming : {false, true}) {
		Rig rig(GetParam());
		auto [client, slot] = connected(rig);
		const std::string text = pattern(1'000'003);
		std::thread writer([&client, &text] { put(client, text); });

		rig.at(slot).streaming = streaming;
		EXPECT_TRUE(rig.receive_all(slot, text.size()));
		writer.join();
		EXPECT_TRUE(rig.of(slot).input == text) << streaming;
		rig.finish();
		listener_.reset();
	}
}

TEST_P(EngineTest, small_pieces_come_whole_and_in_order)
{
	Rig rig(GetParam(), 16);
	auto [client, slot] = connected(rig);
	std::string text;

	for (unsigned n = 0; n < 3000; n++) {
		const std::string piece = pattern(n % 97 + 1, n);

		put(client, piece);
		text += piece;
		if (n % 7 == 0) {
			EXPECT_TRUE(rig.receive_all(slot, text.size()));
		}
	}
	EXPECT_TRUE(rig.receive_all(slot, text.size()));
	EXPECT_TRUE(rig.of(slot).input == text);
	rig.finish();
}

TEST_P(EngineTest, receive_of_a_streaming_connection_is_single)
{
	Rig rig(GetParam());
	auto [client, slot] = connected(rig);

	rig.at(slot).streaming = true;
	rig.engine->receive(slot);
	EXPECT_TRUE(rig.at(slot).receiving);
	EXPECT_TRUE(rig.at(slot).single);
	put(client, "one");
	EXPECT_TRUE(rig.until([&] { return rig.of(slot).input == "one"; }));
	EXPECT_FALSE(rig.at(slot).receiving);
	put(client, "two");
	rig.settle();
	EXPECT_EQ(rig.of(slot).input, "one");
	EXPECT_TRUE(rig.has_input(slot));
	EXPECT_TRUE(rig.receive_all(slot, 6));
	EXPECT_EQ(rig.of(slot).input, "onetwo");
	EXPECT_FALSE(rig.has_input(slot));
	rig.finish();
}

TEST_P(EngineTest, tells_the_end_of_input_after_the_input)
{
	Rig rig(GetParam());
	auto [client, slot] = connected(rig);

	put(client, "last words");
	shutdown(client.get(), SHUT_WR);
	EXPECT_TRUE(rig.receive_all(slot, 10));
	EXPECT_TRUE(rig.until([&, at = slot] {
		if (!rig.at(at).receiving && rig.of(at).ends.empty())
			rig.engine->receive(at);
		return !rig.of(at).ends.empty();
	}));
	EXPECT_EQ(rig.of(slot).input, "last words");
	EXPECT_EQ(rig.of(slot).ends, std::vector<int>{0});
	EXPECT_FALSE(rig.at(slot).receiving);
	rig.finish();
}

TEST_P(EngineTest, tells_of_a_reset)
{
	Rig rig(GetParam());
	auto [client, slot] = connected(rig);
	const linger at_once = {1, 0};

	rig.engine->receive(slot);
	rig.engine->poll(0ns);
	setsockopt(client.get(), SOL_SOCKET, SO_LINGER, &at_once, sizeof(at_once));
	client.reset();
	EXPECT_TRUE(rig.until([&] { return !rig.of(slot).ends.empty(); }));
	EXPECT_EQ(rig.of(slot).ends[0], ECONNRESET);
	rig.finish();
}

TEST_P(EngineTest, fills_memory_of_the_receiver)
{
	Rig rig(GetParam());
	auto [client, slot] = connected(rig);
	const std::string text = pattern(300'000);
	std::vector<std::byte> memory(text.size());
	std::thread writer([&client, &text] {
		put(client, text);
		shutdown(client.get(), SHUT_WR);
	});
	size_t length = 0;

	while (length < text.size()) {
		const size_t reports = rig.of(slot).filled.size();

		rig.engine->receive_into(slot, std::span(memory).subspan(length));
		EXPECT_TRUE(rig.at(slot).receiving);
		EXPECT_TRUE(rig.at(slot).single);
		if (!rig.until([&] { return rig.of(slot).filled.size() > reports; }))
			break;
		EXPECT_FALSE(rig.at(slot).receiving);
		length += rig.of(slot).filled.back();
	}
	writer.join();
	EXPECT_EQ(length, text.size());
	EXPECT_EQ(std::memcmp(memory.data(), text.data(), length), 0);
	EXPECT_TRUE(rig.of(slot).ends.empty());
	rig.engine->receive_into(slot, memory);
	EXPECT_TRUE(rig.until([&] { return !rig.of(slot).ends.empty(); }));
	EXPECT_EQ(rig.of(slot).ends[0], 0);
	rig.finish();
}

TEST_P(EngineTest, stopped_receive_takes_no_input)
{
	for (const bool into : {false, true}) {
		Rig rig(GetParam());
		auto [client, slot] = connected(rig);
		std::array<std::byte, 100> memory;

		if (into)
			rig.engine->receive_into(slot, memory);
		else
			rig.engine->receive(slot);
		rig.engine->poll(0ns);
		rig.engine->stop_receive(slot);
		EXPECT_TRUE(rig.at(slot).stopping);
		EXPECT_TRUE(rig.until([&] { return !rig.of(slot).ends.empty(); }));
		EXPECT_EQ(rig.of(slot).ends[0], ECANCELED);
		EXPECT_FALSE(rig.at(slot).receiving);
		EXPECT_FALSE(rig.at(slot).stopping);
		put(client, "later");
		rig.settle();
		EXPECT_TRUE(rig.of(slot).input.empty());
		EXPECT_TRUE(rig.of(slot).filled.empty());
		EXPECT_TRUE(rig.receive_all(slot, 5));
		EXPECT_EQ(rig.of(slot).input, "later");
		rig.finish();
		listener_.reset();
	}
}

/* As a shard does it when a connection holds too much. */
TEST_P(EngineTest, stop_amid_input_loses_nothing)
{
	Rig rig(GetParam());
	auto [client, slot] = connected(rig);
	const std::string text = pattern(2'000'000);
	std::thread writer([&client, &text] { put(client, text); });
	unsigned stops = 0;

	rig.events->on_received = [&](uint32_t of) {
		if (rig.at(of).receiving && !rig.at(of).stopping && stops++ % 3)
			rig.engine->stop_receive(of);
	};
	EXPECT_TRUE(rig.receive_all(slot, text.size()));
	writer.join();
	EXPECT_TRUE(rig.of(slot).input == text);
	rig.finish();
}

TEST_P(EngineTest, without_buffers_a_receive_ends_and_nothing_is_lost)
{
	Rig rig(GetParam(), 8);
	auto [client, slot] = connected(rig);
	auto [other, other_slot] = connected(rig);
	const std::string text = pattern(8 * rig.memory->buffers.size() + 5000);

	rig.events->hold = true;
	put(client, text);
	EXPECT_TRUE(rig.until([&] {
		if (!rig.at(slot).receiving && rig.of(slot).ends.empty())
			rig.engine->receive(slot);
		return !rig.of(slot).ends.empty();
	}));
	EXPECT_EQ(rig.of(slot).ends[0], ENOBUFS);
	EXPECT_GE(rig.counters.no_buffers.get(), 1U);
	EXPECT_TRUE(rig.of(slot).input == text.substr(0, rig.of(slot).input.size()));

	for (const uint32_t id : rig.events->held)
		rig.memory->buffers.release(id);
	rig.events->held.clear();
	rig.events->hold = false;
	EXPECT_TRUE(rig.receive_all(slot, text.size()));
	EXPECT_TRUE(rig.of(slot).input == text);
	put(other, "also");
	EXPECT_TRUE(rig.receive_all(other_slot, 4));
	rig.finish();
}

TEST_P(EngineTest, ends_of_input_cost_no_buffers)
{
	Rig rig(GetParam(), 16);

	for (unsigned n = 0; n < 300; n++) {
		auto [client, slot] = connected(rig);

		rig.of(slot) = {};
		rig.at(slot).streaming = n % 2;
		if (n % 3)
			put(client, "x");
		shutdown(client.get(), SHUT_WR);
		EXPECT_TRUE(rig.until([&, at = slot] {
			if (!rig.at(at).receiving && rig.of(at).ends.empty())
				rig.engine->receive(at);
			return !rig.of(at).ends.empty();
		}));
		EXPECT_EQ(rig.of(slot).ends, std::vector<int>{0});
		EXPECT_EQ(rig.of(slot).input.size(), n % 3 ? 1U : 0U);
		rig.engine->close(slot);
		EXPECT_TRUE(rig.until([&, at = slot] { return rig.of(at).closed; }));
	}
	rig.finish();
	EXPECT_LE(rig.counters.no_buffers.get(), 0U);
}

TEST_P(EngineTest, sees_input_that_nobody_received)
{
	Rig rig(GetParam());
	auto [client, slot] = connected(rig);

	EXPECT_FALSE(rig.has_input(slot));
	put(client, "x");
	EXPECT_TRUE(rig.until([&, at = slot] { return rig.has_input(at); }));
	EXPECT_TRUE(rig.of(slot).input.empty());
	rig.finish();
}
