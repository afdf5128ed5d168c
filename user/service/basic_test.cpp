// SPDX-License-Identifier: GPL-2.0-only
#include "service/basic.h"

#include <utility>

#include "engine/shard_fixture.h"

using namespace lanes;

namespace {

/* RFC 864's example: line @n has 72 characters, from the @n-th printable one on. */
std::string chargen_line(size_t n)
{
	std::string line;

	for (size_t i = 0; i < 72; i++)
		line += static_cast<char>(0x20 + (n + i) % 95);
	return line + "\r\n";
}

class basic : public EachEngine {};

LANES_FOR_EACH_ENGINE(basic);

} // namespace

TEST_P(basic, chargen_sends_the_pattern)
{
	const auto service = make_chargen();
	ShardRunner server(GetParam(), *service);
	Peer peer(server.port());
	std::string expected;

	for (size_t n = 0; n < 10'000; n++)
		expected += chargen_line(n);
	EXPECT_TRUE(peer.receive(expected.size()) == expected);
	peer.close();
	EXPECT_TRUE(eventually([&] { return server.nothing_left(); }));
}

TEST_P(basic, chargen_rests_while_its_reader_does)
{
	const auto service = make_chargen();
	ShardRunner server(GetParam(), *service);
	Peer peer(server.port());
	uint64_t sent = 0;

	ASSERT_EQ(peer.receive(1000).size(), 1000U);
	ASSERT_TRUE(eventually([&] {
		const uint64_t before = std::exchange(sent, server.counters().bytes_out.get());

		std::this_thread::sleep_for(300ms);
		return sent && sent == before;
	}));

	const auto used = server.cpu_time();

	std::this_thread::sleep_for(200ms);
	EXPECT_EQ(server.counters().bytes_out.get(), sent);
	EXPECT_LT(server.cpu_time() - used, 30ms);
	EXPECT_EQ(peer.receive(sent + 1'000'000).size(), sent + 1'000'000);
}

TEST_P(basic, chargen_ends_when_the_server_drains)
{
	const auto service = make_chargen();
	ShardRunner server(GetParam(), *service);
	Peer peer(server.port());

	ASSERT_EQ(peer.receive(1000).size(), 1000U);
	server.drain(5s);
	EXPECT_TRUE(peer.ended(1s));
}

TEST_P(basic, discard_takes_all_and_says_nothing)
{
	const auto service = make_discard();
	ShardRunner server(GetParam(), *service);
	Peer peer(server.port());

	ASSERT_TRUE(peer.send(std::string(3'000'000, 'd')));
	EXPECT_TRUE(eventually([&] { return server.counters().bytes_in.get() == 3'000'000; }));
	EXPECT_FALSE(peer.readable(20ms));
	peer.finish();
	EXPECT_TRUE(peer.ended_cleanly());
	EXPECT_EQ(server.counters().bytes_out.get(), 0U);
	EXPECT_TRUE(eventually([&] { return server.nothing_left(); }));
}
