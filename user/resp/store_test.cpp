// SPDX-License-Identifier: GPL-2.0-only
#include "resp/store.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <random>
#include <string>
#include <vector>

#include <cstring>

#include "resp/hash.h"
#include "resp/operation.h"

using namespace lanes;

namespace {

constexpr uint64_t seed = 42;

struct Keys {
	explicit Keys(size_t limit = size_t{1} << 30) : arena(limit), store(arena) {}

	Result run(KeyOperation::Kind kind, const std::string &key, const std::string &text = {},
		   uint8_t flags = 0, int64_t number = 0)
	{
		KeyOperation operation;

		operation.kind = kind;
		operation.key = key;
		operation.hash = hash_key(key, seed);
		operation.text = text;
		operation.flags = flags;
		operation.number = number;
		return apply(operation, store, lookups, now);
	}
	bool set(const std::string &key, const std::string &text, uint8_t flags = 0,
		 int64_t number = 0)
	{
		return run(KeyOperation::Kind::set, key, text, flags, number).text == "+OK\r\n";
	}
	/** "(nil)" if there is none. */
	std::string get(const std::string &key) { return taken(run(KeyOperation::Kind::get, key)); }
	bool remove(const std::string &key)
	{
		return run(KeyOperation::Kind::remove, key).integer == 1;
	}
	static std::string taken(const Result &result)
	{
		if (!result.value)
			return "(nil)";

		std::string text(result.value->text());

		result.value->give_back();
		return text;
	}

	Arena arena;
	Store store;
	Lookups lookups;
	uint64_t now = 1000;
};

std::string random_text(std::mt19937 &random, size_t longest)
{
	std::string text(random() % longest, '\0');

	for (char &byte : text)
		byte = static_cast<char>(random());
	return text;
}

} // namespace

TEST(resp_arena, class_holds_what_it_is_for)
{
	for (size_t size = 1; size < 100'000; size++) {
		ASSERT_GE(rounded_size(size), size);
		ASSERT_EQ(size_class(rounded_size(size)), size_class(size));
		ASSERT_LE(rounded_size(size), std::max(size + 15, size + size / 4));
	}
}

TEST(resp_arena, memory_is_nobody_elses)
{
	struct Piece {
		unsigned char *at;
		size_t size;
		unsigned char mark;
	};
	Arena arena(size_t{1} << 30);
	std::mt19937 random(1);
	std::vector<Piece> pieces;
	size_t used = 0;

	for (int i = 0; i < 60'000; i++) {
		if (pieces.size() < (i / 6000 % 2 ? 2000U : 500U)) {
			const size_t size = 1 + random() % (random() % 8 ? 300 : 60'000);
			const auto mark = static_cast<unsigned char>(random());

			pieces.push_back(
				{static_cast<unsigned char *>(arena.take(size)), size, mark});
			std::memset(pieces.back().at, mark, size);
			used += rounded_size(size);
		} else {
			const size_t which = random() % pieces.size();
			const Piece piece = pieces[which];

			for (const size_t at : {size_t{0}, piece.size / 2, piece.size - 1})
				ASSERT_EQ(piece.at[at], piece.mark);
			arena.give(piece.at, piece.size);
			used -= rounded_size(piece.size);
			pieces[which] = pieces.back();
			pieces.pop_back();
		}
		ASSERT_EQ(arena.used(), used);
	}
}

TEST(resp_arena, empty_span_serves_another_size)
{
	Arena arena(size_t{1} << 30);
	std::vector<void *> pieces;
	std::vector<void *> others;

	for (int i = 0; i < 3 * 262'144 / 128; i++)
		pieces.push_back(arena.take(128));
	for (void *piece : pieces)
		arena.give(piece, 128);
	for (int i = 0; i < 262'144 / 64; i++)
		others.push_back(arena.take(64));

	const auto shared = std::ranges::count_if(others, [&](void *other) {
		return std::ranges::any_of(pieces, [&](void *piece) {
			return reinterpret_cast<uintptr_t>(piece) >> 18 ==
			       reinterpret_cast<uintptr_t>(other) >> 18;
		});
	});

	EXPECT_GT(shared, 0);
}

TEST(resp_value, is_its_own_reply)
{
	Arena arena(size_t{1} << 20);
	const auto wire = [&](const std::string &text) {
		Value *value = Value::make(arena, static_cast<uint32_t>(text.size()));

		std::memcpy(value->data(), text.data(), text.size());

		const auto bytes = value->wire();
		std::string result(reinterpret_cast<const char *>(bytes.data()), bytes.size());

		value->give_back();
		return result;
	};

	EXPECT_EQ(wire(""), "$0\r\n\r\n");
	EXPECT_EQ(wire("abc"), "$3\r\nabc\r\n");
	EXPECT_EQ(wire(std::string(12345, 'x')), "$12345\r\n" + std::string(12345, 'x') + "\r\n");
	EXPECT_EQ(arena.used(), 0U);
}

TEST(resp_store, behaves_as_a_map_while_it_grows)
{
	std::mt19937 random(2);
	std::map<std::string, std::string> model;
	Keys keys;

	for (int i = 0; i < 200'000; i++) {
		const std::string key = "key:" + std::to_string(random() % 30'000);

		switch (random() % 4) {
		case 0:
		case 1: {
			const std::string text = random_text(random, 100);

			ASSERT_TRUE(keys.set(key, text));
			model[key] = text;
			break;
		}
		case 2:
			ASSERT_EQ(keys.get(key), model.contains(key) ? model[key] : "(nil)");
			break;
		default:
			ASSERT_EQ(keys.remove(key), model.erase(key) == 1);
		}
		ASSERT_EQ(keys.store.keys(), model.size());
	}
	EXPECT_GE(keys.store.buckets(), model.size() / 2);
	for (const auto &[key, text] : model)
		ASSERT_EQ(keys.get(key), text);
	keys.store.clear();
	EXPECT_EQ(keys.store.keys(), 0U);
	EXPECT_EQ(keys.arena.used(), 1024 * sizeof(void *));
}

TEST(resp_store, grows_in_bounded_steps)
{
	Keys keys;
	size_t insertions = 0;

	for (int i = 0; !keys.store.growing(); i++)
		keys.set(std::to_string(i), "");

	const size_t old = keys.store.buckets() / 2;

	for (; keys.store.growing(); insertions++)
		keys.set("more" + std::to_string(insertions), "");
	EXPECT_EQ(old, 1024U);
	EXPECT_GE(insertions, old / 8);
	EXPECT_LT(insertions, old);
}

TEST(resp_store, overwriting_the_same_size_takes_no_memory)
{
	Keys keys;

	keys.set("k", std::string(100, 'a'));

	const Value *before = keys.store.find("k", hash_key("k", seed), 0)->value;

	keys.set("k", std::string(99, 'b'));
	EXPECT_EQ(keys.store.find("k", hash_key("k", seed), 0)->value, before);
	EXPECT_EQ(keys.get("k"), std::string(99, 'b'));
}

TEST(resp_store, value_that_is_lent_stays_as_it_is)
{
	Keys keys;

	keys.set("k", "before");

	const Result lent = keys.run(KeyOperation::Kind::get, "k");

	keys.set("k", "behind");
	EXPECT_EQ(keys.get("k"), "behind");
	keys.remove("k");
	EXPECT_EQ(Keys::taken(lent), "before");
	EXPECT_EQ(keys.arena.used(), 1024 * sizeof(void *));
}

TEST(resp_store, key_is_gone_when_its_time_is_over)
{
	Keys keys;

	keys.set("k", "v", KeyOperation::has_time, 50);
	keys.now += 49;
	EXPECT_EQ(keys.get("k"), "v");
	EXPECT_EQ(keys.run(KeyOperation::Kind::time_left, "k").integer, 1);
	keys.now += 1;
	EXPECT_EQ(keys.get("k"), "(nil)");
	EXPECT_EQ(keys.run(KeyOperation::Kind::time_left, "k").integer, -2);
	EXPECT_EQ(keys.store.keys(), 0U);
	EXPECT_EQ(keys.store.expiring(), 0U);
	EXPECT_EQ(keys.store.expired(), 1U);
}

TEST(resp_store, set_ends_the_time_to_live_unless_it_is_kept)
{
	Keys keys;

	keys.set("gone", "v", KeyOperation::has_time, 50);
	keys.set("kept", "v", KeyOperation::has_time, 50);
	keys.set("gone", "w");
	keys.set("kept", "w", KeyOperation::keep_time);
	EXPECT_EQ(keys.run(KeyOperation::Kind::time_left, "gone").integer, -1);
	EXPECT_EQ(keys.run(KeyOperation::Kind::time_left, "kept").integer, 50);
	EXPECT_EQ(keys.store.expiring(), 1U);
}

TEST(resp_store, sweep_removes_what_nobody_asks_for)
{
	Keys keys;

	for (int i = 0; i < 500; i++)
		keys.set(std::to_string(i), "v", KeyOperation::has_time, i % 2 ? 10 : 1000);
	keys.now += 10;
	for (size_t i = 0; i < keys.store.buckets() / 16; i++)
		keys.store.sweep(keys.now, 16);
	EXPECT_EQ(keys.store.keys(), 250U);
	EXPECT_EQ(keys.store.expired(), 250U);
}

TEST(resp_store, conditions_of_set)
{
	Keys keys;

	EXPECT_FALSE(keys.set("k", "a", KeyOperation::if_present));
	EXPECT_EQ(keys.get("k"), "(nil)");
	EXPECT_TRUE(keys.set("k", "a", KeyOperation::if_absent));
	EXPECT_FALSE(keys.set("k", "b", KeyOperation::if_absent));
	EXPECT_EQ(keys.get("k"), "a");
	EXPECT_TRUE(keys.set("k", "b", KeyOperation::if_present));
	EXPECT_EQ(Keys::taken(keys.run(KeyOperation::Kind::set, "k", "c", KeyOperation::give_old)),
		  "b");
	EXPECT_EQ(keys.get("k"), "c");
}

TEST(resp_store, add_counts_in_64_bits)
{
	Keys keys;
	const auto add = [&](int64_t by) {
		return keys.run(KeyOperation::Kind::add, "n", {}, 0, by);
	};

	EXPECT_EQ(add(1).integer, 1);
	EXPECT_EQ(add(-12).integer, -11);
	EXPECT_EQ(keys.get("n"), "-11");
	keys.set("n", "9223372036854775807");
	EXPECT_EQ(add(1).text, "-ERR increment or decrement would overflow\r\n");
	for (const char *text : {"", "x", "1 ", " 1", "01", "+1", "9223372036854775808"}) {
		keys.set("n", text);
		EXPECT_EQ(add(1).text, "-ERR value is not an integer or out of range\r\n") << text;
	}
}

TEST(resp_store, limit_is_kept_and_what_is_there_stays)
{
	Keys keys(200'000);
	int stored = 0;

	keys.set("first", std::string(1000, 'f'));
	while (keys.set(std::to_string(stored), std::string(1000, 'v')))
		stored++;
	EXPECT_LE(keys.arena.used(), 200'000U);
	EXPECT_GT(stored, 120);
	EXPECT_EQ(keys.run(KeyOperation::Kind::set, "more", std::string(1000, 'v')).text,
		  "-OOM command not allowed when used memory > 'maxmemory'.\r\n");
	EXPECT_EQ(keys.get("first"), std::string(1000, 'f'));
	EXPECT_EQ(keys.get("more"), "(nil)");
	EXPECT_TRUE(keys.remove("first"));
	EXPECT_TRUE(keys.set("more", std::string(1000, 'v')));
}
