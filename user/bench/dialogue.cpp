// SPDX-License-Identifier: GPL-2.0-only
#include "bench/dialogue.h"

#include <format>
#include <random>
#include <thread>

#include <cerrno>

#include "bench/acceptor.h"
#include "bench/netns.h"
#include "bench/process.h"
#include "bench/server.h"
#include "bench/shared_memory.h"
#include "bench/thread.h"
#include "common/cpus.h"
#include "common/error.h"

namespace lanes {
namespace {

using namespace std::chrono_literals;

constexpr size_t workers_max = 64;

struct Shared {
	Served served[workers_max];
};

/* Half the plan's to one and a half times that long, so that no two go in step. */
class Pause {
public:
	Pause(std::chrono::microseconds mean, uint32_t seed)
		: random_(seed), length_(mean.count() / 2, mean.count() * 3 / 2)
	{
	}

	void operator()()
	{
		std::this_thread::sleep_for(std::chrono::microseconds(length_(random_)));
	}

private:
	std::minstd_rand random_;
	std::uniform_int_distribution<int64_t> length_;
};

void talk(const Endpoint &target, uint32_t requests, Pause &pause)
{
	const Fd fd(socket(target.family(), SOCK_STREAM | SOCK_CLOEXEC, 0));
	char message[message_size] = "";

	if (!fd || connect(fd.get(), target.address(), target.length()))
		throw_errno(errno, "connect to " + target.to_string());
	for (uint32_t i = 0; i < requests; i++) {
		pause();
		if (send(fd.get(), message, sizeof(message), MSG_NOSIGNAL) != sizeof(message) ||
		    recv(fd.get(), message, sizeof(message), MSG_WAITALL) != sizeof(message))
			throw_errno(errno, "a request");
	}
}

void run_client(const DialoguePlan &plan, size_t index, const Endpoint &target)
{
	std::vector<std::jthread> threads;

	pin_to_cpu(plan.client_cpus[index]);
	for (uint32_t i = 0; i < plan.flight; i++)
		start(threads, [&, i] {
			Pause pause(plan.pause, static_cast<uint32_t>(index) * plan.flight + i + 1);

			for (uint32_t n = i; n < plan.connections; n += plan.flight) {
				pause();
				talk(target, plan.requests, pause);
			}
		});
}

} // namespace

DialogueResult run_dialogue(const DialoguePlan &plan)
{
	SharedMemory<Shared> memory;
	Shared &shared = memory.get();
	std::vector<Process> workers, clients;
	DialogueResult result;

	if (plan.server_cpus.size() > workers_max)
		throw UsageError(std::format("more than {} workers", workers_max));
	if (plan.setup.accept != Accept::epoll && plan.setup.accept != Accept::exclusive)
		throw UsageError("a worker with many connections waits with epoll");
	enter_netns(plan.server_netns);

	const Listeners listeners(plan.setup, plan.address, plan.server_cpus);
	const Endpoint target = listeners.where();

	for (size_t i = 0; i < plan.server_cpus.size(); i++)
		workers.emplace_back("acceptor", [&, i] {
			Server(listeners.of_worker(i), plan.setup.accept, plan.server_cpus[i],
			       shared.served[i])
				.run();
		});
	/* Until all wait: one that does not yet has no lane. */
	std::this_thread::sleep_for(100ms);
	enter_netns(plan.client_netns);
	for (size_t i = 0; i < plan.client_cpus.size(); i++)
		clients.emplace_back("client", [&, i] { run_client(plan, i, target); });
	finish(clients);
	for (const Served &served : shared.served) {
		result.accepted += served.accepted;
		result.requests += served.requests;
		result.local += served.local;
	}
	return result;
}

} // namespace lanes
