// SPDX-License-Identifier: GPL-2.0-only
#include "engine/engine_fixture.h"

#include <algorithm>
#include <array>

#include <cerrno>

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

namespace lanes {

const Features &features()
{
	static const Features found = Features::probe(4096);

	return found;
}

std::string pattern(size_t length, unsigned seed)
{
	std::string text(length, 0);

	for (size_t i = 0; i < length; i++)
		text[i] = static_cast<char>((i * 7 + i / 251 + seed * 31) & 0xff);
	return text;
}

void Recorder::accepted(uint32_t listener, int fd)
{
	const uint32_t slot = connections.take(fd);

	listeners.push_back(listener);
	ASSERT_NE(slot, Connection::none);
	slots.push_back(slot);
}

void Recorder::received(uint32_t slot, const Segment &segment)
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

void Recorder::closed(uint32_t slot)
{
	of[slot].closed++;
	connections.release(slot);
}

Fd listening_socket(int flags, int family)
{
	Fd fd(socket(family, SOCK_STREAM | SOCK_CLOEXEC | flags, 0));
	sockaddr_in address{};
	sockaddr_in6 address6{};
	const bool ipv6 = family == AF_INET6;

	address.sin_family = AF_INET;
	address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	address6.sin6_family = AF_INET6;
	address6.sin6_addr = in6addr_loopback;
	EXPECT_EQ(bind(fd.get(),
		       ipv6 ? reinterpret_cast<sockaddr *>(&address6)
			    : reinterpret_cast<sockaddr *>(&address),
		       ipv6 ? sizeof(address6) : sizeof(address)),
		  0);
	EXPECT_EQ(listen(fd.get(), 1024), 0);
	return fd;
}

Fd connect_to(const Fd &listener)
{
	sockaddr_storage address{};
	socklen_t length = sizeof(address);
	const int one = 1;

	getsockname(listener.get(), reinterpret_cast<sockaddr *>(&address), &length);

	Fd fd(socket(address.ss_family, SOCK_STREAM | SOCK_CLOEXEC, 0));

	EXPECT_EQ(connect(fd.get(), reinterpret_cast<sockaddr *>(&address), length), 0);
	setsockopt(fd.get(), IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
	return fd;
}

void put(const Fd &fd, std::string_view text)
{
	ASSERT_EQ(send(fd.get(), text.data(), text.size(), MSG_NOSIGNAL),
		  static_cast<ssize_t>(text.size()));
}

std::string get(const Fd &fd)
{
	std::string text;
	char part[65536];

	for (ssize_t n; (n = recv(fd.get(), part, sizeof(part), MSG_DONTWAIT)) > 0;)
		text.append(part, static_cast<size_t>(n));
	return text;
}

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

Rig::Rig(EngineKind kind, uint32_t buffers, uint32_t zero_copy_min, const Features &with,
	 uint32_t poll_idle_us)
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

ssize_t Rig::send_all(uint32_t slot, std::vector<iovec> parts,
		      const std::function<void()> &meanwhile)
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

void Rig::clog(uint32_t slot)
{
	static std::string text(16'000'000, 'x');
	size_t done = 0;

	while (!at(slot).sending && done < text.size()) {
		const std::array<iovec, 1> parts = {iovec{text.data() + done, text.size() - done}};
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

bool Rig::has_input(uint32_t slot)
{
	of(slot).input_waits.reset();
	engine->ask_input(slot);
	EXPECT_TRUE(until([&] { return of(slot).input_waits.has_value(); }));
	return of(slot).input_waits.value_or(false);
}

bool Rig::receive_all(uint32_t slot, size_t length)
{
	return until([&] {
		if (of(slot).input.size() >= length)
			return true;
		if (!at(slot).receiving)
			engine->receive(slot);
		return false;
	});
}

void Rig::finish()
{
	for (const uint32_t slot : events->slots) {
		if (!at(slot).open() || of(slot).closed)
			continue;
		engine->shutdown(slot, SHUT_RDWR);
		EXPECT_TRUE(until([&] { return !at(slot).receiving && !at(slot).sending; }));
		engine->close(slot);
		EXPECT_TRUE(until([&] { return of(slot).closed; }));
	}
	EXPECT_EQ(connections.active(), 0U);
	EXPECT_EQ(memory->buffers.available() + counters.buffers_offered.get() +
			  events->held.size(),
		  memory->buffers.count());
}

std::pair<Fd, uint32_t> EngineTest::connected(Rig &rig)
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

INSTANTIATE_TEST_SUITE_P(engine, EngineTest,
			 testing::Values(EngineKind::uring, EngineKind::uring_sqpoll,
					 EngineKind::uring_hybrid, EngineKind::epoll),
			 [](const auto &of) {
				 std::string name(engine_names[static_cast<size_t>(of.param)]);

				 std::ranges::replace(name, '-', '_');
				 return name;
			 });

} // namespace lanes
