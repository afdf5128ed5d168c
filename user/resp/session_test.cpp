// SPDX-License-Identifier: GPL-2.0-only
#include "resp/session.h"

#include <gtest/gtest.h>

#include <format>
#include <memory>
#include <random>
#include <string>
#include <vector>

#include <hiredis/hiredis.h>

#include "resp/command.h"
#include "resp/fake.h"
#include "resp/request.h"

using namespace lanes;

namespace {

using Words = std::vector<std::string>;

/** One shard and one peer. */
struct Single {
	explicit Single(size_t memory_max = size_t{64} << 20)
		: shards(1, memory_max), peer(shards.connect(0))
	{
	}

	std::string ask(const Words &words)
	{
		peer->send(command(words));
		return peer->take();
	}

	FakeShards shards;
	std::unique_ptr<FakePeer> peer;
};

/** How many replies @text is, or -1 if it is no whole number of any. */
int count_replies(const std::string &text)
{
	redisReader *reader = redisReaderCreate();
	void *reply = nullptr;
	int count = 0;

	redisReaderFeed(reader, text.data(), text.size());
	while (redisReaderGetReply(reader, &reply) == REDIS_OK && reply) {
		freeReplyObject(reply);
		count++;
	}

	const bool whole = !reader->err && reader->pos == reader->len;

	redisReaderFree(reader);
	return whole ? count : -1;
}

} // namespace

TEST(resp_command, every_name_is_found_in_any_case)
{
	for (const Command &each : commands()) {
		std::string name(each.name);

		EXPECT_EQ(find_command(name), &each);
		name[0] -= 'a' - 'A';
		EXPECT_EQ(find_command(name), &each);
		EXPECT_EQ(find_command(name + "x"), nullptr);
		EXPECT_EQ(find_command(name.substr(0, name.size() - 1) + "_"), nullptr);
	}
	EXPECT_EQ(find_command(""), nullptr);
}

TEST(resp_session, replies_as_redis_does)
{
	Single s;

	EXPECT_EQ(s.ask({"PING"}), "+PONG\r\n");
	EXPECT_EQ(s.ask({"ping", "hi"}), "$2\r\nhi\r\n");
	EXPECT_EQ(s.ask({"Echo", ""}), "$0\r\n\r\n");
	EXPECT_EQ(s.ask({"GET", "k"}), "$-1\r\n");
	EXPECT_EQ(s.ask({"SET", "k", "v"}), "+OK\r\n");
	EXPECT_EQ(s.ask({"GET", "k"}), "$1\r\nv\r\n");
	EXPECT_EQ(s.ask({"SET", "k", "w", "GET"}), "$1\r\nv\r\n");
	EXPECT_EQ(s.ask({"SET", "k", "x", "nx"}), "$-1\r\n");
	EXPECT_EQ(s.ask({"SET", "j", "x", "XX"}), "$-1\r\n");
	EXPECT_EQ(s.ask({"SET", "k", "v", "EX", "10"}), "+OK\r\n");
	EXPECT_EQ(s.ask({"TTL", "k"}), ":10\r\n");
	EXPECT_EQ(s.ask({"SET", "k", "v", "px", "1500"}), "+OK\r\n");
	EXPECT_EQ(s.ask({"PTTL", "k"}), ":1500\r\n");
	EXPECT_EQ(s.ask({"MSET", "a", "1", "b", "2"}), "+OK\r\n");
	EXPECT_EQ(s.ask({"MGET", "a", "x", "b"}), "*3\r\n$1\r\n1\r\n$-1\r\n$1\r\n2\r\n");
	EXPECT_EQ(s.ask({"EXISTS", "a", "a", "x"}), ":2\r\n");
	EXPECT_EQ(s.ask({"INCR", "a"}), ":2\r\n");
	EXPECT_EQ(s.ask({"DECRBY", "a", "5"}), ":-3\r\n");
	EXPECT_EQ(s.ask({"DBSIZE"}), ":3\r\n");
	EXPECT_EQ(s.ask({"DEL", "a", "b", "x"}), ":2\r\n");
	EXPECT_EQ(s.ask({"FLUSHALL"}), "+OK\r\n");
	EXPECT_EQ(s.ask({"DBSIZE"}), ":0\r\n");
	EXPECT_EQ(s.ask({"SELECT", "0"}), "+OK\r\n");
	EXPECT_EQ(s.ask({"CONFIG", "GET", "save"}), "*2\r\n$4\r\nsave\r\n$0\r\n\r\n");
	EXPECT_EQ(s.ask({"CONFIG", "GET", "append*"}), "*2\r\n$10\r\nappendonly\r\n$2\r\nno\r\n");
	EXPECT_EQ(s.ask({"COMMAND", "DOCS"}), "*0\r\n");
	EXPECT_EQ(s.ask({"CLIENT", "SETINFO", "LIB-NAME", "x"}), "+OK\r\n");
	EXPECT_EQ(s.ask({"COMMAND", "COUNT"}), std::format(":{}\r\n", commands().size()));
}

TEST(resp_session, errors_are_those_of_redis)
{
	Single s;

	EXPECT_EQ(s.ask({"GET"}), "-ERR wrong number of arguments for 'get' command\r\n");
	EXPECT_EQ(s.ask({"get", "a", "b"}), "-ERR wrong number of arguments for 'get' command\r\n");
	EXPECT_EQ(s.ask({"MSET", "a", "1", "b"}),
		  "-ERR wrong number of arguments for 'mset' command\r\n");
	EXPECT_EQ(s.ask({"NoSuch", "a", "b\r\n"}),
		  "-ERR unknown command 'NoSuch', with args beginning with: 'a' 'b  ' \r\n");
	EXPECT_EQ(s.ask({"SET", "k", "v", "EX"}), "-ERR syntax error\r\n");
	EXPECT_EQ(s.ask({"SET", "k", "v", "NX", "XX"}), "-ERR syntax error\r\n");
	EXPECT_EQ(s.ask({"SET", "k", "v", "EX", "0"}),
		  "-ERR invalid expire time in 'set' command\r\n");
	EXPECT_EQ(s.ask({"SET", "k", "v", "EX", "9223372036854775807"}),
		  "-ERR invalid expire time in 'set' command\r\n");
	EXPECT_EQ(s.ask({"SET", "k", "v", "PX", "x"}),
		  "-ERR value is not an integer or out of range\r\n");
	EXPECT_EQ(s.ask({"SELECT", "1"}), "-ERR DB index is out of range\r\n");
	EXPECT_EQ(s.ask({"HELLO", "3"}), "-NOPROTO unsupported protocol version\r\n");
	EXPECT_EQ(s.ask({"SET", std::string(65537, 'k'), "v"}),
		  "-ERR key is too long, at most 65536 bytes are taken\r\n");
	EXPECT_EQ(s.ask({"SET", std::string(65536, 'k'), "v"}), "+OK\r\n");
	EXPECT_EQ(s.ask({"GET", std::string(65536, 'k')}), "$1\r\nv\r\n");
}

TEST(resp_session, long_descriptions_are_whole_replies)
{
	Single s;

	EXPECT_EQ(count_replies(s.ask({"COMMAND"})), 1);
	EXPECT_EQ(count_replies(s.ask({"COMMAND", "INFO", "get", "nosuch"})), 1);
	EXPECT_EQ(count_replies(s.ask({"INFO"})), 1);
	EXPECT_EQ(count_replies(s.ask({"HELLO"})), 1);
	EXPECT_EQ(count_replies(s.ask({"CONFIG", "GET", "*"})), 1);
}

TEST(resp_session, info_tells_what_is_so)
{
	Single s;
	const auto has = [&](const std::string &section, const std::string &line) {
		return s.ask({"INFO", section}).find(line + "\r\n") != std::string::npos;
	};

	s.ask({"SET", "a", "1"});
	s.ask({"SET", "b", "1", "EX", "9"});
	s.ask({"GET", "a"});
	s.ask({"GET", "x"});
	EXPECT_TRUE(has("keyspace", "db0:keys=2,expires=1,avg_ttl=0"));
	EXPECT_TRUE(has("STATS", "keyspace_hits:1"));
	EXPECT_TRUE(has("all", "keyspace_misses:1"));
	EXPECT_TRUE(has("stats", "total_commands_processed:8"));
	EXPECT_TRUE(has("clients", "connected_clients:1"));
	EXPECT_TRUE(has("memory", "maxmemory:67108864"));
	EXPECT_FALSE(has("memory", "connected_clients:1"));
}

TEST(resp_session, broken_protocol_is_replied_to_after_what_was_before)
{
	Single s;

	s.peer->send("PING\r\n*1\r\n$-5\r\nPING\r\n");
	EXPECT_EQ(s.peer->take(), "+PONG\r\n-ERR Protocol error: invalid bulk length\r\n");
	EXPECT_TRUE(s.peer->finished);
}

TEST(resp_session, quit_finishes_and_ignores_the_rest)
{
	Single s;

	s.peer->send(command({"QUIT"}) + command({"SET", "k", "v"}));
	EXPECT_EQ(s.peer->take(), "+OK\r\n");
	EXPECT_TRUE(s.peer->finished);
	EXPECT_EQ(s.shards.connect(0)->state().waiting, 0U);
	EXPECT_EQ(s.shards.left_over(), 0U);
}

TEST(resp_session, values_around_the_sizes_that_matter_come_back)
{
	for (const size_t piece : {size_t{7}, size_t{2048}, size_t{100'000}}) {
		Single s;

		s.peer->piece = piece;
		for (const size_t middle : {0, 1024, 2033, 2048, 16342, 16384, 20474, 65536}) {
			for (size_t size = middle ? middle - 2 : 0; size < middle + 3; size++) {
				std::string value(size, 'v');

				for (size_t i = 0; i < size; i++)
					value[i] = static_cast<char>(i * 7 + size);
				ASSERT_EQ(s.ask({"SET", "k", value}), "+OK\r\n");
				ASSERT_EQ(s.ask({"GET", "k"}), bulk(value));
				ASSERT_EQ(s.ask({"ECHO", value}), bulk(value));
			}
		}
	}
}

TEST(resp_session, large_value_is_neither_copied_nor_lost_when_overwritten)
{
	Single s;
	const std::string before(1 << 20, 'b');

	s.ask({"SET", "k", before});
	s.peer->send(command({"GET", "k"}));
	EXPECT_EQ(s.peer->lent, 1U);
	s.peer->send(command({"SET", "k", "after"}));
	s.peer->send(command({"GET", "k"}));
	EXPECT_EQ(s.peer->take(), bulk(before) + "+OK\r\n" + bulk("after"));
	EXPECT_EQ(s.ask({"DEL", "k"}), ":1\r\n");
	EXPECT_EQ(s.shards.left_over(), 0U);
}

TEST(resp_session, full_stream_stops_commands_and_loses_none)
{
	Single s;
	std::string expected;

	s.ask({"SET", "k", std::string(1500, 'v')});
	for (int i = 0; i < 2000; i++) {
		s.peer->send(command({"GET", "k"}) + command({"INCR", "n"}));
		expected += bulk(std::string(1500, 'v')) + std::format(":{}\r\n", i + 1);
	}

	std::string got = s.peer->take();

	EXPECT_LT(got.size(), 100'000U);
	while (got.size() < expected.size()) {
		const size_t before = got.size();

		s.shards.turn(0);
		got += s.peer->take();
		ASSERT_GT(got.size(), before);
	}
	EXPECT_EQ(got, expected);
}

TEST(resp_session, reply_longer_than_the_stream_takes_comes_in_parts)
{
	Single s;
	Words get = {"MGET"};
	std::string expected = "*1000\r\n";
	std::string got;

	s.ask({"SET", "k", std::string(1500, 'v')});
	for (int i = 0; i < 1000; i++) {
		get.push_back("k");
		expected += bulk(std::string(1500, 'v'));
	}
	s.peer->send(command(get));
	got = s.peer->take();
	EXPECT_LT(got.size(), 100'000U);
	while (got.size() < expected.size()) {
		s.shards.turn(0);
		got += s.peer->take();
	}
	EXPECT_EQ(got, expected);
	EXPECT_FALSE(s.shards.shards[0]->session.in_request(s.peer->state()));
}

TEST(resp_session, memory_limit_is_told_as_redis_does)
{
	const std::string oom = "-OOM command not allowed when used memory > 'maxmemory'.\r\n";
	Single s(100'000);

	EXPECT_EQ(s.ask({"SET", "large", std::string(200'000, 'v')}), oom);
	EXPECT_EQ(s.ask({"SET", "small", std::string(5000, 'v')}), "+OK\r\n");
	for (int i = 0; s.ask({"SET", std::to_string(i), std::string(5000, 'v')}) == "+OK\r\n"; i++)
		ASSERT_LT(i, 20);
	EXPECT_EQ(s.ask({"GET", "small"}), bulk(std::string(5000, 'v')));
	EXPECT_EQ(s.ask({"DEL", "small"}), ":1\r\n");
	EXPECT_EQ(s.ask({"SET", "again", std::string(5000, 'v')}), "+OK\r\n");
}

TEST(resp_session, request_is_in_progress_from_its_first_byte_to_its_reply)
{
	Single s;
	Session &session = s.shards.shards[0]->session;

	EXPECT_FALSE(session.in_request(s.peer->state()));
	s.peer->send("*1\r\n$4\r\nPI");
	EXPECT_TRUE(session.in_request(s.peer->state()));
	s.peer->send("NG\r\n");
	EXPECT_FALSE(session.in_request(s.peer->state()));
}

TEST(resp_session, drain_waits_for_the_end_of_a_request)
{
	Single s;

	s.peer->send("*1\r\n$4\r\nPI");
	s.peer->drains = true;
	s.peer->send("N");
	EXPECT_FALSE(s.peer->finished);
	s.peer->send("G\r\n");
	EXPECT_EQ(s.peer->take(), "+PONG\r\n");
	EXPECT_TRUE(s.peer->finished);
}

TEST(resp_session, idle_connection_keeps_no_memory)
{
	FakeShards shards(2);
	const auto peer = shards.connect(0);

	peer->piece = 3;
	for (unsigned shard = 0; shard < 2; shard++)
		peer->send(command({"SET", shards.key_of(shard), std::string(3000, 'v')}) +
			   command({"DEL", shards.key_of(shard)}));
	shards.settle();
	EXPECT_EQ(peer->take(), "+OK\r\n:1\r\n+OK\r\n:1\r\n");
	EXPECT_EQ(shards.left_over(), 0U);
	EXPECT_LE(sizeof(RespState), 160U);
}
