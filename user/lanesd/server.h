// SPDX-License-Identifier: GPL-2.0-only
#ifndef LANES_LANESD_SERVER_H
#define LANES_LANESD_SERVER_H

#include <exception>
#include <future>
#include <string>
#include <thread>
#include <vector>

#include "common/fd.h"
#include "lanesd/counters.h"
#include "lanesd/options.h"

namespace lanes {

/** The shards, each on a thread of its own that is bound to its CPU. */
class Server {
public:
	/** Returns when every shard has armed accept. */
	Server(const Options &options, int listen_fd);
	Server(const Server &) = delete;
	Server &operator=(const Server &) = delete;
	/** Stops, and waits for the threads. */
	~Server();

	/** Rethrows what made a shard fail. */
	void stop();
	std::string report() const;

private:
	struct Worker {
		int cpu = -1;
		Counters counters;
		std::promise<void> ready;
		std::exception_ptr failure;
		std::thread thread;
	};

	void serve(Worker &worker, const Options &options, int listen_fd);
	void join();

	Fd stop_fd_;
	std::vector<Worker> workers_;
};

} // namespace lanes

#endif
