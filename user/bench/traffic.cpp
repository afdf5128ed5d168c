// SPDX-License-Identifier: GPL-2.0-only
#include "bench/traffic.h"

#include <atomic>
#include <latch>
#include <mutex>
#include <thread>
#include <utility>

#include <cerrno>

#include <sys/socket.h>
#include <unistd.h>

#include "bench/affinity.h"
#include "bench/listener.h"
#include "bench/mark.h"
#include "bench/netns.h"
#include "bench/tasks.h"
#include "bench/thread.h"
#include "common/cpus.h"
#include "common/endpoint.h"
#include "common/error.h"
#include "common/fd.h"

namespace lanes {
namespace {

using namespace std::chrono_literals;

/* Looked at where the data arrived, in each that many messages: a prime, so
 * that a client's tour over the CPUs does not meet it.
 */
constexpr uint64_t sample_every = 7;

int incoming_cpu(int fd)
{
	int cpu = -1;
	socklen_t length = sizeof(cpu);

	getsockopt(fd, SOL_SOCKET, SO_INCOMING_CPU, &cpu, &length);
	return cpu;
}

/* Written by one thread, read by all: a cache line each. */
struct alignas(64) Tally {
	std::atomic<uint64_t> messages{0};
	std::atomic<uint64_t> sampled{0};
	std::atomic<uint64_t> local{0};
};

void add_one(std::atomic<uint64_t> &count)
{
	count.store(count.load(std::memory_order_relaxed) + 1, std::memory_order_relaxed);
}

/* Used by one client at a time. */
struct Connection {
	Fd fd;
	std::mutex busy;
};

/* All that the threads share, and what they count. */
class Traffic {
public:
	explicit Traffic(const Plan &plan);

	std::vector<Figures> run();

private:
	struct Snapshot {
		std::chrono::steady_clock::time_point when;
		Counts counts;
		uint64_t messages = 0, sampled = 0, local = 0, migrations = 0;
	};

	void serve(uint32_t index);
	void hold_still();
	void let_go(bool answered);
	void request(uint32_t index);
	void burn();
	void connect_all(uint32_t index);
	void warm_up_and_count();
	void take_turns(uint32_t index);
	void round_trip(size_t turn);
	Snapshot look() const;
	Figures difference(const Snapshot &from, const Snapshot &to) const;

	const Plan &plan_;
	const std::vector<int> cpus_ = allowed_cpus();
	const Affinity everywhere_{cpus_};
	std::vector<Affinity> only_;
	NetnsCounters counters_;
	Fd listener_, other_;
	/* A server thread for each, or one for all. */
	std::vector<Connection> connections_;
	const uint32_t accepts_, servers_;
	std::mutex connecting_;
	std::latch accepted_, connected_, attached_{1};
	std::atomic<bool> stop_{false};
	std::vector<Tally> served_;
	Tasks consumers_;
	std::vector<Figures> windows_;
};

Traffic::Traffic(const Plan &plan)
	: plan_(plan), counters_(plan.server_netns),
	  connections_(size_t{plan.clients} * plan.connections),
	  accepts_(plan.rounds ? plan.connections : 1),
	  servers_(plan.clients * plan.connections / accepts_), accepted_(servers_),
	  connected_(plan.clients), served_(servers_)
{
	for (int cpu = 0; cpu <= cpus_.back(); cpu++)
		only_.emplace_back(std::vector<int>{cpu});

	enter_netns(plan.server_netns);
	listener_ = listen_at(plan.server());
	if (plan.attach == Attach::before)
		attach(listener_);
	if (plan.attach == Attach::other) {
		other_ = listen_at(plan.server());
		attach(other_);
	}
}

/* Before an unbound thread waits, and after; with the answer sent if @answered. */
void Traffic::hold_still()
{
	if (plan_.wait == Wait::pinned || plan_.wait == Wait::pinned_answer)
		only_[static_cast<size_t>(sched_getcpu())].set();
	else if (plan_.wait == Wait::control)
		everywhere_.set();
}

void Traffic::let_go(bool answered)
{
	if (plan_.wait != Wait::plain && answered == (plan_.wait == Wait::pinned_answer))
		everywhere_.set();
}

void Traffic::serve(uint32_t index)
{
	Tally &tally = served_[index];
	std::vector<Fd> fds(accepts_);
	char byte;

	if (!plan_.server_cpus.empty())
		pin_to_cpu(plan_.server_cpus[index % plan_.server_cpus.size()]);
	else
		consumers_.add_caller();
	for (uint32_t i = 0; i < accepts_; i++) {
		Fd fd(accept4(listener_.get(), nullptr, nullptr, SOCK_CLOEXEC));
		uint32_t which;

		if (!fd || recv(fd.get(), &which, sizeof(which), MSG_WAITALL) != sizeof(which))
			throw_errno(errno, "accept");
		no_delay(fd);
		fds[which % accepts_] = std::move(fd);
	}
	accepted_.count_down();

	for (size_t next = 0;; next = (next + 1) % fds.size()) {
		const int fd = fds[next].get();

		hold_still();
		if (recv(fd, &byte, 1, 0) != 1)
			return;
		let_go(false);
		if (plan_.rounds == 0 && tally.messages % sample_every == 0) {
			add_one(tally.sampled);
			if (incoming_cpu(fd) == sched_getcpu())
				add_one(tally.local);
		}
		add_one(tally.messages);
		if (send(fd, &byte, 1, MSG_NOSIGNAL) != 1)
			return;
		let_go(true);
	}
}

void Traffic::connect_all(uint32_t index)
{
	const Endpoint target = Endpoint::of_socket(listener_.get());
	const std::lock_guard lock(connecting_);

	for (uint32_t i = 0; i < plan_.connections; i++) {
		Fd &fd = connections_[index * plan_.connections + i].fd;

		fd.reset(socket(target.family(), SOCK_STREAM | SOCK_CLOEXEC, 0));
		if (!fd || connect(fd.get(), target.address(), target.length()))
			throw_errno(errno, "connect to " + target.to_string());
		no_delay(fd);
		/* Where CPUs share the work, accept() need not keep the order. */
		if (send(fd.get(), &i, sizeof(i), MSG_NOSIGNAL) != sizeof(i))
			throw_errno(errno, "send");
	}
}

void Traffic::round_trip(size_t turn)
{
	const int fd = connections_[turn % connections_.size()].fd.get();
	char byte = 'x';

	if (plan_.roam)
		only_[static_cast<size_t>(cpus_[turn % cpus_.size()])].set();
	if (send(fd, &byte, 1, MSG_NOSIGNAL) != 1 || recv(fd, &byte, 1, 0) != 1)
		throw_errno(errno, "round trip");
}

void Traffic::take_turns(uint32_t index)
{
	const size_t all = connections_.size();
	const size_t first = plan_.share ? 0 : index * plan_.connections;
	const size_t count = plan_.share ? all : plan_.connections;

	for (size_t turn = index; !stop_.load(std::memory_order_relaxed); turn++) {
		const size_t mine = first + turn % count;
		const std::unique_lock lock(connections_[mine].busy, std::try_to_lock);

		if (lock)
			round_trip(mine);
	}
}

void Traffic::request(uint32_t index)
{
	enter_netns(plan_.client_netns);
	pin_to_cpu(plan_.client_cpus[index % plan_.client_cpus.size()]);
	connect_all(index);
	connected_.arrive_and_wait();
	attached_.wait();
	if (plan_.rounds)
		warm_up_and_count();
	else
		take_turns(index);
}

void Traffic::warm_up_and_count()
{
	/* Goes on from window to window, as the server's does. */
	size_t turn = 0;

	for (uint32_t i = 0; i < plan_.warmup; i++)
		round_trip(turn++);
	for (uint32_t window = 0; window < plan_.windows; window++) {
		const Snapshot before = look();

		mark_begin();
		for (uint32_t i = 0; i < plan_.rounds; i++)
			round_trip(turn++);
		mark_end();
		windows_.push_back(difference(before, look()));
	}
}

void Traffic::burn()
{
	while (!stop_.load(std::memory_order_relaxed)) {
		const auto end = std::chrono::steady_clock::now() + 3ms;

		while (std::chrono::steady_clock::now() < end)
			;
		std::this_thread::sleep_for(2ms);
	}
}

Traffic::Snapshot Traffic::look() const
{
	Snapshot now;

	now.when = std::chrono::steady_clock::now();
	now.counts = counters_.read();
	now.migrations = consumers_.migrations();
	for (const Tally &tally : served_) {
		now.messages += tally.messages;
		now.sampled += tally.sampled;
		now.local += tally.local;
	}
	return now;
}

Figures Traffic::difference(const Snapshot &from, const Snapshot &to) const
{
	const std::chrono::duration<double> elapsed = to.when - from.when;
	const auto messages = static_cast<double>(to.messages - from.messages);
	Figures figures;

	if (plan_.rounds)
		figures.emplace_back("rounds", plan_.rounds);
	else
		figures.emplace_back("rate", messages / elapsed.count());
	if (messages == 0)
		return figures;
	if (to.sampled > from.sampled)
		figures.emplace_back("local",
				     static_cast<double>(to.local - from.local) /
					     static_cast<double>(to.sampled - from.sampled));
	if (plan_.server_cpus.empty())
		figures.emplace_back("migrations",
				     static_cast<double>(to.migrations - from.migrations) /
					     messages);
	for (const auto &[name, value] : to.counts) {
		const uint64_t grown = value - from.counts.at(name);

		if (grown)
			figures.emplace_back(name, static_cast<double>(grown) / messages);
	}
	return figures;
}

std::vector<Figures> Traffic::run()
{
	std::vector<std::jthread> servers, others;

	for (uint32_t i = 0; i < servers_; i++)
		start(servers, [this, i] { serve(i); });
	/* An acceptor that does not wait yet has no lane. */
	std::this_thread::sleep_for(50ms);
	for (uint32_t i = 0; i < plan_.clients; i++)
		start(others, [this, i] { request(i); });
	accepted_.wait();
	if (plan_.attach == Attach::after)
		attach(listener_);
	attached_.count_down();
	for (uint32_t i = 0; i < plan_.burners; i++)
		start(others, [this] { burn(); });

	if (!plan_.rounds) {
		std::this_thread::sleep_for(plan_.duration / 4);
		for (uint32_t window = 0; window < plan_.windows; window++) {
			const Snapshot before = look();

			std::this_thread::sleep_for(plan_.duration);
			windows_.push_back(difference(before, look()));
		}
		stop_ = true;
	}
	others.clear();
	/* The servers see that. */
	connections_.clear();
	return windows_;
}

} // namespace

std::vector<Figures> run_traffic(const Plan &plan)
{
	return Traffic(plan).run();
}

} // namespace lanes
