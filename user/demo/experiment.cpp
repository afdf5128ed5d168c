// SPDX-License-Identifier: GPL-2.0-only
#include "demo/experiment.h"

#include <algorithm>
#include <future>
#include <thread>

#include <csignal>

#include "demo/worker.h"

namespace lanes {

std::string_view name_of(Trouble trouble)
{
	switch (trouble) {
	case Trouble::none:
		return "all workers well";
	case Trouble::stopped:
		return "first worker stopped (SIGSTOP)";
	case Trouble::killed:
		return "first worker killed (SIGKILL)";
	case Trouble::hung:
		return "first worker stopped, then killed";
	}
	return "?";
}

namespace {

/* How many connections a stopped worker had accepted and not closed. */
uint64_t inflict(const Worker &worker, Trouble trouble, std::chrono::microseconds duration)
{
	const auto start = std::chrono::steady_clock::now();
	uint64_t held = 0;

	if (trouble == Trouble::none)
		return held;
	std::this_thread::sleep_until(start + duration / 3);
	worker.signal(trouble == Trouble::killed ? SIGKILL : SIGSTOP);
	if (trouble == Trouble::killed)
		return held;
	std::this_thread::sleep_until(start + duration * 2 / 3);
	held = worker.connections();
	if (trouble == Trouble::hung)
		worker.signal(SIGKILL);
	return held;
}

} // namespace

Outcome experiment(const Conditions &conditions, Setup setup, Trouble trouble)
{
	Sockets sockets(setup, conditions.cpus.size());
	const LoadPlan plan = {
		.target = sockets.where(),
		.cpus = conditions.cpus,
		.connections = conditions.connections,
		.interval = conditions.interval,
		.timeout = conditions.timeout,
	};
	std::vector<Worker> workers;
	Outcome outcome;

	for (size_t i = 0; i < conditions.cpus.size(); i++)
		workers.emplace_back(conditions.lanesd, conditions.cpus[i], sockets.of_worker(i),
				     setup == Setup::lanes);
	sockets.verify();
	sockets.close();

	auto load = std::async(std::launch::async, [&plan] { return run_load(plan); });

	outcome.held = inflict(workers.front(), trouble, plan.connections * plan.interval);
	outcome.load = load.get();
	if (trouble != Trouble::none)
		return outcome;

	for (Worker &worker : workers) {
		const WorkerReport report = worker.finish();

		outcome.accepted += report.accepted;
		outcome.local += report.local;
		outcome.busiest = std::max(outcome.busiest, report.accepted);
	}
	return outcome;
}

} // namespace lanes
