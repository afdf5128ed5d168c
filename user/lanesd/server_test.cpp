// SPDX-License-Identifier: GPL-2.0-only
#include "lanesd/server.h"

#include <cstring>
#include <filesystem>

#include <sys/socket.h>
#include <sys/stat.h>

#include <gtest/gtest.h>

#include "common/cpus.h"
#include "lanesd/listener.h"
#include "service/basic.h"

using namespace lanes;
using namespace std::chrono_literals;

namespace {

/* Does as the first byte of its input says: throws, or stands still. */
class Unruly : public Service {
public:
	std::string_view name() const override { return "unruly"; }
	std::unique_ptr<Handler> handler(Host &host) override
	{
		if (host.shard() == refuse_shard)
			throw std::runtime_error("no handler");
		return std::make_unique<Obey>(*this);
	}

	unsigned refuse_shard = ~0U;
	std::atomic<bool> standing = false, go_on = false;

private:
	struct Obey : Handler {
		explicit Obey(Unruly &owner) : service(owner) {}
		size_t received(Stream, std::span<const std::byte> input) override
		{
			if (input[0] == std::byte{'t'})
				throw std::runtime_error("thrown");
			service.standing = true;
			while (!service.go_on)
				std::this_thread::sleep_for(1ms);
			return input.size();
		}
		Unruly &service;
	};
};

std::vector<int> two_cpus()
{
	const std::vector<int> cpus = allowed_cpus();

	return {cpus.front(), cpus.back()};
}

class server_shards : public testing::Test {
protected:
	ShardConfig config(Service &service)
	{
		ShardConfig c;

		c.engine.features = &features_;
		c.listeners = {{listener_.fd(), &service}};
		return c;
	}

	Fd dial()
	{
		const Endpoint to = listener_.where();
		const timeval time = {5, 0};
		Fd fd(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));

		setsockopt(fd.get(), SOL_SOCKET, SO_RCVTIMEO, &time, sizeof(time));
		EXPECT_EQ(connect(fd.get(), to.address(), to.length()), 0);
		return fd;
	}

	Features features_;
	Listener listener_{"echo", Endpoint::parse("127.0.0.1:0")};
	std::unique_ptr<Service> echo_ = make_echo();
	Unruly unruly_;
};

char echo_of(const Fd &fd, char sent)
{
	char got = 0;

	EXPECT_EQ(send(fd.get(), &sent, 1, MSG_NOSIGNAL), 1);
	EXPECT_EQ(recv(fd.get(), &got, 1, 0), 1);
	return got;
}

/* How many of this process are of the same socket. */
int descriptors_of(int fd)
{
	struct stat own{}, file{};
	int count = 0;

	fstat(fd, &own);
	for (const auto &entry : std::filesystem::directory_iterator("/proc/self/fd"))
		if (!stat(entry.path().c_str(), &file) && file.st_ino == own.st_ino &&
		    file.st_dev == own.st_dev)
			count++;
	return count;
}

void wait_for(const std::function<bool()> &condition)
{
	for (int ms = 0; ms < 5000 && !condition(); ms++)
		std::this_thread::sleep_for(1ms);
	EXPECT_TRUE(condition());
}

} // namespace

TEST_F(server_shards, serves_counts_and_lists_its_connections)
{
	Server server(config(*echo_), two_cpus());
	const Fd fd = dial();
	uint64_t accepted = 0, listed = 0;

	EXPECT_EQ(echo_of(fd, 'e'), 'e');
	for (const ShardFigures &shard : server.figures())
		accepted += shard.get(&Counters::accepted);
	EXPECT_EQ(accepted, 1U);
	for (const auto &shard : server.connections().shards)
		listed += shard.size();
	EXPECT_EQ(listed, 1U);
}

TEST_F(server_shards, ends_when_it_is_drained)
{
	Server server(config(*echo_), two_cpus());

	EXPECT_FALSE(server.ended());
	server.drain(Server::Clock::now() + 5s);
	wait_for([&server] { return server.ended(); });
	EXPECT_FALSE(server.failed());
	EXPECT_NO_THROW(server.rethrow());
}

TEST_F(server_shards, opens_and_closes_a_listener_on_every_shard)
{
	Server server(config(*echo_), two_cpus());
	const Listener more("echo", Endpoint::parse("127.0.0.1:0"));

	for (int times = 0; times < 3; times++) {
		server.open(more.fd(), unruly_);
		wait_for([&more] { return descriptors_of(more.fd()) == 3; });
		server.close(more.fd(), Server::Clock::now());
		wait_for([&more] { return descriptors_of(more.fd()) == 1; });
	}
	EXPECT_EQ(echo_of(dial(), 'e'), 'e');
}

TEST_F(server_shards, that_cannot_serve_a_new_listener_do_not_open_it)
{
	Server server(config(*echo_), two_cpus());
	const Listener more("echo", Endpoint::parse("127.0.0.1:0"));

	unruly_.refuse_shard = 1;
	EXPECT_THROW(server.open(more.fd(), unruly_), std::runtime_error);
	EXPECT_EQ(echo_of(dial(), 'e'), 'e');
	EXPECT_EQ(descriptors_of(more.fd()), 1);
	EXPECT_FALSE(server.failed());
}

TEST_F(server_shards, changes_limits_of_connections_that_are_open)
{
	Server server(config(*echo_), two_cpus());
	const Fd fd = dial();
	Limits limits;
	char got;

	EXPECT_EQ(echo_of(fd, 'e'), 'e');
	limits.idle_timeout_ms = 50;
	server.set_limits(limits);
	EXPECT_EQ(recv(fd.get(), &got, 1, 0), 0);
}

TEST_F(server_shards, ticks_but_for_a_shard_that_stands_still)
{
	Server server(config(unruly_), two_cpus());

	EXPECT_TRUE(server.ticking());
	std::this_thread::sleep_for(50ms);
	EXPECT_TRUE(server.ticking());

	const Fd fd = dial();

	ASSERT_EQ(send(fd.get(), "s", 1, 0), 1);
	wait_for([this] { return unruly_.standing.load(); });
	server.ticking();
	std::this_thread::sleep_for(50ms);
	EXPECT_FALSE(server.ticking());
	EXPECT_THROW(server.connections(), std::runtime_error);
	unruly_.go_on = true;
	std::this_thread::sleep_for(50ms);
	EXPECT_TRUE(server.ticking());
}

TEST_F(server_shards, a_shard_that_cannot_be_made_stops_all)
{
	unruly_.refuse_shard = 1;
	EXPECT_THROW(Server(config(unruly_), two_cpus()), std::runtime_error);
}

TEST_F(server_shards, tells_of_a_shard_that_failed)
{
	Server server(config(unruly_), two_cpus());
	const Fd fd = dial();

	ASSERT_EQ(send(fd.get(), "t", 1, 0), 1);
	wait_for([&server] { return server.failed(); });
	EXPECT_FALSE(server.ended());
	server.drain(Server::Clock::now());
	wait_for([&server] { return server.ended(); });
	EXPECT_THROW(server.rethrow(), std::runtime_error);
}
