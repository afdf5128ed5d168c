// SPDX-License-Identifier: GPL-2.0-only
#include "bench/connections.h"

#include <atomic>
#include <thread>

#include <cerrno>

#include <sys/socket.h>

#include "bench/listener.h"
#include "bench/mark.h"
#include "bench/netns.h"
#include "bench/thread.h"
#include "common/cpus.h"
#include "common/error.h"

namespace lanes {
namespace {

using namespace std::chrono_literals;

class Connections {
	using Clock = std::chrono::steady_clock;

public:
	explicit Connections(const Plan &plan);

	Figures run();

private:
	Clock::duration length() const { return plan_.rounds * plan_.pace; }
	void serve(int cpu) const;
	void request(uint32_t index);
	void make(Clock::time_point begin, uint32_t index, uint32_t count);
	void connect_once() const;
	void window(Clock::time_point begin) const;

	const Plan &plan_;
	const NetnsCounters counters_;
	Fd listener_;
	Clock::time_point warmup_, idle_, loaded_;
	std::atomic<uint32_t> made_{0};
};

Connections::Connections(const Plan &plan)
	: plan_(plan), counters_(plan.server_netns), listener_(listen_at(plan.server()))
{
	if (plan.attach != Attach::none)
		attach(listener_);
	/* An acceptor that does not wait yet has no lane. */
	warmup_ = Clock::now() + 100ms;
	/* With time between them to read counters. */
	idle_ = warmup_ + plan.warmup * plan.pace + 100ms;
	loaded_ = idle_ + length() + 100ms;
}

void Connections::serve(int cpu) const
{
	char byte;

	pin_to_cpu(cpu);
	for (;;) {
		const Fd fd(accept4(listener_.get(), nullptr, nullptr, SOCK_CLOEXEC));

		/* Shut down: that is the end. */
		if (!fd && errno == EINVAL)
			return;
		if (!fd || recv(fd.get(), &byte, 1, 0) != 1 ||
		    send(fd.get(), &byte, 1, MSG_NOSIGNAL) != 1 || recv(fd.get(), &byte, 1, 0) != 0)
			throw_errno(errno, "serving a connection");
	}
}

void Connections::connect_once() const
{
	const Endpoint target = Endpoint::of_socket(listener_.get());
	const Fd fd(socket(target.family(), SOCK_STREAM | SOCK_CLOEXEC, 0));
	char byte = 'x';

	if (!fd || connect(fd.get(), target.address(), target.length()) ||
	    send(fd.get(), &byte, 1, MSG_NOSIGNAL) != 1 || recv(fd.get(), &byte, 1, 0) != 1)
		throw_errno(errno, "connection to " + target.to_string());
}

void Connections::make(Clock::time_point begin, uint32_t index, uint32_t count)
{
	const auto clients = static_cast<uint32_t>(plan_.client_cpus.size());

	/* Half a pace from the window's begin and end. */
	for (uint32_t turn = index; turn < count; turn += clients) {
		std::this_thread::sleep_until(begin + turn * plan_.pace + plan_.pace / 2);
		connect_once();
		made_++;
	}
}

void Connections::request(uint32_t index)
{
	pin_to_cpu(plan_.client_cpus[index]);
	make(warmup_, index, plan_.warmup);
	make(loaded_, index, plan_.rounds);
}

void Connections::window(Clock::time_point begin) const
{
	std::this_thread::sleep_until(begin);
	mark_begin();
	std::this_thread::sleep_until(begin + length());
	mark_end();
}

Figures Connections::run()
{
	std::vector<std::jthread> servers, clients;
	Counts before;

	for (const int cpu : plan_.server_cpus)
		start(servers, [this, cpu] { serve(cpu); });
	for (uint32_t i = 0; i < plan_.client_cpus.size(); i++)
		start(clients, [this, i] { request(i); });
	window(idle_);
	before = counters_.read();
	window(loaded_);
	if (made_ != plan_.warmup + plan_.rounds)
		throw std::runtime_error(
			"not all connections fit into the window: a longer --pace-us");

	Figures figures{{"rounds", plan_.rounds},
			{"seconds", std::chrono::duration<double>(length()).count()}};

	for (const auto &[name, value] : counters_.read())
		if (const uint64_t grown = value - before.at(name))
			figures.emplace_back(name, static_cast<double>(grown) / plan_.rounds);
	clients.clear();
	shutdown(listener_.get(), SHUT_RD);
	return figures;
}

} // namespace

Figures run_connections(const Plan &plan)
{
	return Connections(plan).run();
}

} // namespace lanes
