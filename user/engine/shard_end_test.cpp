// SPDX-License-Identifier: GPL-2.0-only
/* How and when connections end. */
#include <format>

#include "engine/shard_fixture.h"
#include "service/basic.h"

using namespace lanes;

namespace {

using Clock = std::chrono::steady_clock;

struct Nothing {};

/* A line is a request and gets "ok"; "bye" gets a long reply, and the end. */
class LineHandler final : public Handler {
public:
	LineHandler(Host &, Nothing &) {}

	size_t state_size() const override { return sizeof(State); }
	size_t received(Stream stream, std::span<const std::byte> input) override
	{
		State &state = stream.state<State>();

		for (size_t i = 0; i < input.size(); i++) {
			const auto c = static_cast<char>(input[i]);

			if (!state.partial)
				state.first = c;
			state.partial = c != '\n';
			if (state.partial)
				continue;
			if (state.first == 'b') {
				stream.write_constant(long_reply);
				stream.finish();
				return i + 1;
			}
			stream.write("ok\n");
			if (stream.draining())
				stream.finish();
		}
		return input.size();
	}
	bool in_request(Stream stream) override { return stream.state<State>().partial; }

	static const std::string long_reply;

private:
	struct State {
		bool partial;
		char first;
	};
};

const std::string LineHandler::long_reply(1'000'000, 'r');

class shard_end : public EachEngine {
protected:
	std::unique_ptr<Service> echo = make_echo();
	Nothing nothing;
	TestService<LineHandler, Nothing> lines{nothing};
};

LANES_FOR_EACH_ENGINE(shard_end);

/* Reads a little each 20 ms until the end or @time has passed; whether it ended. */
bool sips(Peer &peer, milliseconds time)
{
	const auto until = Clock::now() + time;

	while (Clock::now() < until) {
		std::this_thread::sleep_for(20ms);
		if (peer.receive(2000, 1ms).empty() && peer.ended(1ms))
			return true;
	}
	return false;
}

} // namespace

TEST_P(shard_end, finished_reply_arrives_though_input_is_left_unread)
{
	ShardRunner server(GetParam(), lines);
	Peer peer(server.port());

	ASSERT_TRUE(peer.send("bye\n"));
	ASSERT_TRUE(peer.send(std::string(500'000, 'x')));
	EXPECT_EQ(peer.receive(LineHandler::long_reply.size()), LineHandler::long_reply);
	EXPECT_TRUE(peer.ended_cleanly());
	peer.close();
	EXPECT_TRUE(eventually([&] { return server.nothing_left(); }));
}

TEST_P(shard_end, half_close_gets_all_of_the_echo_then_the_end)
{
	for (const size_t size : {1U, 2048U, 1'000'000U}) {
		ShardRunner server(GetParam(), *echo, small_send_buffer);
		Peer peer(server.port());
		const std::string bytes(size, 'h');
		std::thread sender([&] {
			EXPECT_TRUE(peer.send(bytes));
			peer.finish();
		});

		EXPECT_EQ(peer.receive(size), bytes);
		sender.join();
		EXPECT_TRUE(peer.ended_cleanly());
		EXPECT_TRUE(eventually([&] { return server.nothing_left(); }));
	}
}

TEST_P(shard_end, reset_at_any_point_leaves_nothing_and_no_work)
{
	ShardRunner server(GetParam(), *echo, [](ShardConfig &c) {
		small_send_buffer(c);
		c.budget = 8192;
	});

	for (int i = 0; i < 5; i++) {
		Peer(server.port()).reset();

		Peer pending(server.port());

		EXPECT_TRUE(pending.send(std::string(1000, 'p')));
		pending.reset();

		Peer answered(server.port());

		EXPECT_TRUE(answered.send("a"));
		EXPECT_EQ(answered.receive(1), "a");
		answered.reset();

		Peer ended(server.port());

		ended.finish();
		ended.reset();
	}
	/* While the shard cannot send, with input it did not take. */
	Peer blocked(server.port(), 4096);

	stuff(blocked);
	blocked.reset();

	Peer blocked_and_ended(server.port(), 4096);

	for (size_t n = 1; n;)
		n = blocked_and_ended.send_some(std::string(4096, 'e'));
	blocked_and_ended.finish();
	blocked_and_ended.reset();

	/* Closed with bytes unread: the system resets. */
	Peer unread(server.port());

	EXPECT_TRUE(unread.send(std::string(100'000, 'u')));
	unread.readable(patience);
	unread.close();
	EXPECT_TRUE(eventually([&] { return server.nothing_left(); }));

	const auto used = server.cpu_time();

	std::this_thread::sleep_for(300ms);
	EXPECT_LT(server.cpu_time() - used, 50ms);
}

TEST_P(shard_end, idle_connection_is_closed_and_a_busy_one_is_not)
{
	ShardRunner server(GetParam(), lines,
			   [](ShardConfig &c) { c.limits.idle_timeout_ms = 300; });
	Peer idle(server.port()), busy(server.port());
	const auto begin = Clock::now();

	while (!idle.ended(1ms) && Clock::now() - begin < patience) {
		ASSERT_TRUE(busy.send("x\n"));
		ASSERT_EQ(busy.receive(3), "ok\n");
		std::this_thread::sleep_for(20ms);
	}
	EXPECT_GE(Clock::now() - begin, 300ms);
	EXPECT_LT(Clock::now() - begin, 3s);
	EXPECT_EQ(server.counters().closed_idle.get(), 1U);
	EXPECT_TRUE(busy.send("x\n"));
	EXPECT_EQ(busy.receive(3), "ok\n");
}

TEST_P(shard_end, request_without_end_is_closed_and_a_long_upload_is_not)
{
	ShardRunner server(GetParam(), lines,
			   [](ShardConfig &c) { c.limits.request_timeout_ms = 200; });
	Peer slow(server.port()), upload(server.port()), between(server.port());
	const auto begin = Clock::now();

	ASSERT_TRUE(slow.send("x"));
	ASSERT_TRUE(between.send("x\n"));
	while (!slow.ended(1ms) && Clock::now() - begin < patience) {
		/* Of the least rate the double. */
		ASSERT_TRUE(upload.send(std::string(640, 'x')));
		slow.send("x");
		std::this_thread::sleep_for(18ms);
	}
	EXPECT_GE(Clock::now() - begin, 200ms);
	EXPECT_LT(Clock::now() - begin, 3s);
	EXPECT_EQ(server.counters().closed_request.get(), 1U);
	EXPECT_TRUE(upload.send("\n"));
	EXPECT_EQ(upload.receive(3), "ok\n");
	EXPECT_TRUE(between.send("x\n"));
	EXPECT_EQ(between.receive(6), "ok\nok\n");
}

/* Its beginning may lie in the very millisecond of a sweep. */
TEST(shard_end_sweep, request_that_just_began_is_not_closed)
{
	Nothing nothing;
	TestService<LineHandler, Nothing> lines{nothing};
	ShardRunner server(EngineKind::epoll, lines);
	Peer peer(server.port());
	const auto until = Clock::now() + 1100ms;

	while (Clock::now() < until) {
		ASSERT_TRUE(peer.send("x\nx"));
		ASSERT_EQ(peer.receive(3), "ok\n");
		ASSERT_TRUE(peer.send("\n"));
		ASSERT_EQ(peer.receive(3), "ok\n");
	}
	EXPECT_EQ(server.counters().closed_request.get(), 0U);
}

TEST_P(shard_end, peer_that_takes_nothing_is_closed_and_one_that_sips_is_not)
{
	ShardRunner server(GetParam(), *echo, [](ShardConfig &c) {
		small_send_buffer(c);
		c.limits.slow_timeout_ms = 400;
		c.limits.stall_timeout_ms = 0;
	});
	Peer silent(server.port(), 4096), sipping(server.port(), 4096);

	stuff(sipping, 4096);
	std::thread reader([&] { EXPECT_FALSE(sips(sipping, 1200ms)); });
	stuff(silent, 4096);
	EXPECT_TRUE(eventually([&] { return server.counters().closed_slow.get() == 1; }, 2s));
	reader.join();
	EXPECT_EQ(server.counters().closed_slow.get(), 1U);
	EXPECT_EQ(server.counters().connections.get(), 1U);
}

/* The stuck peers have all buffers between them. */
TEST_P(shard_end, stalled_peer_is_closed_only_while_others_wait)
{
	ShardRunner server(GetParam(), *echo, [](ShardConfig &c) {
		small_send_buffer(c);
		c.buffers = 4;
		c.limits.stall_timeout_ms = 200;
	});
	std::vector<Peer> silent;

	silent.emplace_back(server.port(), 4096);
	stuff(silent.back());
	std::this_thread::sleep_for(600ms);
	ASSERT_EQ(server.counters().closed_stalled.get(), 0U);
	ASSERT_FALSE(server.connections()[0].parked);
	for (int i = 0; i < 32 && !server.counters().closed_stalled.get(); i++) {
		silent.emplace_back(server.port(), 4096);
		stuff(silent.back());
	}

	Peer other(server.port());

	EXPECT_TRUE(other.send("p"));
	EXPECT_EQ(other.receive(1), "p");
	EXPECT_GT(server.counters().closed_stalled.get(), 0U);
}

TEST(shard_end_linger, peer_that_never_ends_is_cut)
{
	Nothing nothing;
	TestService<LineHandler, Nothing> lines{nothing};
	std::vector<std::unique_ptr<ShardRunner>> servers;
	std::vector<Peer> peers;

	for (size_t kind = 0; kind < engine_names.size(); kind++) {
		const auto wanted = static_cast<EngineKind>(kind);

		if (choose_engine(wanted, host_features()).kind != wanted)
			continue;
		servers.push_back(std::make_unique<ShardRunner>(wanted, lines));
		peers.emplace_back(servers.back()->port());
		ASSERT_TRUE(peers.back().send("bye\n"));
		ASSERT_TRUE(peers.back().ended());
	}
	const auto begin = Clock::now();

	for (const auto &server : servers)
		EXPECT_EQ(server->counters().connections.get(), 1U);
	for (const auto &server : servers)
		EXPECT_TRUE(eventually([&] { return server->nothing_left(); }));
	EXPECT_GE(Clock::now() - begin, 1800ms);
	EXPECT_LT(Clock::now() - begin, 4s);
}

TEST_P(shard_end, drain_ends_idle_connections_and_serves_requests_to_their_end)
{
	ShardRunner server(GetParam(), lines);
	Peer idle(server.port()), in_request(server.port());

	ASSERT_TRUE(idle.send("x\n"));
	ASSERT_EQ(idle.receive(3), "ok\n");
	ASSERT_TRUE(in_request.send("x"));
	ASSERT_TRUE(eventually([&] { return server.counters().bytes_in.get() == 3; }));

	const auto begin = Clock::now();

	server.drain(5s);
	EXPECT_TRUE(idle.ended_cleanly(1s));
	idle.close();
	EXPECT_FALSE(in_request.readable(300ms));
	EXPECT_TRUE(in_request.send("x\n"));
	EXPECT_EQ(in_request.receive(3), "ok\n");
	EXPECT_TRUE(in_request.ended_cleanly(1s));
	in_request.close();
	EXPECT_TRUE(eventually([&] { return server.returned(); }));
	EXPECT_LT(Clock::now() - begin, 3s);
}

/* Who comes while the shard is busy, before it is told to drain. */
void serves_all(ShardRunner &server, std::optional<Shard::Clock::time_point> accept_until)
{
	std::vector<Peer> peers;

	server.ask([&](Shard &shard) {
		for (int i = 0; i < 100; i++) {
			peers.emplace_back(server.port());
			EXPECT_TRUE(peers.back().send("x\n"));
		}
		shard.drain(Shard::Clock::now() + 5s, accept_until);
		return 0;
	});
	for (Peer &peer : peers)
		ASSERT_EQ(peer.receive(3), "ok\n");
	peers.clear();
	EXPECT_TRUE(eventually([&] { return server.returned(); }, 2s));
}

TEST_P(shard_end, drain_serves_who_waits_in_the_accept_queue)
{
	ShardRunner server(GetParam(), lines);

	serves_all(server, Shard::Clock::now());
}

TEST_P(shard_end, drain_serves_who_waits_for_room)
{
	ShardRunner server(GetParam(), lines, [](ShardConfig &c) { c.limits.connections_max = 1; });
	Peer first(server.port());

	ASSERT_TRUE(first.send("x"));
	ASSERT_TRUE(eventually([&] { return server.counters().bytes_in.get() == 1; }));

	Peer second(server.port());

	ASSERT_TRUE(second.send("x\n"));
	server.drain(5s);
	EXPECT_FALSE(second.readable(100ms));
	EXPECT_TRUE(first.send("x\n"));
	EXPECT_EQ(first.receive(3), "ok\n");
	first.close();
	EXPECT_EQ(second.receive(3), "ok\n");
}

TEST_P(shard_end, drain_leaves_the_queue_to_others_that_have_it)
{
	ShardRunner server(GetParam(), lines, [](ShardConfig &c) { c.limits.connections_max = 1; });
	Peer first(server.port());

	ASSERT_TRUE(first.send("x"));
	ASSERT_TRUE(eventually([&] { return server.counters().bytes_in.get() == 1; }));

	Peer second(server.port());

	server.post([](Shard &shard) { shard.drain(Shard::Clock::now() + 5s, std::nullopt); });
	EXPECT_TRUE(first.send("x\n"));
	EXPECT_EQ(first.receive(3), "ok\n");
	first.close();
	EXPECT_TRUE(eventually([&] { return server.returned(); }, 3s));
	EXPECT_EQ(server.counters().accepted.get(), 1U);
}

TEST_P(shard_end, drain_takes_along_what_only_it_was_woken_for)
{
	ShardRunner server(GetParam(), lines);

	serves_all(server, std::nullopt);
}

TEST_P(shard_end, drain_cuts_who_is_stuck_at_its_deadline)
{
	ShardRunner server(GetParam(), *echo, small_send_buffer);
	Peer stuck(server.port(), 4096);

	stuff(stuck);

	const auto begin = Clock::now();

	server.drain(300ms);
	EXPECT_TRUE(eventually([&] { return server.returned(); }));
	EXPECT_GE(Clock::now() - begin, 290ms);
	EXPECT_LT(Clock::now() - begin, 1s);
	EXPECT_EQ(server.counters().connections.get(), 0U);
}
