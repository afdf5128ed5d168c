// SPDX-License-Identifier: GPL-2.0-only
#ifndef LANES_BENCH_DIALOGUE_H
#define LANES_BENCH_DIALOGUE_H

#include <chrono>
#include <string>
#include <vector>

#include <cstdint>

#include "bench/setup.h"

namespace lanes {

/** Connections that last: a client waits, asks and gets an answer, again and again.
 *  A client process on each of its CPUs, and on each CPU of the server a worker
 *  process that serves all that it has accepted with epoll.
 */
struct DialoguePlan {
	Setup setup;
	std::string client_netns;
	std::string server_netns;
	std::string address;
	std::vector<int> client_cpus;
	std::vector<int> server_cpus;
	/** Of each client. */
	uint32_t connections = 0;
	/** Of each client at a time. */
	uint32_t flight = 1;
	/** Of each connection. */
	uint32_t requests = 1;
	/** Before each of these, on average. */
	std::chrono::microseconds pause{0};
};

struct DialogueResult {
	uint64_t accepted = 0;
	uint64_t requests = 0;
	/** Processed on the CPU of the worker that read them. */
	uint64_t local = 0;
};

DialogueResult run_dialogue(const DialoguePlan &plan);

} // namespace lanes

#endif
