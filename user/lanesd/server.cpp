// SPDX-License-Identifier: GPL-2.0-only
#include "lanesd/server.h"

#include <cerrno>
#include <csignal>

#include <sys/eventfd.h>
#include <unistd.h>

#include "common/cpus.h"
#include "common/error.h"
#include "lanesd/report.h"
#include "lanesd/shard.h"

namespace lanes {

Server::Server(const Options &options, int listen_fd)
	: stop_fd_(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)), workers_(options.cpus.size())
{
	if (!stop_fd_)
		throw_errno(errno, "eventfd");
	try {
		for (size_t i = 0; i < workers_.size(); i++) {
			Worker &worker = workers_[i];

			worker.cpu = options.cpus[i];
			worker.thread = std::thread([this, &worker, options, listen_fd] {
				serve(worker, options, listen_fd);
			});
		}
		for (Worker &worker : workers_)
			worker.ready.get_future().get();
	} catch (...) {
		join();
		throw;
	}
}

Server::~Server()
{
	join();
}

void Server::serve(Worker &worker, const Options &options, int listen_fd)
{
	bool serving = false;

	try {
		pin_to_cpu(worker.cpu);

		Shard shard({.cpu = worker.cpu,
			     .listen_fd = listen_fd,
			     .stop_fd = stop_fd_.get(),
			     .connections_max = options.connections_max,
			     .buffers = options.buffers},
			    worker.counters);

		shard.start();
		serving = true;
		worker.ready.set_value();
		shard.run();
	} catch (...) {
		if (!serving) {
			worker.ready.set_exception(std::current_exception());
			return;
		}
		worker.failure = std::current_exception();
		/* The main thread waits for signals. */
		kill(getpid(), SIGTERM);
	}
}

void Server::join()
{
	const uint64_t one = 1;

	/* Only a full counter refuses, and that is readable too. */
	if (write(stop_fd_.get(), &one, sizeof(one)) < 0 && errno != EAGAIN)
		std::terminate();
	for (Worker &worker : workers_)
		if (worker.thread.joinable())
			worker.thread.join();
}

void Server::stop()
{
	join();
	for (Worker &worker : workers_)
		if (worker.failure)
			std::rethrow_exception(worker.failure);
}

std::string Server::report() const
{
	std::vector<ShardReport> shards;

	for (const Worker &worker : workers_)
		shards.push_back(take_report(worker.cpu, worker.counters));
	return format_report(shards);
}

} // namespace lanes
