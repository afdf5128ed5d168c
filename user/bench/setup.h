// SPDX-License-Identifier: GPL-2.0-only
#ifndef LANES_BENCH_SETUP_H
#define LANES_BENCH_SETUP_H

#include <map>
#include <string>
#include <vector>

#include "common/endpoint.h"
#include "common/fd.h"

namespace lanes {

/** How workers have a port in common. */
enum class Sharing {
	/** One stock socket. */
	shared,
	/** A socket for each in a SO_REUSEPORT group: chosen by hash. */
	reuseport_hash,
	/** By a classic BPF program that returns the CPU. */
	reuseport_cbpf,
	/** By SO_INCOMING_CPU. */
	incoming_cpu,
	/** One socket, attached to lanes. */
	lanes,
};

/** How a worker waits for a connection. */
enum class Accept {
	block,
	/** Level triggered. */
	epoll,
	/** With EPOLLEXCLUSIVE. */
	exclusive,
	/** A multishot accept of io_uring. */
	uring,
	/** Likewise into direct descriptors, and all else by io_uring, too. */
	uring_direct,
};

struct Setup {
	Sharing sharing = Sharing::shared;
	Accept accept = Accept::block;
};

/** All set-ups by name. */
const std::map<std::string, Setup> &setups();

/** For each worker, the socket that it listens on. */
class Listeners {
public:
	/** At a port of the kernel's choice; the Nth worker is on the Nth of @cpus. */
	Listeners(Setup setup, const std::string &address, const std::vector<int> &cpus);

	int of_worker(size_t worker) const { return fds_[worker < fds_.size() ? worker : 0].get(); }
	/** Closes all but this worker's, so that each has one owner only. */
	void keep_only(size_t worker);
	void close() { fds_.clear(); }
	Endpoint where() const { return Endpoint::of_socket(fds_.front().get()); }

private:
	std::vector<Fd> fds_;
};

} // namespace lanes

#endif
