// SPDX-License-Identifier: GPL-2.0-only
/* Large values over sockets, on any number of shards. */
#include <format>
#include <random>
#include <string>
#include <thread>

#include "engine/shard_fixture.h"
#include "resp/request.h"
#include "resp/service.h"

using namespace lanes;

namespace {

constexpr size_t megabyte = 1'000'000;

class resp_large : public EachEngine {};

LANES_FOR_EACH_ENGINE(resp_large);

const std::string &bytes_of_anything()
{
	static const std::string bytes = [] {
		std::string text(10 * megabyte, 0);
		std::mt19937_64 random(1);

		for (char &c : text)
			c = static_cast<char>(random());
		return text;
	}();

	return bytes;
}

std::string key(unsigned number)
{
	return std::format("key{:05}", number);
}

std::string set(unsigned number, const std::string &value)
{
	return command({"SET", key(number), value});
}

std::string get(unsigned number)
{
	return command({"GET", key(number)});
}

} // namespace

/* Of several keys, so that most of them are other shards'. */
TEST_P(resp_large, values_are_exact_on_any_number_of_shards_and_leave_no_work)
{
	for (const unsigned shards : {1U, 2U, 4U, 8U}) {
		SCOPED_TRACE(std::format("{} shards", shards));
		RespService service(shards, shards * (size_t{64} << 20));
		ShardRunner server(GetParam(), service, {}, shards);
		Peer peer(server.port());

		for (const unsigned number : {1U, 2U, 3U}) {
			const std::string value = bytes_of_anything().substr(number * megabyte) +
						  bytes_of_anything().substr(0, number * megabyte);

			ASSERT_TRUE(peer.send(set(number, value)));
			ASSERT_EQ(peer.receive(5), "+OK\r\n");
			ASSERT_TRUE(peer.send(get(number)));
			ASSERT_TRUE(peer.receive(bulk(value).size()) == bulk(value));
		}
		for (unsigned shard = 0; shard < shards; shard++) {
			const auto used = server.cpu_time(shard);

			std::this_thread::sleep_for(100ms);
			EXPECT_LT(server.cpu_time(shard) - used, 30ms) << shard;
		}
		peer.close();
		for (unsigned shard = 0; shard < shards; shard++)
			EXPECT_TRUE(eventually([&] { return server.nothing_left(shard); }));
	}
}

/* What other shards still have of the connection comes back to nobody. */
TEST_P(resp_large, reset_at_any_point_leaves_nothing_and_no_work)
{
	constexpr unsigned shards = 2;
	constexpr unsigned keys = 8;
	RespService service(shards, size_t{256} << 20);
	ShardRunner server(GetParam(), service, small_send_buffer, shards);
	const std::string value = bytes_of_anything().substr(0, megabyte);
	std::string gets, sets;
	Peer first(server.port());

	for (unsigned number = 0; number < keys; number++) {
		gets += get(number);
		sets += set(number, value);
	}
	for (const size_t part :
	     {size_t{1}, size_t{30}, size_t{2000}, size_t{60'000}, sets.size() / 2, sets.size()}) {
		Peer peer(server.port());

		ASSERT_TRUE(peer.send(std::string_view(sets).substr(0, part)));
		peer.reset();
	}
	ASSERT_TRUE(first.send(sets));
	for (unsigned number = 0; number < keys; number++)
		ASSERT_EQ(first.receive(5), "+OK\r\n");
	for (const size_t part : {size_t{0}, size_t{1}, size_t{100'000}, 2 * megabyte}) {
		Peer peer(server.port(), 4096), ended(server.port(), 4096);

		ASSERT_TRUE(peer.send(gets));
		ASSERT_TRUE(ended.send(gets));
		ASSERT_EQ(peer.receive(part).size(), part);
		ended.finish();
		peer.reset();
		ended.reset();
	}
	first.reset();
	for (unsigned shard = 0; shard < shards; shard++) {
		EXPECT_TRUE(eventually([&] { return server.nothing_left(shard); }));

		const auto used = server.cpu_time(shard);

		std::this_thread::sleep_for(200ms);
		EXPECT_LT(server.cpu_time(shard) - used, 50ms);
	}
}
