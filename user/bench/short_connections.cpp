// SPDX-License-Identifier: GPL-2.0-only
#include "bench/short_connections.h"

#include <chrono>
#include <format>
#include <optional>
#include <span>
#include <thread>

#include <cerrno>

#include "bench/acceptor.h"
#include "bench/direct_acceptor.h"
#include "bench/netns.h"
#include "bench/process.h"
#include "bench/shared_memory.h"
#include "common/cpus.h"
#include "common/error.h"

namespace lanes {
namespace {

using namespace std::chrono_literals;

constexpr size_t workers_max = 64;

/* What the processes have in common. */
struct Shared {
	explicit Shared(size_t processes) : clients(processes) {}

	Meeting clients;
	AcceptedSum result;
	Accepted accepted[workers_max];
};

void answer(const Fd &fd, int cpu, Accepted &accepted)
{
	char message[message_size];

	accepted.add(incoming_cpu(fd.get()) == cpu);
	if (recv(fd.get(), message, sizeof(message), MSG_WAITALL) != sizeof(message) ||
	    send(fd.get(), message, sizeof(message), MSG_NOSIGNAL) != sizeof(message))
		throw_errno(errno, "a request");
}

void connect_once(const Endpoint &target)
{
	const Fd fd(socket(target.family(), SOCK_STREAM | SOCK_CLOEXEC, 0));
	char message[message_size] = "";

	if (!fd || connect(fd.get(), target.address(), target.length()))
		throw_errno(errno, "connect to " + target.to_string());
	if (send(fd.get(), message, sizeof(message), MSG_NOSIGNAL) != sizeof(message) ||
	    recv(fd.get(), message, sizeof(message), MSG_WAITALL) != sizeof(message))
		throw_errno(errno, "a request");
	/* The server closes first. */
	if (recv(fd.get(), message, sizeof(message), 0))
		throw_errno(errno, "the end of a connection");
}

/* A worker may count a connection after its client has seen its end. */
AcceptedSum sum_when(std::span<const Accepted> each, uint64_t expected)
{
	AcceptedSum sum = sum_of(each);

	for (int tries = 0; sum.all < expected && tries < 1000; tries++) {
		std::this_thread::sleep_for(1ms);
		sum = sum_of(each);
	}
	return sum;
}

void run_client(const ShortPlan &plan, size_t index, const Endpoint &target, Shared &shared)
{
	const uint64_t warmup = uint64_t{plan.turns.warmup} * plan.client_cpus.size();
	const uint64_t counted = uint64_t{plan.turns.counted} * plan.client_cpus.size();
	AcceptedSum before;

	pin_to_cpu(plan.client_cpus[index]);
	take_part(
		shared.clients, !index, plan.turns, [&] { connect_once(target); },
		[&] { before = sum_when(shared.accepted, warmup); },
		[&] { shared.result = sum_when(shared.accepted, warmup + counted) - before; });
}

} // namespace

AcceptedSum run_short_connections(const ShortPlan &plan)
{
	SharedMemory<Shared> memory(plan.client_cpus.size());
	Shared &shared = memory.get();
	std::vector<Process> workers, clients;

	if (plan.server_cpus.size() > workers_max)
		throw UsageError(std::format("more than {} workers", workers_max));
	enter_netns(plan.server_netns);

	const Listeners listeners(plan.setup, plan.address, plan.server_cpus);
	const Endpoint target = listeners.where();
	std::optional<Crowd> crowd;

	if (!plan.crowd.empty()) {
		crowd.emplace(plan.crowd, listeners, plan.server_cpus);
		crowd->arrive();
	}
	for (size_t i = 0; i < plan.server_cpus.size(); i++)
		workers.emplace_back("acceptor", [&, i] {
			const int cpu = plan.server_cpus[i];
			Accepted &accepted = shared.accepted[i];

			if (plan.setup.accept == Accept::uring_direct)
				DirectAcceptor(listeners.of_worker(i), cpu, accepted).run();
			Acceptor(listeners.of_worker(i), plan.setup.accept, cpu,
				 [&, cpu](const Fd &fd) { answer(fd, cpu, accepted); })
				.run();
		});
	/* Until all wait: one that does not yet has no lane. */
	std::this_thread::sleep_for(100ms);
	enter_netns(plan.client_netns);
	for (size_t i = 0; i < plan.client_cpus.size(); i++)
		clients.emplace_back("client", [&, i] { run_client(plan, i, target, shared); });
	finish(clients);
	if (shared.result.all != plan.turns.counted * plan.client_cpus.size())
		throw std::runtime_error(std::format("{} connections of {} were accepted",
						     shared.result.all,
						     plan.turns.counted * plan.client_cpus.size()));
	return shared.result;
}

} // namespace lanes
