// SPDX-License-Identifier: GPL-2.0-only
/* What is special to some engines. */
#include <algorithm>
#include <array>
#include <filesystem>
#include <thread>

#include <sys/socket.h>

#include "engine/engine_fixture.h"
#include "engine/ring.h"

using namespace lanes;

namespace {

ssize_t open_files()
{
	return std::distance(std::filesystem::directory_iterator("/proc/self/fd"), {});
}

} // namespace

TEST(engine_uring, direct_connection_takes_no_descriptor)
{
	if (!features().has(Feature::direct))
		GTEST_SKIP() << "the kernel closes direct descriptors late";

	Rig rig(EngineKind::uring);
	const Fd listener = listening_socket();
	std::vector<Fd> clients;

	rig.engine->accept(0, listener.get());
	for (int n = 0; n < 20; n++)
		clients.push_back(connect_to(listener));

	const ssize_t before = open_files();

	EXPECT_TRUE(rig.until([&] { return rig.events->slots.size() == 20; }));
	EXPECT_EQ(open_files(), before);
	rig.finish();
}

/* The place in the ring's table is the next one's at once. */
TEST(engine_uring, late_shutdown_spares_who_comes_next)
{
	Rig rig(EngineKind::uring);
	const Fd listener = listening_socket();

	rig.engine->accept(0, listener.get());
	for (size_t n = 1; n <= 200; n++) {
		const Fd client = connect_to(listener);

		ASSERT_TRUE(rig.until([&] { return rig.events->slots.size() == n; }));

		const uint32_t slot = rig.events->slots.back();

		rig.of(slot) = {};
		put(client, "x");
		ASSERT_TRUE(rig.receive_all(slot, 1));
		EXPECT_TRUE(rig.of(slot).ends.empty());
		rig.engine->shutdown(slot, SHUT_RDWR);
		ASSERT_TRUE(rig.until([&] { return !rig.at(slot).receiving; }));
		rig.engine->close(slot);
		ASSERT_TRUE(rig.until([&] { return rig.of(slot).closed == 1; }));
	}
}

TEST(engine_uring, zero_copy_send_is_over_when_its_memory_is_free)
{
	if (!features().has(Feature::zero_copy))
		GTEST_SKIP() << "the kernel has none";

	Rig rig(EngineKind::uring, 64, 1000);
	const Fd listener = listening_socket();
	const Fd client = connect_to(listener);
	std::string small = pattern(999), large = pattern(50'000, 1), read;

	rig.engine->accept(0, listener.get());
	ASSERT_TRUE(rig.until([&] { return rig.events->slots.size() == 1; }));

	const uint32_t slot = rig.events->slots[0];

	/* The memory is free when the peer has it all. */
	const auto reads = [&] { read += get(client); };

	EXPECT_EQ(rig.send_all(slot, {part_of(small)}, reads), 999);
	EXPECT_EQ(rig.counters.zero_copy.get(), 0U);
	EXPECT_EQ(rig.send_all(slot, {part_of(large)}, reads), 50'000);
	EXPECT_EQ(rig.counters.zero_copy.get(), 1U);
	EXPECT_EQ(rig.send_all(slot, {part_of(small), part_of(large)}, reads), 50'999);
	EXPECT_EQ(rig.counters.zero_copy.get(), 2U);
	rig.settle();
	EXPECT_EQ(rig.of(slot).sent.size(), 3U);
	EXPECT_TRUE(rig.until([&] { return (read += get(client)).size() >= 101'998; }));
	EXPECT_TRUE(read == small + large + small + large);
	rig.finish();
}

TEST(engine_uring, offers_as_many_buffers_as_are_in_use)
{
	if (!features().has(Feature::bounded_multishot))
		GTEST_SKIP() << "one receive takes one buffer: they never run out";

	constexpr uint32_t few = 64;
	Rig rig(EngineKind::uring, 1024);
	const Fd listener = listening_socket();
	const Fd client = connect_to(listener);
	const std::string text = pattern(rig.memory->buffers.size() * 300);

	rig.engine->accept(0, listener.get());
	ASSERT_TRUE(rig.until([&] { return rig.events->slots.size() == 1; }));

	const uint32_t slot = rig.events->slots[0];

	EXPECT_EQ(rig.counters.buffers_offered.get(), few);
	std::thread writer([&] { put(client, text); });

	rig.settle();
	EXPECT_TRUE(rig.receive_all(slot, text.size()));
	writer.join();
	EXPECT_GT(rig.counters.buffers_offered_max.get(), few);
	/* Calm: many polls, and each buffer is used at some time. */
	for (unsigned n = 0; n < 40'000; n++) {
		if (n % 50 == 0)
			put(client, "x");
		rig.engine->poll(0ns);
	}
	EXPECT_TRUE(rig.receive_all(slot, text.size() + 800));
	EXPECT_LE(rig.counters.buffers_offered.get(), few);
	rig.finish();
}

/* As on kernels that lack them. */
TEST(engine_uring, serves_without_any_feature)
{
	Features least = features();

	for (size_t n = 1; n < feature_names.size(); n++)
		least.disable(static_cast<Feature>(n));

	Rig rig(EngineKind::uring, 64, 0, least);
	const Fd listener = listening_socket(SOCK_NONBLOCK);
	const std::string text = pattern(500'000);

	rig.engine->accept(0, listener.get());
	for (size_t n = 1; n <= 3; n++) {
		rig.settle();

		const Fd client = connect_to(listener);
		std::string answer = "thanks";

		ASSERT_TRUE(rig.until([&] { return rig.events->slots.size() == n; }));

		const uint32_t slot = rig.events->slots.back();
		std::thread writer([&] { put(client, text); });

		rig.engine->receive(slot);
		EXPECT_TRUE(rig.at(slot).single);
		EXPECT_TRUE(rig.receive_all(slot, text.size()));
		writer.join();
		EXPECT_TRUE(rig.of(slot).input == text);
		EXPECT_EQ(rig.send_all(slot, {part_of(answer)}), 6);
		EXPECT_TRUE(rig.until([&] { return get(client) == answer; }));
	}
	rig.finish();
}

TEST(engine_uring, overflow_of_the_completion_queue_loses_nothing)
{
	Connections connections(16);
	Counters counters;
	Ring ring({.flags = deferred_ring, .submissions = 8, .completions = 8}, counters);
	std::vector<bool> seen(100);

	for (uint32_t n = 0; n < seen.size(); n++)
		ring.queue({Operation::refuse, n},
			   [](io_uring_sqe *sqe) { io_uring_prep_nop(sqe); });
	for (int n = 0; n < 100; n++) {
		ring.submit();
		ring.reap([&](const Completion &c) { seen[c.token.slot] = true; });
	}
	EXPECT_EQ(std::ranges::count(seen, true), 100);
	EXPECT_GT(counters.overflows.get(), 0U);
}

TEST(engine_sqpoll, steady_load_needs_no_system_calls)
{
	if (!features().has(Feature::sqpoll))
		GTEST_SKIP() << "the kernel has none";

	constexpr unsigned requests = 300;
	/* No thread sleeps, however slow the others are. */
	Rig rig(EngineKind::uring_sqpoll, 64, 0, features(), 2'000'000);
	const Fd listener = listening_socket();
	const Fd client = connect_to(listener);
	std::string text = pattern(1000);

	rig.engine->accept(0, listener.get());
	ASSERT_TRUE(rig.until([&] { return rig.events->slots.size() == 1; }));

	const uint32_t slot = rig.events->slots[0];
	unsigned echoed = 0;
	std::array<iovec, 1> parts = {part_of(text)};

	rig.engine->receive(slot);
	put(client, text);
	EXPECT_TRUE(rig.until([&] { return rig.of(slot).input.size() == 1000; }));
	rig.of(slot).input.clear();
	EXPECT_EQ(rig.send_all(slot, {part_of(text)}), 1000);
	get(client);

	const uint64_t before = rig.counters.enters.get();
	std::thread peer([&] {
		std::string read(1000, 0);

		for (unsigned n = 0; n < requests; n++) {
			put(client, text);
			if (recv(client.get(), read.data(), read.size(), MSG_WAITALL) != 1000)
				return;
		}
	});

	EXPECT_TRUE(rig.until([&] {
		if (!rig.at(slot).receiving)
			rig.engine->receive(slot);
		if (rig.of(slot).input.size() >= 1000 && !rig.at(slot).sending) {
			rig.of(slot).input.clear();
			rig.engine->send(slot, parts);
			echoed++;
		}
		return echoed == requests && !rig.at(slot).sending;
	})) << echoed;
	shutdown(client.get(), SHUT_RDWR);
	peer.join();
	EXPECT_LT(rig.counters.enters.get() - before, requests / 30);
	rig.finish();
}
