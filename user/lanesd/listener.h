// SPDX-License-Identifier: GPL-2.0-only
#ifndef LANES_LANESD_LISTENER_H
#define LANES_LANESD_LISTENER_H

#include <string>

#include "common/endpoint.h"
#include "common/fd.h"
#include "lanesd/options.h"

namespace lanes {

/** The one listening socket, own or inherited. */
class Listener {
public:
	explicit Listener(const ListenTarget &target);

	int fd() const { return fd_.get(); }
	Endpoint where() const { return Endpoint::of_socket(fd()); }

	/** Asks for a local accept queue on every CPU. Returns what happened,
	 *  in one line: the server works either way.
	 */
	std::string attach();

private:
	void open(const Endpoint &endpoint);
	void adopt(int fd);

	Fd fd_;
};

} // namespace lanes

#endif
