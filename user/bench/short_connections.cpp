// SPDX-License-Identifier: GPL-2.0-only
#include "bench/short_connections.h"

#include <chrono>
#include <exception>
#include <format>
#include <new>
#include <span>
#include <thread>
#include <utility>

#include <cerrno>
#include <csignal>
#include <cstdio>

#include <pthread.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>

#include "bench/acceptor.h"
#include "bench/mark.h"
#include "bench/netns.h"
#include "common/cpus.h"
#include "common/error.h"

namespace lanes {
namespace {

using namespace std::chrono_literals;

constexpr size_t workers_max = 64;

/* What the processes have in common. */
struct Shared {
	pthread_barrier_t clients;
	ShortResult result;
	Accepted accepted[workers_max];
};

class SharedMemory {
public:
	SharedMemory(const SharedMemory &) = delete;
	SharedMemory &operator=(const SharedMemory &) = delete;
	explicit SharedMemory(size_t clients)
	{
		void *memory = mmap(nullptr, sizeof(Shared), PROT_READ | PROT_WRITE,
				    MAP_SHARED | MAP_ANONYMOUS, -1, 0);
		pthread_barrierattr_t attributes;

		if (memory == MAP_FAILED)
			throw_errno(errno, "mmap");
		shared_ = new (memory) Shared;
		pthread_barrierattr_init(&attributes);
		pthread_barrierattr_setpshared(&attributes, PTHREAD_PROCESS_SHARED);
		pthread_barrier_init(&shared_->clients, &attributes,
				     static_cast<unsigned>(clients));
	}
	~SharedMemory() { munmap(shared_, sizeof(Shared)); }

	Shared &get() { return *shared_; }

private:
	Shared *shared_;
};

/* A child that ends with its owner. */
class Process {
public:
	template <typename Body> explicit Process(Body body) : pid_(fork())
	{
		if (pid_ < 0)
			throw_errno(errno, "fork");
		if (pid_)
			return;
		try {
			prctl(PR_SET_PDEATHSIG, SIGKILL);
			body();
			_exit(0);
		} catch (const std::exception &error) {
			std::fprintf(stderr, "lanes-bench: %s\n", error.what());
			_exit(1);
		}
	}
	Process(Process &&other) noexcept : pid_(std::exchange(other.pid_, -1)) {}
	~Process()
	{
		if (pid_ < 0)
			return;
		kill(pid_, SIGKILL);
		waitpid(pid_, nullptr, 0);
	}

	bool alive()
	{
		if (!waitpid(pid_, nullptr, WNOHANG))
			return true;
		pid_ = -1;
		return false;
	}
	void finish()
	{
		int status = -1;

		waitpid(std::exchange(pid_, -1), &status, 0);
		if (status)
			throw std::runtime_error("a client failed");
	}

private:
	pid_t pid_;
};

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

ShortResult sum(std::span<const Accepted> all)
{
	ShortResult sum;

	for (const Accepted &accepted : all) {
		sum.accepted += accepted.all;
		sum.local += accepted.local;
	}
	return sum;
}

/* The first client's window holds those of all. */
void run_client(const ShortPlan &plan, size_t index, const Endpoint &target, Shared &shared)
{
	const auto meet = [&] { pthread_barrier_wait(&shared.clients); };
	ShortResult before;

	pin_to_cpu(plan.client_cpus[index]);
	for (uint32_t i = 0; i < plan.warmup; i++)
		connect_once(target);
	meet();
	if (!index) {
		before = sum(shared.accepted);
		mark_begin();
	}
	meet();
	for (uint32_t i = 0; i < plan.connections; i++)
		connect_once(target);
	meet();
	if (!index) {
		mark_end();
		const ShortResult after = sum(shared.accepted);

		shared.result.accepted = after.accepted - before.accepted;
		shared.result.local = after.local - before.local;
	}
}

} // namespace

ShortResult run_short_connections(const ShortPlan &plan)
{
	SharedMemory memory(plan.client_cpus.size());
	Shared &shared = memory.get();
	std::vector<Process> workers, clients;

	if (plan.server_cpus.size() > workers_max)
		throw UsageError(std::format("more than {} workers", workers_max));
	enter_netns(plan.server_netns);

	const Listeners listeners(plan.setup, plan.address, plan.server_cpus);
	const Endpoint target = listeners.where();

	for (size_t i = 0; i < plan.server_cpus.size(); i++)
		workers.emplace_back([&, i] {
			Acceptor(listeners.of_worker(i), plan.setup.accept, plan.server_cpus[i],
				 shared.accepted[i])
				.run();
		});
	/* Until all wait: one that does not yet has no lane. */
	std::this_thread::sleep_for(100ms);
	enter_netns(plan.client_netns);
	for (size_t i = 0; i < plan.client_cpus.size(); i++)
		clients.emplace_back([&, i] { run_client(plan, i, target, shared); });
	for (Process &client : clients)
		client.finish();
	for (Process &worker : workers)
		if (!worker.alive())
			throw std::runtime_error("a worker failed");
	if (shared.result.accepted != plan.connections * plan.client_cpus.size())
		throw std::runtime_error(std::format("{} connections of {} were accepted",
						     shared.result.accepted,
						     plan.connections * plan.client_cpus.size()));
	return shared.result;
}

} // namespace lanes
