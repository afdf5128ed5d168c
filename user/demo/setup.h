// SPDX-License-Identifier: GPL-2.0-only
#ifndef LANES_DEMO_SETUP_H
#define LANES_DEMO_SETUP_H

#include <string_view>
#include <vector>

#include "common/endpoint.h"
#include "common/fd.h"

namespace lanes {

/** How the workers share a port. */
enum class Setup {
	/** One stock socket for all. */
	plain,
	/** A socket for each, in one SO_REUSEPORT group. */
	reuseport,
	/** One socket for all, attached to lanes by the first worker. */
	lanes,
};

std::string_view name_of(Setup setup);

/** For each worker, the socket that it shall listen on. */
class Sockets {
public:
	Sockets(Setup setup, size_t workers);

	int of_worker(size_t worker) const { return fds_[worker < fds_.size() ? worker : 0].get(); }
	Endpoint where() const { return Endpoint::of_socket(fds_.front().get()); }
	/** Throws unless the sockets are what the set-up promises. */
	void verify() const;
	/** From now on only the workers keep the sockets open. */
	void close() { fds_.clear(); }

private:
	Setup setup_;
	std::vector<Fd> fds_;
};

} // namespace lanes

#endif
