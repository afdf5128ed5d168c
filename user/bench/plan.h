// SPDX-License-Identifier: GPL-2.0-only
#ifndef LANES_BENCH_PLAN_H
#define LANES_BENCH_PLAN_H

#include <chrono>
#include <format>
#include <string>
#include <vector>

#include <cstdint>

#include "common/endpoint.h"

namespace lanes {

/** Which listener lanes.ko is attached to. */
enum class Attach {
	none,
	/** Another one in the server's namespace. */
	other,
	/** The server's, before the first connection. */
	before,
	/** The server's, when all connections are there. */
	after,
};

/** How an unbound server thread waits for data. */
enum class Wait {
	/** As it is. */
	plain,
	/** Bound to the CPU where it happens to be, until data has come. */
	pinned,
	/** And until it has answered. */
	pinned_answer,
	/** With as many system calls, which change nothing. */
	control,
};

/** One run: clients that send a byte and wait for it, on connections that stay, or
 *  that are made for it.
 */
struct Plan {
	std::string client_netns;
	std::string server_netns;
	std::string address = "127.0.0.1";
	/** 0: any. */
	uint16_t port = 0;
	Attach attach = Attach::none;
	Wait wait = Wait::plain;

	/** The Nth thread is bound to the Nth of these, from the front again when
	 *  they are used up. No server CPUs: unbound.
	 */
	std::vector<int> client_cpus;
	std::vector<int> server_cpus;
	/** The one client goes on to the next CPU before each byte. */
	bool roam = false;
	/** All clients use all connections in turn, so that the bytes of each come
	 *  from changing CPUs while nobody moves.
	 */
	bool share = false;

	uint32_t clients = 1;
	/** Of each client. */
	uint32_t connections = 1;
	/** Threads that compute now and then, on any CPU. */
	uint32_t burners = 0;

	/** A window is that many round trips of one client and one server thread,
	 *  or that long, with a server thread for each connection.
	 */
	uint32_t rounds = 0;
	std::chrono::milliseconds duration{0};
	uint32_t windows = 1;
	uint32_t warmup = 200;

	/** Or that many connections, in which case one begins each time this has
	 *  passed.
	 */
	std::chrono::microseconds pace{0};

	Endpoint server() const { return Endpoint::parse(std::format("{}:{}", address, port)); }
};

} // namespace lanes

#endif
