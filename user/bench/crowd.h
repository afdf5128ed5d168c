// SPDX-License-Identifier: GPL-2.0-only
#ifndef LANES_BENCH_CROWD_H
#define LANES_BENCH_CROWD_H

#include <vector>

#include <cstdint>

#include "bench/process.h"
#include "bench/setup.h"
#include "common/endpoint.h"
#include "common/fd.h"

namespace lanes {

/** What is there beside the connections that are counted. */
struct CrowdPlan {
	/** Established to the listeners, with both ends here, and idle. */
	uint32_t connections = 0;
	/** On other ports. */
	uint32_t listeners = 0;
	/** These are attached to lanes. */
	bool attached = false;

	bool empty() const { return !connections && !listeners; }
};

/** Where the client of a crowd's Nth connection is bound, and a crowd's Nth
 *  listener: below the ports that the kernel chooses, so that no search for a free
 *  port meets them. They throw UsageError where there are no more.
 */
Endpoint crowd_client(uint32_t index);
Endpoint crowd_listener(uint32_t index);

/** A process that has them all, for its own end: no worker inherits its
 *  descriptors, and they vanish with it at once.
 */
class Crowd {
public:
	/** @cpus: of the listeners' workers. A listener's connections are made and
	 *  accepted on all of them.
	 */
	Crowd(const CrowdPlan &plan, const Listeners &listeners, const std::vector<int> &cpus);

	/** Returns when all are there. */
	void arrive();

private:
	struct Channel {
		Channel();
		Fd ours, its;
	};
	void wait();

	Channel channel_;
	Process process_;
};

} // namespace lanes

#endif
