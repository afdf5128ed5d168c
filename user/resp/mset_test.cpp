// SPDX-License-Identifier: GPL-2.0-only
/* Commands that set several keys: all or none. */
#include <gtest/gtest.h>

#include <map>
#include <memory>
#include <random>
#include <string>
#include <vector>

#include "resp/fake.h"
#include "resp/request.h"

using namespace lanes;

/* The part that its shard has no room for comes first, in the middle, and last. */
TEST(resp_mset, that_finds_no_memory_for_a_part_changes_no_key)
{
	const std::string large(600'000, 'l');

	for (unsigned refused = 0; refused < 3; refused++) {
		FakeShards shards(3, size_t{3} << 20);
		const auto peer = shards.connect((refused + 1) % 3);
		std::vector<std::string> words = {"MSET"}, keys = {"MGET"};

		for (unsigned shard = 0; shard < 3; shard++) {
			const std::string old = shards.key_of(shard);
			const std::string young = shards.key_of(shard, 1);

			peer->send(command({"SET", old, "old"}));
			keys.insert(keys.end(), {old, young});
			words.insert(words.end(),
				     {old, "new", young, shard == refused ? large : "new"});
		}
		peer->send(command({"SET", shards.key_of(refused, 2), large}));
		shards.settle();
		EXPECT_EQ(peer->take(), "+OK\r\n+OK\r\n+OK\r\n+OK\r\n");
		peer->send(command(words));
		shards.settle();
		EXPECT_TRUE(peer->take().starts_with("-OOM ")) << refused;
		peer->send(command(keys) + command({"FLUSHALL"}));
		shards.settle();
		EXPECT_EQ(peer->take(), "*6\r\n$3\r\nold\r\n$-1\r\n$3\r\nold\r\n$-1\r\n"
					"$3\r\nold\r\n$-1\r\n+OK\r\n");
		EXPECT_EQ(shards.left_over(), 0U);
	}
}

TEST(resp_mset, is_all_or_nothing_while_memory_comes_and_goes)
{
	constexpr unsigned keys = 200;
	FakeShards shards(3, size_t{1} << 20);
	const auto peer = shards.connect(1);
	std::map<std::string, std::string> model;
	std::mt19937 random(7);
	unsigned refused = 0, done = 0;
	const auto ask = [&](const std::vector<std::string> &words) {
		peer->send(command(words));
		shards.settle();
		return peer->take();
	};

	for (unsigned round = 0; round < 300; round++) {
		std::vector<std::string> words = {"MSET"};
		std::map<std::string, std::string> then = model;

		for (unsigned i = 0, n = 1 + random() % 8; i < n; i++) {
			const std::string key = std::to_string(random() % keys);

			words.insert(words.end(), {key, std::string(random() % 12'000, 'v') +
								std::to_string(round)});
			then[key] = words.back();
		}
		if (ask(words).starts_with("-OOM ")) {
			const std::string victim = std::to_string(random() % keys);

			refused++;
			ask({"DEL", victim});
			model.erase(victim);
		} else {
			model = then;
			done++;
		}
		for (unsigned i = 0; i < keys; i++) {
			const auto at = model.find(std::to_string(i));

			ASSERT_EQ(ask({"GET", std::to_string(i)}),
				  at == model.end() ? "$-1\r\n" : bulk(at->second))
				<< round;
		}
	}
	EXPECT_GT(refused, 30U);
	EXPECT_GT(done, 30U);
}

TEST(resp_mset, is_done_for_the_commands_after_it)
{
	FakeShards shards(3);
	const auto peer = shards.connect(0), other = shards.connect(2);
	const std::string a = shards.key_of(0), b = shards.key_of(1), c = shards.key_of(2);

	peer->send(command({"MSET", a, "1", b, "2", c, "3", b, "4"}) + command({"GET", b}) +
		   command({"MGET", a, c}));
	shards.turn(1);
	other->send(command({"GET", c}));
	EXPECT_EQ(other->take(), "$-1\r\n");
	shards.settle();
	EXPECT_EQ(peer->take(), "+OK\r\n$1\r\n4\r\n*2\r\n$1\r\n1\r\n$1\r\n3\r\n");
}

TEST(resp_mset, whose_connection_closes_between_its_rounds_leaves_nothing)
{
	const std::string large(600'000, 'l');

	for (const bool fits : {true, false}) {
		FakeShards shards(3, size_t{3} << 20);
		const std::string a = shards.key_of(0), b = shards.key_of(1), c = shards.key_of(2);
		auto peer = shards.connect(0);
		const auto other = shards.connect(0);

		if (!fits)
			other->send(command({"SET", shards.key_of(1, 1), large}));
		shards.settle();
		other->take();
		peer->send(command({"MSET", a, "h", b, large, c, "s"}));
		shards.turn(1);
		peer.reset();
		shards.settle();
		other->send(command({"EXISTS", a, b, c}) + command({"FLUSHALL"}));
		shards.settle();
		EXPECT_EQ(other->take(), fits ? ":3\r\n+OK\r\n" : ":0\r\n+OK\r\n");
		EXPECT_EQ(shards.left_over(), 0U);
	}
}
