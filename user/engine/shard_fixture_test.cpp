// SPDX-License-Identifier: GPL-2.0-only
#include "engine/shard_fixture.h"

#include <algorithm>
#include <array>

#include <cerrno>
#include <csignal>
#include <ctime>

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <pthread.h>
#include <sys/socket.h>

#include "common/error.h"

namespace lanes {
namespace {

using Clock = std::chrono::steady_clock;

sockaddr_in loopback(uint16_t port)
{
	sockaddr_in address{};

	address.sin_family = AF_INET;
	address.sin_port = htons(port);
	address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	return address;
}

void set_option(int fd, int level, int name, int value)
{
	if (setsockopt(fd, level, name, &value, sizeof(value)))
		throw_errno(errno, "setsockopt");
}

/* Whether @events come in time. */
bool wait_for(int fd, short events, Clock::time_point until)
{
	pollfd item{.fd = fd, .events = events, .revents = 0};
	const auto left = std::chrono::ceil<milliseconds>(until - Clock::now());

	return poll(&item, 1, static_cast<int>(std::max<int64_t>(left.count(), 0))) > 0;
}

int tcp_socket()
{
	const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (fd < 0)
		throw_errno(errno, "socket");
	return fd;
}

Fd listen_here()
{
	Fd fd(tcp_socket());
	const sockaddr_in address = loopback(0);

	set_option(fd.get(), IPPROTO_TCP, TCP_NODELAY, 1);
	if (bind(fd.get(), reinterpret_cast<const sockaddr *>(&address), sizeof(address)) ||
	    listen(fd.get(), 1024))
		throw_errno(errno, "listening on 127.0.0.1");
	return fd;
}

uint16_t port_of(int fd)
{
	sockaddr_in address{};
	socklen_t length = sizeof(address);

	getsockname(fd, reinterpret_cast<sockaddr *>(&address), &length);
	return ntohs(address.sin_port);
}

} // namespace

bool eventually(const std::function<bool()> &condition, milliseconds limit)
{
	const auto until = Clock::now() + limit;

	while (!condition()) {
		if (Clock::now() > until)
			return false;
		std::this_thread::sleep_for(1ms);
	}
	return true;
}

Peer::Peer(uint16_t port, int receive_buffer) : fd_(tcp_socket())
{
	const sockaddr_in address = loopback(port);

	if (receive_buffer)
		set_option(fd(), SOL_SOCKET, SO_RCVBUF, receive_buffer);
	set_option(fd(), IPPROTO_TCP, TCP_NODELAY, 1);
	if (connect(fd(), reinterpret_cast<const sockaddr *>(&address), sizeof(address)))
		throw_errno(errno, "connecting to 127.0.0.1");
}

bool Peer::send(std::string_view bytes)
{
	const auto until = Clock::now() + patience;

	while (!bytes.empty()) {
		const ssize_t sent =
			::send(fd(), bytes.data(), bytes.size(), MSG_DONTWAIT | MSG_NOSIGNAL);

		if (sent > 0)
			bytes.remove_prefix(static_cast<size_t>(sent));
		else if (errno != EAGAIN || !wait_for(fd(), POLLOUT, until))
			return false;
	}
	return true;
}

size_t Peer::send_some(std::string_view bytes)
{
	const ssize_t sent = ::send(fd(), bytes.data(), bytes.size(), MSG_DONTWAIT | MSG_NOSIGNAL);

	return sent > 0 ? static_cast<size_t>(sent) : 0;
}

std::string Peer::receive(size_t length, milliseconds limit)
{
	const auto until = Clock::now() + limit;
	std::string bytes(length, 0);
	size_t got = 0;

	while (got < length) {
		const ssize_t n = recv(fd(), &bytes[got], length - got, MSG_DONTWAIT);

		if (n > 0)
			got += static_cast<size_t>(n);
		else if (!n || errno != EAGAIN || !wait_for(fd(), POLLIN, until))
			break;
	}
	bytes.resize(got);
	return bytes;
}

bool Peer::ended(milliseconds limit)
{
	const auto until = Clock::now() + limit;
	std::array<char, 65536> bytes;

	for (;;) {
		const ssize_t n = recv(fd(), bytes.data(), bytes.size(), MSG_DONTWAIT);

		if (!n || (n < 0 && errno != EAGAIN))
			return true;
		if ((n < 0 && !wait_for(fd(), POLLIN, until)) || Clock::now() > until)
			return false;
	}
}

bool Peer::ended_cleanly(milliseconds limit)
{
	char byte;

	return readable(limit) && recv(fd(), &byte, 1, MSG_DONTWAIT) == 0;
}

bool Peer::readable(milliseconds limit)
{
	return wait_for(fd(), POLLIN, Clock::now() + limit);
}

void Peer::finish()
{
	shutdown(fd(), SHUT_WR);
}

void Peer::reset()
{
	const linger now{.l_onoff = 1, .l_linger = 0};

	setsockopt(fd(), SOL_SOCKET, SO_LINGER, &now, sizeof(now));
	close();
}

uint64_t stuff(Peer &peer, size_t piece)
{
	const std::string bytes(piece, 's');
	uint64_t total = 0;

	for (auto last = Clock::now(); Clock::now() - last < 100ms;) {
		const size_t sent = peer.send_some(bytes);

		total += sent;
		if (sent)
			last = Clock::now();
		else
			std::this_thread::sleep_for(1ms);
	}
	return total;
}

void small_send_buffer(ShardConfig &config)
{
	set_option(config.listeners[0].fd, SOL_SOCKET, SO_SNDBUF, 16384);
}

ShardRunner::ShardRunner(EngineKind kind, Service &service, const Tune &tune, unsigned shards)
	: send_threads_(nullptr, [](SendThreads *) {}), shards_(shards), made_(shards + 1),
	  started_(shards + 1), over_(shards + 1)
{
	signal(SIGPIPE, SIG_IGN);
	if (kind == EngineKind::uring_sqpoll)
		send_threads_ = make_send_threads(1);
	for (unsigned index = 0; index < shards; index++) {
		runners_.push_back(std::make_unique<Runner>());

		Runner &runner = *runners_.back();
		ShardConfig config;

		runner.listener = listen_here();
		runner.port = port_of(runner.listener.get());
		config.index = index;
		config.engine.kind = kind;
		config.engine.features = &host_features();
		config.engine.send_threads = send_threads_.get();
		config.listeners = {{runner.listener.get(), &service}};
		config.connections_max = 1024;
		if (tune)
			tune(config);
		config.engine.connections_max = config.connections_max;
		runner.thread = std::thread([this, &runner, config] { serve(runner, config); });
	}
	made_.arrive_and_wait();
	started_.arrive_and_wait();
}

void ShardRunner::serve(Runner &runner, ShardConfig config)
{
	Shard shard(config, shards_, runner.counters);

	runner.shard = shards_[config.index] = &shard;
	made_.arrive_and_wait();
	shard.start();
	started_.arrive_and_wait();
	shard.run();
	runner.returned = true;
	/* Others may still wake it, and the test ask it. */
	over_.arrive_and_wait();
}

ShardRunner::~ShardRunner()
{
	drain(0ms);
	over_.count_down();
	for (const auto &runner : runners_)
		runner->thread.join();
}

void ShardRunner::drain(milliseconds time)
{
	const auto deadline = Shard::Clock::now() + time;

	for (const auto &runner : runners_)
		runner->shard->post(
			[deadline](Shard &shard) { shard.drain(deadline, Shard::Clock::now()); });
}

bool ShardRunner::nothing_left(unsigned shard)
{
	const Counters &counters = runners_[shard]->counters;

	return ask(
		[&counters](Shard &on) {
			const Memory &memory = on.memory();
			const uint64_t buffers =
				memory.buffers.available() + counters.buffers_offered.get();

			return !counters.connections.get() && buffers == memory.buffers.count() &&
			       memory.blocks.available() == memory.blocks.count() &&
			       memory.segments_available() == memory.segments();
		},
		shard);
}

std::chrono::nanoseconds ShardRunner::cpu_time(unsigned shard)
{
	clockid_t clock;
	timespec time{};

	pthread_getcpuclockid(runners_[shard]->thread.native_handle(), &clock);
	clock_gettime(clock, &time);
	return std::chrono::seconds(time.tv_sec) + std::chrono::nanoseconds(time.tv_nsec);
}

const Features &host_features()
{
	static const Features features = Features::probe(Shard::slots(4096));

	return features;
}

std::string engine_test_name(const testing::TestParamInfo<EngineKind> &info)
{
	std::string name(engine_names[static_cast<size_t>(info.param)]);

	std::ranges::replace(name, '-', '_');
	return name;
}

LANES_FOR_EACH_ENGINE(shard);

} // namespace lanes
