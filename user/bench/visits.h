// SPDX-License-Identifier: GPL-2.0-only
#ifndef LANES_BENCH_VISITS_H
#define LANES_BENCH_VISITS_H

#include <string>
#include <vector>

#include <cstdint>

#include "bench/accepted.h"
#include "bench/meeting.h"
#include "common/endpoint.h"

namespace lanes {

/** What a visitor says, and how an answer begins. */
struct Protocol {
	std::string request;
	std::string answer;
};

/** http: a GET of /plaintext. resp: a SET of a key that is this client's. */
Protocol protocol_of(const std::string &name, size_t client);

/** Clients alone, of a server of any make that is there already: a process on each
 *  CPU opens one connection after the other, asks that often, and closes it.
 */
struct VisitPlan {
	/** As protocol_of() knows it. */
	std::string protocol;
	Endpoint server;
	std::vector<int> client_cpus;
	/** Connections of each client. */
	Turns turns;
	/** Of each connection. */
	uint32_t requests = 1;
};

/** One marked window. A server that does not listen yet is waited for.
 *
 *  Returns the window's connections. Local are those that were answered from the CPU
 *  that they came from; over loopback only.
 *  Throws std::runtime_error if an answer is not what the protocol expects, or
 *  ends too early.
 */
AcceptedSum run_visits(const VisitPlan &plan);

} // namespace lanes

#endif
