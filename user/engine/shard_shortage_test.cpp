// SPDX-License-Identifier: GPL-2.0-only
/* What a shard owes to its connections when what they need runs short. */
#include <algorithm>
#include <format>
#include <mutex>
#include <string>

#include "engine/no_descriptors.h"
#include "engine/shard_fixture.h"

using namespace lanes;

namespace {

/* Whether @peer gets its byte back soon. */
testing::AssertionResult answered(Peer &peer, milliseconds limit = 2s)
{
	if (!peer.send("p"))
		return testing::AssertionFailure() << "not sent";
	if (peer.receive(1, limit) != "p")
		return testing::AssertionFailure() << "no answer";
	return testing::AssertionSuccess();
}

/* Keeps what it receives first, paused, until it is resumed. */
struct Held {
	std::mutex lock;
	std::vector<Ticket> tickets;
	std::string order;

	size_t count()
	{
		const std::lock_guard guard(lock);

		return tickets.size();
	}
};

class HoldingHandler final : public Handler {
public:
	HoldingHandler(Host &, Held &held) : held_(held) {}

	size_t received(Stream stream, std::span<const std::byte> input) override
	{
		const std::lock_guard guard(held_.lock);
		const auto same = [&](const Ticket &t) { return t.slot == stream.ticket().slot; };

		if (std::ranges::any_of(held_.tickets, same))
			return input.size();
		held_.tickets.push_back(stream.ticket());
		held_.order += static_cast<char>(input[0]);
		stream.pause();
		return 0;
	}

private:
	Held &held_;
};

} // namespace

TEST_P(shard, peer_that_never_reads_holds_a_bounded_queue_and_delays_nobody)
{
	for (const uint32_t buffers : {1024U, 8U}) {
		SCOPED_TRACE(std::format("{} buffers", buffers));
		ShardRunner server(GetParam(), *echo, [&](ShardConfig &c) {
			c.buffers = buffers;
			c.output_high = 65536;
			c.output_low = 16384;
			small_send_buffer(c);
		});
		Peer silent(server.port(), 4096);

		stuff(silent);

		const auto reports = server.connections();

		ASSERT_EQ(reports.size(), 1U);
		/* And what was on its way when the shard said stop. */
		EXPECT_LE(reports[0].queued, 65536U + 3 * 65536);
		for (int i = 0; i < 20; i++) {
			Peer other(server.port());

			ASSERT_TRUE(answered(other));
		}
	}
}

/* Each byte may cost a whole buffer, however short the queue is. */
TEST_P(shard, peer_that_never_reads_single_bytes_leaves_buffers_to_others)
{
	ShardRunner server(GetParam(), *echo, [](ShardConfig &c) {
		c.buffers = 16;
		small_send_buffer(c);
	});
	Peer silent(server.port(), 4096);
	const Counter &received = server.counters().bytes_in;
	uint64_t sent = 0;

	/* Until the socket is full and the queue just not empty. */
	do {
		ASSERT_LT(sent, 1U << 22);
		ASSERT_TRUE(silent.send(std::string(512, 's')));
		sent += 512;
		ASSERT_TRUE(eventually([&] { return received.get() == sent; }));
		std::this_thread::sleep_for(1ms);
	} while (!server.connections()[0].queued);
	for (int i = 0; i < 64; i++) {
		silent.send_some("b");
		eventually([&] { return received.get() == sent + 1; }, 2ms);
		sent = received.get();
	}
	for (int i = 0; i < 20; i++) {
		Peer other(server.port());

		ASSERT_TRUE(answered(other));
	}
}

/* A receive that is armed for many must be ended, or it goes on; or the ring has
 * no more buffers than it should.
 */
TEST_P(shard, paused_peer_that_goes_on_sending_leaves_buffers_to_others)
{
	constexpr uint32_t buffers = 1024;
	Held held;
	TestService<HoldingHandler, Held> service(held);
	ShardRunner server(GetParam(), service, [](ShardConfig &c) {
		c.buffers = buffers;
		c.engine.budget = 1 << 30;
	});
	const uint32_t size = server.ask([](Shard &on) { return on.memory().buffers.size(); });
	Peer greedy(server.port());

	stuff(greedy);

	const auto reports = server.connections();

	ASSERT_EQ(reports.size(), 1U);
	EXPECT_LE(reports[0].bytes_in, uint64_t{buffers} * size / 4);
}

TEST_P(shard, who_waits_for_buffers_is_served_in_the_order_of_waiting)
{
	Held held;
	TestService<HoldingHandler, Held> service(held);
	ShardRunner server(GetParam(), service, [](ShardConfig &c) { c.buffers = 4; });
	std::vector<Peer> peers;
	std::string expected;
	char name = 'A';

	const uint32_t size = server.ask([](Shard &on) { return on.memory().buffers.size(); });
	const auto waiting = [&] {
		const auto reports = server.connections();

		return static_cast<size_t>(
			std::ranges::count_if(reports, [](const auto &r) { return r.parked; }));
	};

	/* Until all buffers are held and four wait, each one's place known. */
	for (size_t seen = 0; waiting() < 4; seen++) {
		ASSERT_LT(seen, 32U);
		peers.emplace_back(server.port());
		expected += name;
		ASSERT_TRUE(peers.back().send(std::string(size, name)));
		ASSERT_TRUE(eventually([&] { return held.count() + waiting() > seen; }));
		name++;
	}
	/* One lets go, one gets its buffer. */
	for (size_t i = 0; i < 4; i++) {
		const size_t before = held.count();

		server.ask([&](Shard &on) {
			on.resume(held.tickets[i]);
			return 0;
		});
		EXPECT_TRUE(eventually([&] { return held.count() == before + 1; }));
	}
	EXPECT_EQ(held.order, expected);
	EXPECT_EQ(server.counters().connections.get(), peers.size());
	EXPECT_GE(server.counters().parked.get(), 4U);
}

TEST_P(shard, more_than_the_most_connections_wait_in_the_accept_queue)
{
	ShardRunner server(GetParam(), *echo, [](ShardConfig &c) { c.limits.connections_max = 4; });
	std::vector<Peer> first, later;

	for (int i = 0; i < 4; i++) {
		first.emplace_back(server.port());
		EXPECT_TRUE(answered(first.back()));
	}
	for (int i = 0; i < 4; i++) {
		later.emplace_back(server.port());
		EXPECT_TRUE(later.back().send("p"));
	}
	EXPECT_FALSE(later[0].readable(100ms));
	EXPECT_EQ(server.counters().connections.get(), 4U);
	first.clear();
	for (Peer &peer : later)
		EXPECT_EQ(peer.receive(1), "p");
}

TEST_P(shard, one_without_room_leaves_no_connection_that_only_it_was_woken_for)
{
	int listener = -1;
	ShardRunner server(
		GetParam(), *echo,
		[&](ShardConfig &c) {
			if (c.index == 0)
				listener = c.listeners[0].fd;
			else
				c.listeners[0].fd = listener;
		},
		2);
	std::vector<Peer> peers;

	/* Who arms first is woken first: not the second shard. */
	for (uint32_t most : {0, 100})
		server.ask(
			[most](Shard &on) {
				on.set_limits({.connections_max = most});
				return 0;
			},
			1);
	/* The first one's accept is stopped with the wake-ups still to be seen. */
	server.ask([&](Shard &on) {
		for (int i = 0; i < 10; i++) {
			peers.emplace_back(server.port());
			EXPECT_TRUE(peers.back().send("p"));
		}
		on.set_limits({.connections_max = 0});
		return 0;
	});
	for (Peer &peer : peers)
		ASSERT_EQ(peer.receive(1), "p");
}

TEST_P(shard, want_of_descriptors_only_delays)
{
	Features with = host_features();

	/* Which needs no descriptors. */
	with.disable(Feature::direct);

	/* Accept may have seen the limit when it was armed: it is not yet. */
	ShardRunner server(GetParam(), *echo, [&](ShardConfig &c) {
		c.limits.connections_max = 1;
		c.engine.features = &with;
	});
	Peer first(server.port());

	ASSERT_TRUE(answered(first));

	/* Accept takes a descriptor before it looks for a connection, so while it is
	 * armed nobody else can count on one.
	 */
	Peer later(server.port());

	EXPECT_TRUE(later.send("p"));
	{
		const NoDescriptors none;
		const auto used = server.cpu_time();

		server.ask([](Shard &on) {
			on.set_limits({.connections_max = 100});
			return 0;
		});
		EXPECT_FALSE(later.readable(300ms));
		EXPECT_LT(server.cpu_time() - used, 30ms);
		EXPECT_GT(server.counters().accept_failed.get(), 0U);
		EXPECT_TRUE(answered(first));
	}
	EXPECT_EQ(later.receive(1), "p");
}
