// SPDX-License-Identifier: GPL-2.0-only
#include "bench/crowd.h"

#include <chrono>
#include <format>
#include <thread>

#include <cerrno>

#include <fcntl.h>
#include <sys/resource.h>

#include "bench/listener.h"
#include "common/cpus.h"
#include "common/error.h"

namespace lanes {
namespace {

using namespace std::chrono_literals;

constexpr uint32_t client_ports = 20000, first_client_port = 10000;
constexpr uint32_t addresses = 250;
constexpr uint32_t listeners_max = 2000, first_listener_port = 30000;

/* What a process has and does in its own time. */
class Members {
public:
	Members(const CrowdPlan &plan, const Listeners &listeners, const std::vector<int> &cpus)
		: plan_(plan), listeners_(listeners), cpus_(cpus)
	{
		make_room();
	}

	void arrive()
	{
		const Endpoint target = listeners_.where();

		for (uint32_t i = 0; i < plan_.listeners; i++) {
			fds_.push_back(listen_at(crowd_listener(i)));
			if (plan_.attached)
				attach(fds_.back());
		}
		set_flags(O_NONBLOCK);
		/* A CPU for many, as it takes time to go to another. */
		for (size_t cpu = 0; cpu < cpus_.size(); cpu++) {
			pin_to_cpu(cpus_[cpu]);
			for (auto i = static_cast<uint32_t>(cpu); i < plan_.connections;
			     i += static_cast<uint32_t>(cpus_.size()))
				connect_from(crowd_client(i), target, cpu);
		}
		set_flags(0);
	}

private:
	/* The table of descriptors is none of the members' costs. */
	void make_room()
	{
		const rlim_t wanted = 2ULL * plan_.connections + plan_.listeners + 1024;
		const rlimit limit = {wanted, wanted};

		if (setrlimit(RLIMIT_NOFILE, &limit))
			throw_errno(errno, std::format("{} descriptors", wanted),
				    "be root, and raise fs.nr_open");

		const Fd last(fcntl(0, F_DUPFD_CLOEXEC, wanted - 1));

		if (!last)
			throw_errno(errno, std::format("descriptor {}", wanted - 1));
		fds_.reserve(wanted);
	}

	/* The workers have the same open files. */
	void set_flags(int flags) const
	{
		for (size_t i = 0; i < cpus_.size(); i++)
			if (fcntl(listeners_.of_worker(i), F_SETFL, flags))
				throw_errno(errno, "F_SETFL");
	}

	/* Over loopback the handshake is over when connect() returns. */
	void connect_from(const Endpoint &client, const Endpoint &target, size_t worker)
	{
		const linger at_once = {.l_onoff = 1, .l_linger = 0};
		Fd fd(socket(client.family(), SOCK_STREAM | SOCK_CLOEXEC, 0));

		if (!fd || setsockopt(fd.get(), SOL_SOCKET, SO_LINGER, &at_once, sizeof(at_once)) ||
		    bind(fd.get(), client.address(), client.length()) ||
		    connect(fd.get(), target.address(), target.length()))
			throw_errno(errno, std::format("connection from {} to {}",
						       client.to_string(), target.to_string()));
		fds_.push_back(accept(worker));
		fds_.push_back(std::move(fd));
	}

	/* A group may have given it to another worker. */
	Fd accept(size_t worker) const
	{
		for (int tries = 0; tries < 1000; tries++) {
			for (size_t i = 0; i < cpus_.size(); i++) {
				const int listener =
					listeners_.of_worker((worker + i) % cpus_.size());
				Fd fd(accept4(listener, nullptr, nullptr, SOCK_CLOEXEC));

				if (fd)
					return fd;
				if (errno != EAGAIN)
					throw_errno(errno, "accept for the crowd");
			}
			/* Or ksoftirqd has yet to run. */
			std::this_thread::sleep_for(1ms);
		}
		throw std::runtime_error("the crowd's connection is in no accept queue");
	}

	const CrowdPlan &plan_;
	const Listeners &listeners_;
	const std::vector<int> &cpus_;
	std::vector<Fd> fds_;
};

void say(const Fd &fd)
{
	const char word = 0;

	if (send(fd.get(), &word, 1, MSG_NOSIGNAL) != 1)
		throw_errno(errno, "the crowd");
}

bool hear(const Fd &fd)
{
	char word;

	return recv(fd.get(), &word, 1, 0) == 1;
}

} // namespace

Endpoint crowd_client(uint32_t index)
{
	if (index >= client_ports * addresses)
		throw UsageError(std::format("at most {} connections", client_ports * addresses));
	return Endpoint::parse(std::format("127.0.1.{}:{}", 1 + index / client_ports,
					   first_client_port + index % client_ports));
}

Endpoint crowd_listener(uint32_t index)
{
	if (index >= listeners_max)
		throw UsageError(std::format("at most {} other listeners", listeners_max));
	return Endpoint::parse(std::format("127.0.0.1:{}", first_listener_port + index));
}

Crowd::Channel::Channel()
{
	int fds[2];

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, fds))
		throw_errno(errno, "socketpair");
	ours.reset(fds[0]);
	its.reset(fds[1]);
}

Crowd::Crowd(const CrowdPlan &plan, const Listeners &listeners, const std::vector<int> &cpus)
	: process_("crowd", [&] {
		  channel_.ours.reset();
		  Members members(plan, listeners, cpus);

		  say(channel_.its);
		  if (!hear(channel_.its))
			  return;
		  members.arrive();
		  say(channel_.its);
		  hear(channel_.its);
	  })
{
	channel_.its.reset();
	wait();
}

void Crowd::arrive()
{
	say(channel_.ours);
	wait();
}

void Crowd::wait()
{
	if (!hear(channel_.ours))
		throw std::runtime_error("the crowd is gone");
}

} // namespace lanes
