// SPDX-License-Identifier: GPL-2.0-only
/* What every engine promises to its shard, on loopback sockets. */
#include "engine/engine.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <functional>
#include <map>
#include <thread>

#include <cstring>

#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sched.h>
#include <sys/resource.h>
#include <sys/socket.h>

#include "common/fd.h"
#include "engine/factory.h"
#include "engine/ring.h"

using namespace lanes;
using namespace std::chrono_literals;

namespace {

const Features &features()
{
	static const Features found = Features::probe();

	return found;
}

std::string pattern(size_t length, unsigned seed = 0)
{
	std::string text(length, 0);

	for (size_t i = 0; i < length; i++)
		text[i] = static_cast<char>((i * 7 + i / 251 + seed * 31) & 0xff);
	return text;
}

/* Notes down what an engine tells. */
struct Recorder : EngineEvents {
	struct Of {
		std::string input;
		size_t pieces = 0;
		std::vector<size_t> filled;
		std::vector<int> ends;
		std::vector<ssize_t> sent;
		unsigned closed = 0;
	};

	Recorder(Connections &all, Memory &of_all) : connections(all), memory(of_all) {}

	void accepted(uint32_t listener, int fd) override
	{
		const uint32_t slot = connections.take(fd);

		listeners.push_back(listener);
		ASSERT_NE(slot, Connection::none);
		slots.push_back(slot);
	}
	void accept_ended(uint32_t listener, int error) override
	{
		accept_ends.emplace_back(listener, error);
	}
	void received(uint32_t slot, const Segment &segment) override
	{
		ASSERT_EQ(segment.owner, Segment::Owner::buffer);
		ASSERT_GT(segment.length, 0U);
		of[slot].input.append(reinterpret_cast<const char *>(segment.data), segment.length);
		of[slot].pieces++;
		if (hold)
			held.push_back(segment.id);
		else
			memory.buffers.release(segment.id);
		if (on_received)
			on_received(slot);
	}
	void filled(uint32_t slot, size_t length) override { of[slot].filled.push_back(length); }
	void receive_ended(uint32_t slot, int error) override { of[slot].ends.push_back(error); }
	void sent(uint32_t slot, ssize_t result) override { of[slot].sent.push_back(result); }
	void closed(uint32_t slot) override
	{
		of[slot].closed++;
		connections.release(slot);
	}

	Connections &connections;
	Memory &memory;
	std::vector<uint32_t> listeners;
	std::vector<uint32_t> slots;
	std::vector<std::pair<uint32_t, int>> accept_ends;
	std::map<uint32_t, Of> of;
	bool hold = false;
	std::vector<uint32_t> held;
	std::function<void(uint32_t)> on_received;
};

Fd listening_socket(int flags = 0)
{
	Fd fd(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | flags, 0));
	sockaddr_in address{};

	address.sin_family = AF_INET;
	address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	EXPECT_EQ(bind(fd.get(), reinterpret_cast<sockaddr *>(&address), sizeof(address)), 0);
	EXPECT_EQ(listen(fd.get(), 1024), 0);
	return fd;
}

Fd connect_to(const Fd &listener)
{
	Fd fd(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
	sockaddr_in address{};
	socklen_t length = sizeof(address);
	const int one = 1;

	getsockname(listener.get(), reinterpret_cast<sockaddr *>(&address), &length);
	EXPECT_EQ(connect(fd.get(), reinterpret_cast<sockaddr *>(&address), length), 0);
	setsockopt(fd.get(), IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
	return fd;
}

void put(const Fd &fd, std::string_view text)
{
	ASSERT_EQ(send(fd.get(), text.data(), text.size(), MSG_NOSIGNAL),
		  static_cast<ssize_t>(text.size()));
}

/* What the client can read now. */
std::string get(const Fd &fd)
{
	std::string text;
	char part[65536];

	for (ssize_t n; (n = recv(fd.get(), part, sizeof(part), MSG_DONTWAIT)) > 0;)
		text.append(part, static_cast<size_t>(n));
	return text;
}

/* Takes little that nobody reads. */
void narrow(const Fd &fd)
{
	const int room = 65536;

	setsockopt(fd.get(), SOL_SOCKET, SO_RCVBUF, &room, sizeof(room));
}

bool at_end(const Fd &fd)
{
	char byte;

	return recv(fd.get(), &byte, 1, MSG_DONTWAIT) == 0;
}

iovec part_of(std::string &text)
{
	return {text.data(), text.size()};
}

class Rig {
public:
	static constexpr auto patience = 20s;

	explicit Rig(EngineKind kind, uint32_t buffers = 256, uint32_t zero_copy_min = 0,
		     const Features &with = features(), uint32_t poll_idle_us = 1000)
		: connections(1024), threads(nullptr, [](SendThreads *) {})
	{
		config.kind = kind;
		config.features = &with;
		config.connections_max = connections.capacity();
		config.zero_copy_min = zero_copy_min;
		config.poll_idle_us = poll_idle_us;
		if (kind == EngineKind::uring_sqpoll)
			threads = make_send_threads(2);
		config.send_threads = threads.get();
		memory.emplace(engine_memory(config, buffers));
		events.emplace(connections, *memory);
		engine = make_engine(config, connections, *memory, *events, counters);
	}

	/* Until @done, or until it takes too long. */
	template <typename Done> bool until(Done &&done)
	{
		const auto give_up = std::chrono::steady_clock::now() + patience;

		while (!done()) {
			if (std::chrono::steady_clock::now() > give_up)
				return false;
			engine->poll(20ms);
		}
		return true;
	}
	void settle(std::chrono::milliseconds time = 30ms)
	{
		const auto end = std::chrono::steady_clock::now() + time;

		while (std::chrono::steady_clock::now() < end)
			engine->poll(5ms);
	}

	Connection &at(uint32_t slot) { return connections[slot]; }
	Recorder::Of &of(uint32_t slot) { return events->of[slot]; }

	/* As a shard does: until all of @parts is sent, or it fails. */
	ssize_t send_all(uint32_t slot, std::vector<iovec> parts,
			 const std::function<void()> &meanwhile = {})
	{
		ssize_t total = 0;

		while (!parts.empty()) {
			const size_t reports = of(slot).sent.size();
			ssize_t result = engine->send(slot, parts);

			if (result == Engine::pending) {
				EXPECT_TRUE(at(slot).sending);
				if (!until([&] {
					    if (meanwhile)
						    meanwhile();
					    return of(slot).sent.size() > reports;
				    }))
					return -ETIME;
				EXPECT_FALSE(at(slot).sending);
				result = of(slot).sent.back();
			}
			if (meanwhile)
				meanwhile();
			if (result < 0)
				return result;
			total += result;
			for (auto rest = static_cast<size_t>(result); rest;) {
				const size_t n = std::min(rest, parts[0].iov_len);

				parts[0].iov_base = static_cast<char *>(parts[0].iov_base) + n;
				parts[0].iov_len -= n;
				rest -= n;
				if (!parts[0].iov_len)
					parts.erase(parts.begin());
			}
		}
		return total;
	}

	/* Sends until the peer takes no more: a send is in flight, and nothing
	 * else. The bytes stay.
	 */
	void clog(uint32_t slot)
	{
		static std::string text(16'000'000, 'x');
		size_t done = 0;

		while (!at(slot).sending && done < text.size()) {
			const std::array<iovec, 1> parts = {
				iovec{text.data() + done, text.size() - done}};
			ssize_t result = engine->send(slot, parts);

			if (result == Engine::pending) {
				settle();
				if (at(slot).sending)
					break;
				result = of(slot).sent.back();
			}
			ASSERT_GE(result, 0);
			done += static_cast<size_t>(result);
		}
		ASSERT_TRUE(at(slot).sending);
		of(slot).sent.clear();
	}

	/* Receives again whenever a receive is over. */
	bool receive_all(uint32_t slot, size_t length)
	{
		return until([&] {
			if (of(slot).input.size() >= length)
				return true;
			if (!at(slot).receiving)
				engine->receive(slot);
			return false;
		});
	}

	/* Ends all, and then no buffer may be missing. */
	void finish()
	{
		for (const uint32_t slot : events->slots) {
			if (!at(slot).open() || of(slot).closed)
				continue;
			engine->shutdown(slot, SHUT_RDWR);
			EXPECT_TRUE(
				until([&] { return !at(slot).receiving && !at(slot).sending; }));
			engine->close(slot);
			EXPECT_TRUE(until([&] { return of(slot).closed; }));
		}
		EXPECT_EQ(connections.active(), 0U);
		EXPECT_EQ(memory->buffers.available() + counters.buffers_offered.get() +
				  events->held.size(),
			  memory->buffers.count());
	}

	EngineConfig config;
	Connections connections;
	Counters counters;
	std::optional<Memory> memory;
	std::optional<Recorder> events;
	std::unique_ptr<SendThreads, void (*)(SendThreads *)> threads;
	std::unique_ptr<Engine> engine;
};

class EngineTest : public testing::TestWithParam<EngineKind> {
protected:
	/* A connection: the client's end, and its slot. */
	std::pair<Fd, uint32_t> connected(Rig &rig)
	{
		const size_t before = rig.events->slots.size();

		if (!listener_) {
			listener_ = listening_socket();
			rig.engine->accept(0, listener_.get());
		}

		Fd client = connect_to(listener_);

		EXPECT_TRUE(rig.until([&] { return rig.events->slots.size() > before; }));
		return {std::move(client), rig.events->slots.back()};
	}

	Fd listener_;
};

} // namespace

INSTANTIATE_TEST_SUITE_P(engine, EngineTest,
			 testing::Values(EngineKind::uring, EngineKind::uring_sqpoll,
					 EngineKind::uring_hybrid, EngineKind::epoll),
			 [](const auto &of) {
				 std::string name(engine_names[static_cast<size_t>(of.param)]);

				 std::ranges::replace(name, '-', '_');
				 return name;
			 });

TEST_P(EngineTest, accepts_from_each_listener)
{
	Rig rig(GetParam());
	const Fd first = listening_socket(), second = listening_socket();
	std::vector<Fd> clients;

	rig.engine->accept(3, first.get());
	rig.engine->accept(5, second.get());
	for (int n = 0; n < 20; n++) {
		clients.push_back(connect_to(first));
		clients.push_back(connect_to(second));
	}
	EXPECT_TRUE(rig.until([&] { return rig.events->slots.size() == 40; }));
	EXPECT_EQ(std::ranges::count(rig.events->listeners, 3U), 20);
	EXPECT_EQ(std::ranges::count(rig.events->listeners, 5U), 20);
	EXPECT_TRUE(rig.events->accept_ends.empty());
	rig.finish();
}

TEST_P(EngineTest, waits_at_a_listener_that_does_not_block)
{
	Rig rig(GetParam());
	const Fd listener = listening_socket(SOCK_NONBLOCK);
	std::vector<Fd> clients;

	rig.engine->accept(0, listener.get());
	for (size_t n = 1; n <= 3; n++) {
		const uint64_t before = rig.counters.cqes.get();

		rig.settle(100ms);
		EXPECT_LT(rig.counters.cqes.get() - before, 5U);
		EXPECT_TRUE(rig.events->accept_ends.empty());
		clients.push_back(connect_to(listener));
		EXPECT_TRUE(rig.until([&] { return rig.events->slots.size() == n; }));
	}
	rig.engine->stop_accept(0);
	EXPECT_TRUE(rig.until([&] { return !rig.events->accept_ends.empty(); }));
	EXPECT_EQ(rig.events->accept_ends[0], std::pair(0U, ECANCELED));
	rig.finish();
}

TEST_P(EngineTest, stops_to_accept_and_starts_again)
{
	Rig rig(GetParam());
	const Fd listener = listening_socket();

	for (size_t n = 1; n <= 3; n++) {
		rig.engine->accept(0, listener.get());
		rig.engine->poll(0ns);
		rig.engine->stop_accept(0);
		EXPECT_TRUE(rig.until([&] { return rig.events->accept_ends.size() == n; }));
		EXPECT_EQ(rig.events->accept_ends.back(), std::pair(0U, ECANCELED));
	}

	const Fd client = connect_to(listener);

	rig.settle();
	EXPECT_TRUE(rig.events->slots.empty());
	rig.engine->accept(0, listener.get());
	EXPECT_TRUE(rig.until([&] { return rig.events->slots.size() == 1; }));
	rig.finish();
}

TEST_P(EngineTest, accept_ends_with_what_broke_it)
{
	Rig rig(GetParam());
	const Fd listener = listening_socket();
	const Fd client = connect_to(listener);
	rlimit before{}, none{};

	getrlimit(RLIMIT_NOFILE, &before);
	none = before;
	none.rlim_cur = 3;
	setrlimit(RLIMIT_NOFILE, &none);
	rig.engine->accept(0, listener.get());
	EXPECT_TRUE(rig.until([&] { return !rig.events->accept_ends.empty(); }));
	setrlimit(RLIMIT_NOFILE, &before);
	EXPECT_EQ(rig.events->accept_ends[0], std::pair(0U, EMFILE));
	rig.engine->accept(0, listener.get());
	EXPECT_TRUE(rig.until([&] { return rig.events->slots.size() == 1; }));
	rig.finish();
}

TEST_P(EngineTest, refused_connection_is_closed)
{
	Rig rig(GetParam());
	auto [client, slot] = connected(rig);
	const int copy = fcntl(rig.at(slot).fd, F_DUPFD_CLOEXEC, 0);
	const Fd other = connect_to(listener_);

	EXPECT_TRUE(rig.until([&] { return rig.events->slots.size() == 2; }));

	const uint32_t refused = rig.events->slots.back();

	rig.engine->refuse(rig.at(refused).fd);
	rig.connections.release(refused);
	EXPECT_TRUE(rig.until([&] { return at_end(other); }));
	EXPECT_FALSE(at_end(client));
	::close(copy);
	rig.finish();
}

TEST_P(EngineTest, input_comes_whole_and_in_order)
{
	for (const bool streaming : {false, true}) {
		Rig rig(GetParam());
		auto [client, slot] = connected(rig);
		const std::string text = pattern(1'000'003);
		std::thread writer([&client, &text] { put(client, text); });

		rig.at(slot).streaming = streaming;
		EXPECT_TRUE(rig.receive_all(slot, text.size()));
		writer.join();
		EXPECT_TRUE(rig.of(slot).input == text) << streaming;
		rig.finish();
		listener_.reset();
	}
}

TEST_P(EngineTest, small_pieces_come_whole_and_in_order)
{
	Rig rig(GetParam(), 16);
	auto [client, slot] = connected(rig);
	std::string text;

	for (unsigned n = 0; n < 3000; n++) {
		const std::string piece = pattern(n % 97 + 1, n);

		put(client, piece);
		text += piece;
		if (n % 7 == 0) {
			EXPECT_TRUE(rig.receive_all(slot, text.size()));
		}
	}
	EXPECT_TRUE(rig.receive_all(slot, text.size()));
	EXPECT_TRUE(rig.of(slot).input == text);
	rig.finish();
}

TEST_P(EngineTest, receive_of_a_streaming_connection_is_single)
{
	Rig rig(GetParam());
	auto [client, slot] = connected(rig);

	rig.at(slot).streaming = true;
	rig.engine->receive(slot);
	EXPECT_TRUE(rig.at(slot).receiving);
	EXPECT_TRUE(rig.at(slot).single);
	put(client, "one");
	EXPECT_TRUE(rig.until([&] { return rig.of(slot).input == "one"; }));
	EXPECT_FALSE(rig.at(slot).receiving);
	put(client, "two");
	rig.settle();
	EXPECT_EQ(rig.of(slot).input, "one");
	EXPECT_TRUE(rig.engine->has_input(slot));
	EXPECT_TRUE(rig.receive_all(slot, 6));
	EXPECT_EQ(rig.of(slot).input, "onetwo");
	EXPECT_FALSE(rig.engine->has_input(slot));
	rig.finish();
}

TEST_P(EngineTest, tells_the_end_of_input_after_the_input)
{
	Rig rig(GetParam());
	auto [client, slot] = connected(rig);

	put(client, "last words");
	shutdown(client.get(), SHUT_WR);
	EXPECT_TRUE(rig.receive_all(slot, 10));
	EXPECT_TRUE(rig.until([&, at = slot] {
		if (!rig.at(at).receiving && rig.of(at).ends.empty())
			rig.engine->receive(at);
		return !rig.of(at).ends.empty();
	}));
	EXPECT_EQ(rig.of(slot).input, "last words");
	EXPECT_EQ(rig.of(slot).ends, std::vector<int>{0});
	EXPECT_FALSE(rig.at(slot).receiving);
	rig.finish();
}

TEST_P(EngineTest, tells_of_a_reset)
{
	Rig rig(GetParam());
	auto [client, slot] = connected(rig);
	const linger at_once = {1, 0};

	rig.engine->receive(slot);
	rig.engine->poll(0ns);
	setsockopt(client.get(), SOL_SOCKET, SO_LINGER, &at_once, sizeof(at_once));
	client.reset();
	EXPECT_TRUE(rig.until([&] { return !rig.of(slot).ends.empty(); }));
	EXPECT_EQ(rig.of(slot).ends[0], ECONNRESET);
	rig.finish();
}

TEST_P(EngineTest, fills_memory_of_the_receiver)
{
	Rig rig(GetParam());
	auto [client, slot] = connected(rig);
	const std::string text = pattern(300'000);
	std::vector<std::byte> memory(text.size());
	std::thread writer([&client, &text] {
		put(client, text);
		shutdown(client.get(), SHUT_WR);
	});
	size_t length = 0;

	while (length < text.size()) {
		const size_t reports = rig.of(slot).filled.size();

		rig.engine->receive_into(slot, std::span(memory).subspan(length));
		EXPECT_TRUE(rig.at(slot).receiving);
		EXPECT_TRUE(rig.at(slot).single);
		if (!rig.until([&] { return rig.of(slot).filled.size() > reports; }))
			break;
		EXPECT_FALSE(rig.at(slot).receiving);
		length += rig.of(slot).filled.back();
	}
	writer.join();
	EXPECT_EQ(length, text.size());
	EXPECT_EQ(std::memcmp(memory.data(), text.data(), length), 0);
	EXPECT_TRUE(rig.of(slot).ends.empty());
	rig.engine->receive_into(slot, memory);
	EXPECT_TRUE(rig.until([&] { return !rig.of(slot).ends.empty(); }));
	EXPECT_EQ(rig.of(slot).ends[0], 0);
	rig.finish();
}

TEST_P(EngineTest, stopped_receive_takes_no_input)
{
	for (const bool into : {false, true}) {
		Rig rig(GetParam());
		auto [client, slot] = connected(rig);
		std::array<std::byte, 100> memory;

		if (into)
			rig.engine->receive_into(slot, memory);
		else
			rig.engine->receive(slot);
		rig.engine->poll(0ns);
		rig.engine->stop_receive(slot);
		EXPECT_TRUE(rig.at(slot).stopping);
		EXPECT_TRUE(rig.until([&] { return !rig.of(slot).ends.empty(); }));
		EXPECT_EQ(rig.of(slot).ends[0], ECANCELED);
		EXPECT_FALSE(rig.at(slot).receiving);
		EXPECT_FALSE(rig.at(slot).stopping);
		put(client, "later");
		rig.settle();
		EXPECT_TRUE(rig.of(slot).input.empty());
		EXPECT_TRUE(rig.of(slot).filled.empty());
		EXPECT_TRUE(rig.receive_all(slot, 5));
		EXPECT_EQ(rig.of(slot).input, "later");
		rig.finish();
		listener_.reset();
	}
}

/* As a shard does it when a connection holds too much. */
TEST_P(EngineTest, stop_amid_input_loses_nothing)
{
	Rig rig(GetParam());
	auto [client, slot] = connected(rig);
	const std::string text = pattern(2'000'000);
	std::thread writer([&client, &text] { put(client, text); });
	unsigned stops = 0;

	rig.events->on_received = [&](uint32_t of) {
		if (rig.at(of).receiving && !rig.at(of).stopping && stops++ % 3)
			rig.engine->stop_receive(of);
	};
	EXPECT_TRUE(rig.receive_all(slot, text.size()));
	writer.join();
	EXPECT_TRUE(rig.of(slot).input == text);
	rig.finish();
}

TEST_P(EngineTest, without_buffers_a_receive_ends_and_nothing_is_lost)
{
	Rig rig(GetParam(), 8);
	auto [client, slot] = connected(rig);
	auto [other, other_slot] = connected(rig);
	const std::string text = pattern(8 * rig.memory->buffers.size() + 5000);

	rig.events->hold = true;
	put(client, text);
	EXPECT_TRUE(rig.until([&] {
		if (!rig.at(slot).receiving && rig.of(slot).ends.empty())
			rig.engine->receive(slot);
		return !rig.of(slot).ends.empty();
	}));
	EXPECT_EQ(rig.of(slot).ends[0], ENOBUFS);
	EXPECT_GE(rig.counters.no_buffers.get(), 1U);
	EXPECT_TRUE(rig.of(slot).input == text.substr(0, rig.of(slot).input.size()));

	for (const uint32_t id : rig.events->held)
		rig.memory->buffers.release(id);
	rig.events->held.clear();
	rig.events->hold = false;
	EXPECT_TRUE(rig.receive_all(slot, text.size()));
	EXPECT_TRUE(rig.of(slot).input == text);
	put(other, "also");
	EXPECT_TRUE(rig.receive_all(other_slot, 4));
	rig.finish();
}

TEST_P(EngineTest, ends_of_input_cost_no_buffers)
{
	Rig rig(GetParam(), 16);

	for (unsigned n = 0; n < 300; n++) {
		auto [client, slot] = connected(rig);

		rig.of(slot) = {};
		rig.at(slot).streaming = n % 2;
		if (n % 3)
			put(client, "x");
		shutdown(client.get(), SHUT_WR);
		EXPECT_TRUE(rig.until([&, at = slot] {
			if (!rig.at(at).receiving && rig.of(at).ends.empty())
				rig.engine->receive(at);
			return !rig.of(at).ends.empty();
		}));
		EXPECT_EQ(rig.of(slot).ends, std::vector<int>{0});
		EXPECT_EQ(rig.of(slot).input.size(), n % 3 ? 1U : 0U);
		rig.engine->close(slot);
		EXPECT_TRUE(rig.until([&, at = slot] { return rig.of(at).closed; }));
	}
	rig.finish();
	EXPECT_LE(rig.counters.no_buffers.get(), 0U);
}

TEST_P(EngineTest, gathers_the_parts_of_a_send_in_order)
{
	Rig rig(GetParam());
	auto [client, slot] = connected(rig);
	std::vector<std::string> texts;
	std::vector<iovec> parts;
	std::string all, read;

	for (unsigned n = 0; n < Engine::parts_max; n++)
		texts.push_back(pattern(n * 13 + 1, n));
	for (std::string &text : texts) {
		parts.push_back(part_of(text));
		all += text;
	}
	EXPECT_EQ(rig.send_all(slot, parts), static_cast<ssize_t>(all.size()));
	EXPECT_TRUE(rig.until([&] { return (read += get(client)).size() >= all.size(); }));
	EXPECT_TRUE(read == all);
	rig.finish();
}

/* The vector of parts may go when send() returns. */
TEST_P(EngineTest, keeps_the_parts_of_many_sends_apart)
{
	Rig rig(GetParam());
	std::vector<std::pair<Fd, uint32_t>> all;
	std::vector<std::string> texts;

	for (unsigned n = 0; n < 600; n++) {
		texts.push_back(pattern(20, n));
		texts.push_back(pattern(30, n + 1));
	}
	for (unsigned n = 0; n < 600; n++)
		all.push_back(connected(rig));
	for (unsigned n = 0; n < 600; n++) {
		std::array<iovec, 2> parts = {part_of(texts[2 * n]), part_of(texts[2 * n + 1])};

		if (rig.engine->send(all[n].second, parts) != Engine::pending)
			rig.of(all[n].second).sent.push_back(50);
		parts = {};
	}
	for (unsigned n = 0; n < 600; n++) {
		std::string read;

		EXPECT_TRUE(rig.until([&] { return !rig.of(all[n].second).sent.empty(); }));
		EXPECT_EQ(rig.of(all[n].second).sent, std::vector<ssize_t>{50});
		EXPECT_TRUE(rig.until([&] { return (read += get(all[n].first)).size() >= 50; }));
		EXPECT_TRUE(read == texts[2 * n] + texts[2 * n + 1]);
	}
	rig.finish();
}

TEST_P(EngineTest, sends_all_to_a_slow_reader)
{
	Rig rig(GetParam());
	auto [client, slot] = connected(rig);
	std::string head = pattern(100), body = pattern(9'000'000, 1), read;
	unsigned turns = 0;

	narrow(client);

	const ssize_t sent = rig.send_all(slot, {part_of(head), part_of(body)}, [&] {
		char part[65536];
		const ssize_t n = recv(client.get(), part, sizeof(part), MSG_DONTWAIT);

		if (n > 0)
			read.append(part, static_cast<size_t>(n));
		turns++;
	});

	EXPECT_EQ(sent, static_cast<ssize_t>(head.size() + body.size()));
	EXPECT_TRUE(rig.until([&] {
		read += get(client);
		return read.size() >= head.size() + body.size();
	}));
	EXPECT_TRUE(read == head + body);
	EXPECT_GT(turns, 1U);
	rig.finish();
}

TEST_P(EngineTest, send_to_a_reset_connection_fails)
{
	Rig rig(GetParam());
	auto [client, slot] = connected(rig);
	const linger at_once = {1, 0};
	std::string text = "too late";

	setsockopt(client.get(), SOL_SOCKET, SO_LINGER, &at_once, sizeof(at_once));
	client.reset();
	rig.settle();
	EXPECT_LT(rig.send_all(slot, {part_of(text)}), 0);
	/* And without SIGPIPE, which would end the test. */
	EXPECT_EQ(rig.send_all(slot, {part_of(text)}), -EPIPE);
	rig.finish();
}

TEST_P(EngineTest, shutdown_ends_what_is_in_flight)
{
	Rig rig(GetParam());
	auto [client, slot] = connected(rig);

	narrow(client);
	rig.engine->receive(slot);
	rig.clog(slot);
	EXPECT_TRUE(rig.at(slot).receiving);
	rig.engine->shutdown(slot, SHUT_RDWR);
	EXPECT_TRUE(rig.until([&] { return !rig.at(slot).receiving && !rig.at(slot).sending; }));
	rig.finish();
}

TEST_P(EngineTest, shutdown_of_one_side_ends_the_output)
{
	Rig rig(GetParam());
	auto [client, slot] = connected(rig);
	std::string text = "done";

	EXPECT_EQ(rig.send_all(slot, {part_of(text)}), 4);
	rig.engine->shutdown(slot, SHUT_WR);
	EXPECT_TRUE(rig.until([&] { return get(client) == "done"; }));
	EXPECT_TRUE(rig.until([&] { return at_end(client); }));
	put(client, "still heard");
	EXPECT_TRUE(rig.receive_all(slot, 11));
	rig.finish();
}

TEST_P(EngineTest, close_is_told_and_seen)
{
	Rig rig(GetParam());
	auto [client, slot] = connected(rig);
	const int fd = rig.at(slot).fd;

	rig.engine->close(slot);
	EXPECT_TRUE(rig.until([&, at = slot] { return rig.of(at).closed == 1; }));
	EXPECT_EQ(fcntl(fd, F_GETFD), -1);
	EXPECT_TRUE(rig.until([&, &end = client] { return at_end(end); }));
	rig.finish();
}

TEST_P(EngineTest, sees_input_that_nobody_received)
{
	Rig rig(GetParam());
	auto [client, slot] = connected(rig);

	EXPECT_FALSE(rig.engine->has_input(slot));
	put(client, "x");
	EXPECT_TRUE(rig.until([&, at = slot] { return rig.engine->has_input(at); }));
	EXPECT_TRUE(rig.of(slot).input.empty());
	rig.finish();
}

TEST_P(EngineTest, knows_the_cpu_that_a_connection_came_by)
{
	Rig rig(GetParam());
	cpu_set_t before, one;
	unsigned here = 0, elsewhere = 0;

	ASSERT_EQ(sched_getaffinity(0, sizeof(before), &before), 0);
	const int cpu = sched_getcpu();

	CPU_ZERO(&one);
	CPU_SET(static_cast<size_t>(cpu), &one);
	ASSERT_EQ(sched_setaffinity(0, sizeof(one), &one), 0);

	auto [client, slot] = connected(rig);

	for (int n = 0; n < CPU_SETSIZE; n++) {
		const auto by = rig.engine->came_by(slot, n);

		ASSERT_TRUE(by.has_value());
		(n == cpu ? here : elsewhere) += *by;
	}
	sched_setaffinity(0, sizeof(before), &before);
	/* Loopback: the SYN was processed where the client ran. */
	EXPECT_EQ(here, 1U);
	EXPECT_EQ(elsewhere, 0U);
	rig.finish();
}

TEST_P(EngineTest, wake_ends_a_poll_for_ever)
{
	Rig rig(GetParam());

	for (int n = 0; n < 20; n++) {
		std::thread waker([&] {
			std::this_thread::sleep_for(n % 2 ? 5ms : 0ms);
			rig.engine->wake();
		});

		rig.engine->poll(std::nullopt);
		waker.join();
	}
	/* Or the next one. */
	rig.settle(10ms);
	rig.engine->wake();
	rig.engine->poll(std::nullopt);
}

TEST_P(EngineTest, poll_waits_as_long_as_it_is_told)
{
	Rig rig(GetParam());
	using Clock = std::chrono::steady_clock;

	rig.settle();

	auto start = Clock::now();

	rig.engine->poll(0ns);
	EXPECT_LT(Clock::now() - start, 20ms);
	/* A kernel thread that ends may interrupt one. */
	start = Clock::now();
	for (int n = 0; n < 3 && Clock::now() - start < 49ms; n++)
		rig.engine->poll(50ms);
	EXPECT_GE(Clock::now() - start, 49ms);
	EXPECT_LT(Clock::now() - start, 1s);
}

TEST_P(EngineTest, idle_poll_costs_no_cpu)
{
	Rig rig(GetParam());
	auto [client, slot] = connected(rig);
	timespec before{}, after{};

	rig.engine->receive(slot);
	rig.settle();
	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &before);
	rig.engine->poll(400ms);
	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &after);
	EXPECT_LT((after.tv_sec - before.tv_sec) * 1000 +
			  (after.tv_nsec - before.tv_nsec) / 1000000,
		  60);
	put(client, "awake");
	EXPECT_TRUE(rig.receive_all(slot, 5));
	rig.finish();
}

/* A send that ends is news for a poll that sleeps. */
TEST_P(EngineTest, end_of_a_send_ends_a_poll_for_ever)
{
	Rig rig(GetParam());
	auto [client, slot] = connected(rig);

	narrow(client);
	rig.clog(slot);

	std::atomic<bool> told = false;
	std::thread reader([&told, &client] {
		std::this_thread::sleep_for(50ms);
		while (!told) {
			get(client);
			std::this_thread::sleep_for(1ms);
		}
	});

	for (int n = 0; n < 10 && rig.of(slot).sent.empty(); n++)
		rig.engine->poll(std::nullopt);
	EXPECT_EQ(rig.of(slot).sent.size(), 1U);
	told = true;
	reader.join();
	rig.finish();
}

TEST_P(EngineTest, many_connections_echo)
{
	constexpr unsigned count = 200, rounds = 10, length = 1000;
	Rig rig(GetParam(), 64);
	std::vector<std::pair<Fd, uint32_t>> all;
	std::vector<std::string> waiting(count), read(count);

	for (unsigned n = 0; n < count; n++)
		all.push_back(connected(rig));
	for (unsigned round = 0; round < rounds; round++) {
		for (unsigned n = 0; n < count; n++)
			put(all[n].first, pattern(length, n + round));
		for (unsigned n = 0; n < count; n++)
			EXPECT_TRUE(rig.receive_all(all[n].second, length));
		for (unsigned n = 0; n < count; n++) {
			const uint32_t slot = all[n].second;
			std::array<iovec, 1> parts;

			EXPECT_TRUE(rig.of(slot).input == pattern(length, n + round));
			waiting[n].swap(rig.of(slot).input);
			rig.of(slot).input.clear();
			parts[0] = part_of(waiting[n]);
			if (rig.engine->send(slot, parts) != Engine::pending)
				rig.of(slot).sent.push_back(length);
		}
		for (unsigned n = 0; n < count; n++) {
			EXPECT_TRUE(rig.until([&] { return !rig.at(all[n].second).sending; }));
			EXPECT_TRUE(rig.until(
				[&] { return (read[n] += get(all[n].first)).size() >= length; }));
			EXPECT_TRUE(read[n] == pattern(length, n + round));
			read[n].clear();
		}
	}
	for (unsigned n = 0; n < count; n++)
		EXPECT_EQ(rig.of(all[n].second).sent, std::vector<ssize_t>(rounds, length));
	rig.finish();
}

/* Who waits for a crowd after a crowd must not wait for it for ever. */
TEST_P(EngineTest, lone_input_after_a_crowd_is_told_at_once)
{
	constexpr unsigned count = 100;
	std::string text = "to all";
	const std::array<iovec, 1> parts = {part_of(text)};

	for (const bool for_ever : {false, true}) {
		Rig rig(GetParam());
		std::vector<std::pair<Fd, uint32_t>> all;

		for (unsigned n = 0; n < count; n++) {
			all.push_back(connected(rig));
			rig.engine->receive(all.back().second);
		}
		rig.settle();
		for (const auto &one : all)
			rig.engine->send(one.second, parts);
		EXPECT_TRUE(rig.until([&] {
			return std::ranges::none_of(
				all, [&](const auto &one) { return rig.at(one.second).sending; });
		}));

		std::atomic<bool> told = false;
		std::thread late([&] {
			std::this_thread::sleep_for(20ms);
			put(all[0].first, "x");
			for (int n = 0; n < 200 && !told; n++)
				std::this_thread::sleep_for(10ms);
			rig.engine->wake();
		});
		const auto start = std::chrono::steady_clock::now();

		while (rig.of(all[0].second).input.empty() &&
		       std::chrono::steady_clock::now() - start < 2s)
			rig.engine->poll(for_ever ? std::nullopt
						  : std::optional<std::chrono::nanoseconds>(5s));
		EXPECT_LT(std::chrono::steady_clock::now() - start, 1s) << for_ever;
		told = true;
		late.join();
		rig.finish();
		listener_.reset();
	}
}

/* While one connection has more than its share, another's byte gets through. */
TEST_P(EngineTest, flood_does_not_keep_another_waiting)
{
	Rig rig(GetParam(), 2048);
	auto [flood, flood_slot] = connected(rig);
	auto [other, other_slot] = connected(rig);
	const int room = 8 << 20;
	const std::string text = pattern(64 << 10);
	size_t queued = 0;

	setsockopt(rig.at(flood_slot).fd, SOL_SOCKET, SO_RCVBUF, &room, sizeof(room));
	setsockopt(flood.get(), SOL_SOCKET, SO_SNDBUF, &room, sizeof(room));
	for (ssize_t n; queued < 3 << 20 &&
			(n = send(flood.get(), text.data(), text.size(), MSG_DONTWAIT)) > 0;)
		queued += static_cast<size_t>(n);
	ASSERT_GT(queued, 1U << 18);
	put(other, "x");
	rig.settle(20ms);

	bool stop = false;

	rig.events->on_received = [&](uint32_t slot) { stop = stop || slot == other_slot; };
	rig.engine->receive(flood_slot);
	rig.engine->receive(other_slot);
	EXPECT_TRUE(rig.until([&] {
		if (!rig.at(flood_slot).receiving && !stop)
			rig.engine->receive(flood_slot);
		return stop;
	}));
	EXPECT_LT(rig.of(flood_slot).input.size(), queued / 2);
	rig.finish();
}

/* What is special to some engines. */
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
