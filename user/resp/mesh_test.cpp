// SPDX-License-Identifier: GPL-2.0-only
#include "resp/mesh.h"

#include <gtest/gtest.h>

#include <array>
#include <atomic>
#include <format>
#include <map>
#include <memory>
#include <random>
#include <string>
#include <thread>
#include <vector>

#include "resp/fake.h"
#include "resp/request.h"

using namespace lanes;

namespace {

/** What @key is always set to, of some size that matters. */
std::string value_of(unsigned key)
{
	constexpr std::array sizes = {0, 3, 300, 1500, 2100, 17'000, 60'000};

	return std::string(sizes[key % sizes.size()], static_cast<char>('a' + key % 26));
}

/** Random commands of a peer of @shard, and whether each reply is a right one. */
bool play(FakeShards &shards, unsigned shard, unsigned commands)
{
	const auto peer = shards.connect(shard);
	std::mt19937 random(shard);

	for (unsigned i = 0; i < commands; i++) {
		const unsigned number = random() % 40;
		const std::string key = std::to_string(number), value = value_of(number);
		const unsigned what = random() % 8;
		std::string reply;

		peer->send(what < 4   ? command({"GET", key})
			   : what < 7 ? command({"SET", key, value})
				      : command({"DEL", key}));
		while (shards.shards[shard]->session.in_request(peer->state())) {
			shards.turn(shard, 16);
			std::this_thread::yield();
		}
		reply = peer->take();
		if (what < 4 && reply != "$-1\r\n" && reply != bulk(value))
			return false;
		if (what >= 4 && reply != (what < 7 ? "+OK\r\n" : ":0\r\n") && reply != ":1\r\n")
			return false;
	}
	return true;
}

} // namespace

TEST(resp_mesh, ring_keeps_the_order_between_threads)
{
	constexpr uintptr_t count = 30'000;
	Mesh mesh(2);
	MessageRing &ring = mesh.ring(0, 1);
	std::jthread sender([&ring] {
		for (uintptr_t i = 1; i <= count;) {
			if (ring.push(i))
				i++;
			else
				std::this_thread::yield();
		}
	});

	for (uintptr_t expected = 1; expected <= count;) {
		const uintptr_t got = ring.pop();

		if (!got) {
			std::this_thread::yield();
			continue;
		}
		ASSERT_EQ(got, expected++);
	}
	EXPECT_TRUE(ring.empty());
}

TEST(resp_mesh, full_ring_takes_no_more)
{
	Mesh mesh(2);
	MessageRing &ring = mesh.ring(0, 1);

	for (uintptr_t i = 1; i <= MessageRing::capacity; i++)
		ASSERT_TRUE(ring.push(i));
	EXPECT_FALSE(ring.push(1));
	EXPECT_EQ(ring.pop(), 1U);
	EXPECT_TRUE(ring.push(1));
}

TEST(resp_shards, replies_keep_the_order_of_the_commands)
{
	FakeShards shards(2);
	const auto peer = shards.connect(0);
	const std::string here = shards.key_of(0), there = shards.key_of(1);

	peer->send(command({"SET", there, "t"}) + command({"SET", here, "h"}) +
		   command({"GET", there}) + command({"GET", here}) + command({"PING"}) +
		   command({"INCR", shards.key_of(1, 1)}) + command({"nosuch"}));
	EXPECT_EQ(peer->take(), "");
	EXPECT_TRUE(shards.shards[0]->session.in_request(peer->state()));
	shards.settle();
	EXPECT_EQ(peer->take(), "+OK\r\n+OK\r\n$1\r\nt\r\n$1\r\nh\r\n+PONG\r\n:1\r\n"
				"-ERR unknown command 'nosuch', with args beginning with: \r\n");
	EXPECT_FALSE(shards.shards[0]->session.in_request(peer->state()));
}

TEST(resp_shards, commands_on_many_keys_are_gathered)
{
	FakeShards shards(3);
	const auto peer = shards.connect(1);
	const std::string a = shards.key_of(0), b = shards.key_of(1), c = shards.key_of(2);
	const std::string no = shards.key_of(2, 1);

	peer->send(command({"MSET", a, "1", b, "2", c, "3"}) + command({"MGET", c, no, b, a}) +
		   command({"EXISTS", a, a, no, c}) + command({"DBSIZE"}) +
		   command({"DEL", a, no, b}) + command({"DBSIZE"}) + command({"FLUSHALL"}) +
		   command({"DBSIZE"}));
	shards.settle();
	EXPECT_EQ(peer->take(), "+OK\r\n*4\r\n$1\r\n3\r\n$-1\r\n$1\r\n2\r\n$1\r\n1\r\n"
				":3\r\n:3\r\n:2\r\n:1\r\n+OK\r\n:0\r\n");
	EXPECT_EQ(shards.left_over(), 0U);
}

TEST(resp_shards, commands_on_one_key_are_done_in_order)
{
	FakeShards shards(2);
	const auto peer = shards.connect(0);
	const std::string key = shards.key_of(1);
	std::string expected;

	for (int i = 1; i <= 5000; i++) {
		peer->send(command({"INCR", key}));
		expected += std::format(":{}\r\n", i);
	}
	shards.settle(7);
	EXPECT_EQ(peer->take(), expected);
}

TEST(resp_shards, connection_pauses_when_many_replies_wait)
{
	FakeShards shards(2);
	const auto peer = shards.connect(0);

	for (unsigned i = 0; i < 3 * Session::waiting_max; i++)
		peer->send(command({"INCR", shards.key_of(1)}));
	EXPECT_TRUE(peer->paused);
	EXPECT_EQ(peer->state().waiting, Session::waiting_max);
	shards.settle();
	EXPECT_FALSE(peer->paused);
}

TEST(resp_shards, connections_pause_when_much_is_outstanding)
{
	FakeShards shards(2);
	std::vector<std::unique_ptr<FakePeer>> peers;
	const std::string set = command({"SET", shards.key_of(1), std::string(900, 'v')});

	for (int i = 0; i < 40; i++) {
		peers.push_back(shards.connect(0));
		/* The first waits for its own replies, then for the others'. */
		for (int n = 0; n < (i ? 400 : 800); n++)
			peers.back()->send(set);
	}
	EXPECT_LE(shards.shards[0]->session.outstanding(), Session::outstanding_max + 2000);
	EXPECT_TRUE(peers.back()->paused);
	shards.settle();
	for (const auto &peer : peers) {
		EXPECT_FALSE(peer->paused);
		EXPECT_EQ(peer->take().size(), (peer == peers[0] ? 800 : 400) * 5U);
	}
	EXPECT_EQ(shards.shards[0]->session.outstanding(), 0U);
}

TEST(resp_shards, turn_handles_no_more_than_its_budget)
{
	FakeShards shards(2);
	const auto peer = shards.connect(0);

	for (int i = 0; i < 100; i++)
		peer->send(command({"INCR", shards.key_of(1)}));
	EXPECT_TRUE(shards.shards[1]->session.turn(99));
	EXPECT_TRUE(shards.shards[1]->session.pending());
	EXPECT_FALSE(shards.shards[1]->session.turn(99));
	EXPECT_FALSE(shards.shards[1]->session.pending());
}

TEST(resp_shards, large_value_moves_and_comes_back_by_reference)
{
	FakeShards shards(2);
	const auto peer = shards.connect(0);
	const std::string value(1 << 20, 'v');
	const std::string key = shards.key_of(1);

	peer->send(command({"SET", key, value}));
	shards.settle();
	EXPECT_EQ(peer->take(), "+OK\r\n");
	EXPECT_GT(shards.shards[1]->session.arena().used(), value.size());
	EXPECT_LT(shards.shards[0]->session.arena().used(), 20'000U);

	peer->send(command({"GET", key}));
	shards.settle();
	EXPECT_EQ(peer->lent, 1U);

	const auto other = shards.connect(1);

	other->send(command({"DEL", key}));
	EXPECT_GT(shards.left_over(), value.size());
	EXPECT_EQ(peer->take(), bulk(value));
	shards.settle();
	EXPECT_EQ(shards.left_over(), 0U);
}

TEST(resp_shards, value_that_the_owner_has_no_room_for_is_freed)
{
	FakeShards shards(2, 400'000);
	const auto peer = shards.connect(0);
	const std::string value(100'000, 'v');

	peer->send(command({"SET", shards.key_of(1), value}));
	shards.settle();
	peer->send(command({"SET", shards.key_of(1), value}));
	shards.settle();
	EXPECT_EQ(peer->take(),
		  "+OK\r\n-OOM command not allowed when used memory > 'maxmemory'.\r\n");
	peer->send(command({"FLUSHALL"}));
	shards.settle();
	EXPECT_EQ(shards.left_over(), 0U);
}

TEST(resp_shards, connection_that_closes_leaves_nothing)
{
	for (unsigned turns = 0; turns < 4; turns++) {
		FakeShards shards(2);
		auto peer = shards.connect(0);
		const std::string there = shards.key_of(1), large = shards.key_of(1, 1);

		peer->send(command({"SET", large, std::string(50'000, 'v')}));
		shards.settle();
		peer->send(command({"SET", there, "v"}) + command({"GET", large}) +
			   command({"MGET", there, large, shards.key_of(0)}) +
			   command({"DEL", there, large}) + command({"PING"}) + "*2\r\n$3\r\nGE");
		for (unsigned i = 0; i < turns; i++)
			shards.turn(1 - i % 2);
		peer.reset();
		shards.settle();
		EXPECT_EQ(shards.left_over(), 0U) << turns;
		EXPECT_EQ(shards.shards[0]->session.outstanding(), 0U);
	}
}

TEST(resp_shards, input_that_ended_still_gets_its_replies)
{
	FakeShards shards(2);
	const auto peer = shards.connect(0);

	peer->send(command({"INCR", shards.key_of(1)}));
	peer->end();
	EXPECT_FALSE(peer->finished);
	shards.settle();
	EXPECT_TRUE(peer->finished);
	EXPECT_EQ(peer->take(), ":1\r\n");
}

/* Without that a shard sleeps on messages in line, if it was awake when room
 * was made.
 */
TEST(resp_post, messages_in_line_are_work_and_a_reason_to_wake_when_there_is_room)
{
	Mesh mesh(2);
	Arena arena(size_t{1} << 20);
	Post sender(mesh, 0, arena), receiver(mesh, 1, arena);
	std::vector<Errand> errands(MessageRing::capacity + 1);
	MessageKind kind;
	void *what;

	for (Errand &errand : errands)
		sender.request(errand, 1);
	sender.wake([](unsigned) {});
	EXPECT_FALSE(sender.pending());
	ASSERT_TRUE(receiver.receive(what, kind));
	EXPECT_EQ(what, &errands[0]);
	EXPECT_TRUE(sender.pending());

	std::vector<unsigned> woken;

	receiver.look_for_senders();
	receiver.wake([&](unsigned shard) { woken.push_back(shard); });
	EXPECT_EQ(woken, std::vector{0U});
	sender.retry();
	sender.wake([](unsigned) {});
	EXPECT_FALSE(sender.pending());
}

/* Messages that a ring cannot hold wait in line; the sender is woken for them,
 * since settle() gives no turn to a shard that is not.
 */
TEST(resp_shards, more_messages_than_a_ring_holds_lose_none)
{
	FakeShards shards(2);
	std::vector<std::unique_ptr<FakePeer>> peers;
	std::vector<std::string> words = {"MSET"};

	for (unsigned i = 0; i < 500; i++) {
		words.push_back(shards.key_of(1));
		words.push_back("v");
	}
	for (int i = 0; i < 8; i++) {
		peers.push_back(shards.connect(0));
		peers.back()->send(command(words));
	}
	shards.settle();
	for (const auto &peer : peers)
		EXPECT_EQ(peer->take(), "+OK\r\n");
}

TEST(resp_shards, any_mix_gives_what_one_shard_gives)
{
	std::mt19937 random(4);
	FakeShards many(3), one(1);
	const auto split = many.connect(2), whole = one.connect(0);
	std::string got, expected;

	for (int i = 0; i < 20'000; i++) {
		const auto key = [&] { return std::to_string(random() % 50); };
		const std::string value(random() % 9 ? random() % 90 : random() % 40'000, 'v');
		const std::vector<std::vector<std::string>> choices = {
			{"SET", key(), value},	   {"GET", key()},
			{"INCR", "n" + key()},	   {"DEL", key(), key()},
			{"MGET", key(), key()},	   {"MSET", key(), value, key(), "w"},
			{"EXISTS", key(), key()},  {"PING"},
			{"SET", key(), "x", "NX"}, {"SET", key(), value, "XX", "GET"},
		};
		const std::string text = command(choices[random() % choices.size()]);

		split->piece = whole->piece = 1 + random() % 5000;
		split->send(text);
		whole->send(text);
		if (random() % 8 == 0)
			many.turn(static_cast<unsigned>(random() % 3), random() % 40);
		if (random() % 8 == 0) {
			one.turn(0);
			got += split->take();
			expected += whole->take();
		}
	}
	for (int i = 0; i < 1000; i++) {
		many.settle();
		one.turn(0);
		many.turn(2);
		got += split->take();
		expected += whole->take();
	}
	EXPECT_EQ(got, expected);
}

TEST(resp_shards, work_on_threads_of_their_own)
{
	constexpr unsigned count = 3;
	FakeShards shards(count);
	std::atomic<unsigned> right = 0, done = 0;

	{
		std::vector<std::jthread> threads;

		for (unsigned shard = 0; shard < count; shard++)
			threads.emplace_back([&shards, &right, &done, shard] {
				right += play(shards, shard, 500);
				done++;
				while (done < count) {
					shards.turn(shard);
					std::this_thread::yield();
				}
			});
	}
	EXPECT_EQ(right, count);

	const auto peer = shards.connect(0);

	peer->send(command({"FLUSHALL"}));
	shards.settle();
	EXPECT_EQ(shards.left_over(), 0U);
}
