// SPDX-License-Identifier: GPL-2.0-only
#include "bench/latency.h"

#include <atomic>
#include <format>
#include <fstream>
#include <thread>

#include <cerrno>
#include <csignal>

#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include "bench/acceptor.h"
#include "bench/latency_client.h"
#include "bench/process.h"
#include "bench/shared_memory.h"
#include "common/cpus.h"
#include "common/error.h"
#include "common/lane_figures.h"

namespace lanes {
namespace {

using namespace std::chrono_literals;
using Clock = LatencyClient::Clock;

static_assert(sizeof(LatencyAnswer) == message_size);

constexpr size_t clients_max = 64;
constexpr uint32_t burst = 32;

/* What the processes have in common. */
struct Shared {
	std::atomic<bool> slow{false};
	LatencyOutcome outcomes[clients_max];
};

class Latency {
public:
	explicit Latency(const LatencyPlan &plan);

	Figures run();

private:
	size_t troubled() const { return plan_.server_cpus.size() > 1 ? 1 : 0; }
	void start_workers();
	void answer(const Fd &fd, bool slow) const;
	void request(size_t index) const;
	Schedule schedule(size_t index, uint64_t phase) const;
	void make_trouble();
	void add_lanes(Figures &figures) const;

	const LatencyPlan &plan_;
	SharedMemory<Shared> memory_;
	Shared &shared_;
	Listeners listeners_;
	const Endpoint target_;
	ino_t inode_;
	std::vector<Process> workers_;
	Clock::time_point warmup_, window_;
};

ino_t inode_of(int fd)
{
	struct stat status;

	if (fstat(fd, &status))
		throw_errno(errno, "fstat of a listener");
	return status.st_ino;
}

Latency::Latency(const LatencyPlan &plan)
	: plan_(plan), shared_(memory_.get()),
	  listeners_(plan.setup, plan.address, plan.server_cpus), target_(listeners_.where()),
	  inode_(inode_of(listeners_.of_worker(0)))
{
	if (plan.client_cpus.size() > clients_max)
		throw UsageError(std::format("more than {} clients", clients_max));
	if (plan.pace <= 0ns)
		throw UsageError("no pace");
}

void Latency::start_workers()
{
	for (size_t i = 0; i < plan_.server_cpus.size(); i++)
		workers_.emplace_back("acceptor", [this, i] {
			const bool slow = plan_.trouble == Trouble::slow && i == troubled();

			listeners_.keep_only(i);
			Acceptor(listeners_.of_worker(i), plan_.setup.accept, plan_.server_cpus[i],
				 [this, slow](const Fd &fd) { answer(fd, slow); })
				.run();
		});
	/* A worker that is killed shall leave no listener behind. */
	listeners_.close();
}

/* A client that has given up is no failure. */
void Latency::answer(const Fd &fd, bool slow) const
{
	const auto accepted = Clock::now().time_since_epoch();
	LatencyAnswer message;

	if (recv(fd.get(), &message, sizeof(message), MSG_WAITALL) != sizeof(message))
		return;
	if (slow && shared_.slow)
		std::this_thread::sleep_for(plan_.slowness);
	message.accepted_ns = std::chrono::nanoseconds(accepted).count();
	send(fd.get(), &message, sizeof(message), MSG_NOSIGNAL);
}

Schedule Latency::schedule(size_t index, uint64_t phase) const
{
	return {plan_.pace, plan_.trouble == Trouble::burst ? burst : 1,
		(plan_.seed * 2 + phase) * clients_max + index};
}

void Latency::request(size_t index) const
{
	LatencyClient client(target_, plan_.timeout);
	LatencyOutcome warmup;

	pin_to_cpu(plan_.client_cpus[plan_.trouble == Trouble::skewed ? 0 : index]);
	/* Else a timer may come 50 microseconds late. */
	if (prctl(PR_SET_TIMERSLACK, 1))
		throw_errno(errno, "PR_SET_TIMERSLACK");
	client.run(warmup_, schedule(index, 0), plan_.warmup, warmup);
	if (warmup.failed || warmup.unserved)
		throw std::runtime_error("a request without trouble had no answer");
	if (Clock::now() >= window_)
		throw std::runtime_error("the requests before the trouble took too long");
	client.run(window_, schedule(index, 1), plan_.requests, shared_.outcomes[index]);
}

/* While nobody asks for anything. */
void Latency::make_trouble()
{
	std::this_thread::sleep_until(window_ - 50ms);
	if (plan_.trouble == Trouble::slow)
		shared_.slow = true;
	if (plan_.trouble == Trouble::stopped)
		workers_[troubled()].signal(SIGSTOP);
	if (plan_.trouble != Trouble::killed)
		return;
	std::this_thread::sleep_until(window_ + plan_.pace * plan_.requests / 3);
	/* By SIGKILL. */
	workers_.erase(workers_.begin() + troubled());
}

void Latency::add_lanes(Figures &figures) const
{
	std::ifstream file("/proc/net/lanes");
	LaneFigures sum;

	for (const auto &[cpu, lane] : read_lane_figures(file, {inode_}))
		sum.add(lane);
	figures.emplace_back("local", sum.local);
	figures.emplace_back("global", sum.global);
	figures.emplace_back("stolen", sum.stolen);
	figures.emplace_back("spilled", sum.spilled);
}

void add_quantiles(Figures &figures, const std::string &name, const HistogramSnapshot &values)
{
	const auto add = [&](const char *suffix, double fraction) {
		figures.emplace_back(name + suffix,
				     static_cast<double>(values.quantile(fraction)) / 1000);
	};

	add("_p50_us", 0.5);
	add("_p99_us", 0.99);
	add("_p999_us", 0.999);
}

Figures Latency::run()
{
	HistogramSnapshot accept_wait, request_time;
	std::vector<Process> clients;
	uint64_t failed = 0, unserved = 0;

	start_workers();
	/* Until all wait: one that does not yet has no lane. */
	warmup_ = Clock::now() + 200ms;
	window_ = warmup_ + plan_.pace * plan_.warmup + plan_.timeout;
	for (size_t i = 0; i < plan_.client_cpus.size(); i++)
		clients.emplace_back("client", [this, i] { request(i); });
	make_trouble();
	finish(clients);

	for (const LatencyOutcome &outcome : shared_.outcomes) {
		accept_wait.merge(outcome.accept_wait);
		request_time.merge(outcome.request);
		failed += outcome.failed;
		unserved += outcome.unserved;
	}

	Figures figures{
		{"connections", request_time.count()}, {"failed", failed}, {"unserved", unserved}};

	add_quantiles(figures, "accept_wait", accept_wait);
	add_quantiles(figures, "request", request_time);
	if (plan_.setup.sharing == Sharing::lanes)
		add_lanes(figures);
	return figures;
}

} // namespace

const std::map<std::string, Trouble> &troubles()
{
	static const std::map<std::string, Trouble> all = {
		{"none", Trouble::none},       {"slow", Trouble::slow},
		{"stopped", Trouble::stopped}, {"killed", Trouble::killed},
		{"skewed", Trouble::skewed},   {"burst", Trouble::burst},
	};

	return all;
}

Figures measure_latency(const LatencyPlan &plan)
{
	return Latency(plan).run();
}

} // namespace lanes
