// SPDX-License-Identifier: GPL-2.0-only
#ifndef LANES_BENCH_NETNS_H
#define LANES_BENCH_NETNS_H

#include <cstdint>
#include <map>
#include <string>

#include "common/fd.h"

namespace lanes {

/** The calling thread's sockets are born in the namespace @name of
 *  `ip netns` from now on; "" leaves it where it is.
 */
void enter_netns(const std::string &name);

using Counts = std::map<std::string, uint64_t>;

/** What a namespace counts: TCP segments received, as "InSegs", those that came
 *  out of order, as "OFO", and what lanes.ko counts while it is loaded.
 */
class NetnsCounters {
public:
	/** Not in a thread whose namespace matters. */
	explicit NetnsCounters(const std::string &name);

	Counts read() const;

private:
	Fd snmp_;
	Fd netstat_;
	Fd lanes_;
};

} // namespace lanes

#endif
