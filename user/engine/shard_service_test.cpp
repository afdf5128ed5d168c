// SPDX-License-Identifier: GPL-2.0-only
/* What a shard promises to the handlers. */
#include <algorithm>
#include <array>
#include <cstring>
#include <mutex>
#include <random>

#include "engine/shard_fixture.h"

using namespace lanes;

namespace {

/* Requests: a length of four bytes and as many bytes.
 * Of large ones the bytes go to memory of the handler's.
 */
struct Filled {
	std::atomic<uint64_t> bytes{0};
};

class BulkHandler final : public Handler {
public:
	static constexpr size_t most = 1 << 20;

	BulkHandler(Host &, Filled &filled) : filled_(filled) {}

	size_t received(Stream, std::span<const std::byte> input) override
	{
		for (const std::byte byte : input) {
			if (head_ < sizeof(length_)) {
				std::memcpy(reinterpret_cast<std::byte *>(&length_) + head_++,
					    &byte, 1);
				continue;
			}
			memory_[got_++] = byte;
			next();
		}
		return input.size();
	}
	std::span<std::byte> destination(Stream) override
	{
		if (head_ < sizeof(length_) || length_ - got_ < 16384)
			return {};
		return std::span(memory_).subspan(got_, length_ - got_);
	}
	void filled(Stream, size_t length) override
	{
		got_ += length;
		filled_.bytes += length;
		next();
	}

	/* One connection. What was received as a whole. */
	static std::string all;

private:
	void next()
	{
		if (got_ < length_)
			return;
		all.append(reinterpret_cast<const char *>(memory_.data()), length_);
		head_ = got_ = length_ = 0;
	}

	Filled &filled_;
	std::vector<std::byte> memory_ = std::vector<std::byte>(most);
	uint32_t length_ = 0;
	size_t head_ = 0;
	size_t got_ = 0;
};

std::string BulkHandler::all;

/* Pauses after each byte. */
struct Pausing {
	std::mutex lock;
	std::string seen;
	Ticket ticket;
	bool paused = false;
	bool called_while_paused = false;

	size_t count()
	{
		const std::lock_guard guard(lock);

		return seen.size();
	}
};

class PausingHandler final : public Handler {
public:
	PausingHandler(Host &, Pausing &pausing) : pausing_(pausing) {}

	size_t received(Stream stream, std::span<const std::byte> input) override
	{
		const std::lock_guard guard(pausing_.lock);

		pausing_.called_while_paused |= pausing_.paused;
		pausing_.seen += static_cast<char>(input[0]);
		pausing_.ticket = stream.ticket();
		pausing_.paused = true;
		stream.pause();
		return 1;
	}

private:
	Pausing &pausing_;
};

/* A message to the next shard for each byte; its reply is the byte. */
class Mailbox {
public:
	struct Message {
		Ticket from;
		unsigned shard;
		bool reply;
	};

	/* One producer, one consumer. */
	void put(const Message &message)
	{
		ring_[tail_.load(std::memory_order_relaxed) % ring_.size()] = message;
		tail_.fetch_add(1, std::memory_order_release);
	}
	bool empty() const { return head_ == tail_.load(std::memory_order_acquire); }
	Message get() { return ring_[head_++ % ring_.size()]; }

private:
	std::array<Message, 4096> ring_;
	uint64_t head_ = 0;
	std::atomic<uint64_t> tail_{0};
};

using Mail = std::array<Mailbox, 2>;

class MailHandler final : public Handler {
public:
	MailHandler(Host &host, Mail &mail)
		: host_(host), in_(mail[host.shard()]), out_(mail[1 - host.shard()])
	{
	}

	size_t received(Stream stream, std::span<const std::byte> input) override
	{
		for (size_t i = 0; i < input.size(); i++)
			post({stream.ticket(), host_.shard(), false});
		return input.size();
	}
	bool turn(unsigned budget) override
	{
		for (unsigned n = 0; n < budget && !in_.empty(); n++) {
			Mailbox::Message message = in_.get();

			if (!message.reply) {
				message.reply = true;
				post(message);
			} else if (auto stream = host_.find(message.from)) {
				stream->write("m");
			}
		}
		return !in_.empty();
	}
	bool pending() const override { return !in_.empty(); }

private:
	void post(const Mailbox::Message &message)
	{
		out_.put(message);
		host_.wake(1 - host_.shard());
	}

	Host &host_;
	Mailbox &in_;
	Mailbox &out_;
};

class shard_service : public EachEngine {};

LANES_FOR_EACH_ENGINE(shard_service);

} // namespace

TEST_P(shard_service, large_input_goes_where_the_handler_wants_it)
{
	for (const uint32_t budget : {65536U, 4096U}) {
		SCOPED_TRACE(budget);
		Filled filled;
		TestService<BulkHandler, Filled> service(filled);
		std::string sent, payload;
		std::mt19937 random(1);

		BulkHandler::all.clear();
		for (int i = 0; i < 60; i++) {
			const uint32_t length = random() % 3 ? random() % 3000 + 1
							     : random() % BulkHandler::most + 1;
			std::string bytes(length, 0);

			for (char &c : bytes)
				c = static_cast<char>(random());
			sent.append(reinterpret_cast<const char *>(&length), sizeof(length));
			sent += bytes;
			payload += bytes;
		}

		ShardRunner server(GetParam(), service,
				   [&](ShardConfig &c) { c.budget = c.engine.budget = budget; });
		Peer peer(server.port());

		for (size_t at = 0; at < sent.size();) {
			const size_t length =
				std::min<size_t>(random() % 60'000 + 1, sent.size() - at);

			ASSERT_TRUE(peer.send(std::string_view(sent).substr(at, length)));
			at += length;
		}

		const auto received = [&] {
			return server.ask([](Shard &) { return BulkHandler::all; });
		};

		EXPECT_TRUE(eventually([&] { return received().size() == payload.size(); }));
		EXPECT_TRUE(received() == payload);
		EXPECT_GT(filled.bytes, payload.size() / 4);
	}
}

TEST_P(shard_service, paused_handler_gets_nothing_and_then_all_in_order)
{
	Pausing pausing;
	TestService<PausingHandler, Pausing> service(pausing);
	ShardRunner server(GetParam(), service);
	Peer peer(server.port());
	std::string sent = "ab";

	/* The second byte is here already while the first is paused for. */
	ASSERT_TRUE(peer.send(sent));
	for (char c = 'c'; c <= 'z'; c++) {
		ASSERT_TRUE(peer.send(std::string_view(&c, 1)));
		sent += c;
		ASSERT_TRUE(eventually([&] { return pausing.count() == 1; }));
	}
	/* A tick or two more. */
	server.connections();
	server.connections();
	EXPECT_EQ(pausing.count(), 1U);
	for (size_t n = 2; n <= sent.size(); n++) {
		server.ask([&](Shard &shard) {
			const std::unique_lock guard(pausing.lock);

			pausing.paused = false;
			shard.resume(pausing.ticket);
			return 0;
		});
		ASSERT_TRUE(eventually([&] { return pausing.count() == n; }));
	}
	EXPECT_FALSE(pausing.called_while_paused);
	EXPECT_EQ(pausing.seen, sent);
}

TEST_P(shard_service, resume_of_a_connection_that_is_gone_does_nothing)
{
	Pausing pausing;
	TestService<PausingHandler, Pausing> service(pausing);
	ShardRunner server(GetParam(), service);
	const auto first = std::make_unique<Peer>(server.port());

	ASSERT_TRUE(first->send("a"));
	ASSERT_TRUE(eventually([&] { return pausing.count() == 1; }));

	const Ticket gone = pausing.ticket;

	server.ask([&](Shard &shard) {
		shard.find(gone)->abort();
		return 0;
	});
	ASSERT_TRUE(eventually([&] { return !server.counters().connections.get(); }));
	{
		const std::lock_guard guard(pausing.lock);

		pausing.paused = false;
	}

	Peer second(server.port());

	ASSERT_TRUE(second.send("bc"));
	ASSERT_TRUE(eventually([&] { return pausing.count() == 2; }));
	ASSERT_EQ(pausing.ticket.slot, gone.slot);
	server.ask([&](Shard &shard) {
		shard.resume(gone);
		return 0;
	});
	server.connections();
	server.connections();
	EXPECT_EQ(pausing.seen, "ab");
}

TEST_P(shard_service, post_runs_all_tasks_in_order)
{
	Pausing pausing;
	TestService<PausingHandler, Pausing> service(pausing);
	ShardRunner server(GetParam(), service);

	std::vector<int> seen;

	for (int i = 0; i < 1000; i++)
		server.post([&seen, i](Shard &) { seen.push_back(i); });
	EXPECT_EQ(server.ask([&](Shard &) { return seen.size(); }), 1000U);
	EXPECT_TRUE(std::ranges::is_sorted(seen));
}

TEST_P(shard_service, no_message_between_shards_is_slept_through)
{
	Mail mail;
	TestService<MailHandler, Mail> service(mail);
	ShardRunner server(GetParam(), service, {}, 2);
	Peer here(server.port(0));
	size_t got = 0;

	/* One at a time: each finds the other shard about to sleep, for ever, as
	 * it has no connections.
	 */
	for (const auto until = Shard::Clock::now() + 500ms; Shard::Clock::now() < until;) {
		ASSERT_TRUE(here.send("x"));
		ASSERT_EQ(here.receive(1), "m");
	}
	/* And both ways at once. */
	Peer there(server.port(1));

	for (int i = 0; i < 40; i++) {
		ASSERT_TRUE(here.send(std::string(100, 'x')));
		ASSERT_TRUE(there.send(std::string(100, 'x')));
		got += here.receive(100).size() + there.receive(100).size();
	}
	EXPECT_EQ(got, 8000U);
}
