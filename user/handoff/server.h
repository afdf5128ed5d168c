// SPDX-License-Identifier: GPL-2.0-only
#ifndef LANES_HANDOFF_SERVER_H
#define LANES_HANDOFF_SERVER_H

#include <thread>
#include <unordered_set>
#include <vector>

#include "common/endpoint.h"
#include "handoff/queue.h"

namespace lanes::handoff {

/**
 * The layout of common Go servers, and what is compared with: one thread waits
 * for all connections and reads, and hands what it read to worker threads,
 * which answer and send.
 */
class Server {
public:
	/** Serves until it is destroyed; throws if it cannot listen. */
	Server(const Endpoint &listen, unsigned workers);
	~Server();

	Endpoint where() const { return Endpoint::of_socket(listener_.get()); }

private:
	void poll();
	void accept_all();
	void read(Connection &connection);
	void work();
	void answer(Connection &connection, Buffer *input, std::vector<Buffer *> &used);

	Fd listener_;
	Fd epoll_;
	Fd stop_;
	Pool pool_;
	Queue queue_;
	/* The poller's. */
	std::vector<Buffer *> spare_;
	std::vector<Connection *> batch_;
	std::mutex mutex_;
	std::unordered_set<Connection *> connections_;
	std::vector<std::thread> threads_;
};

} // namespace lanes::handoff

#endif
