// SPDX-License-Identifier: GPL-2.0-only
#ifndef LANES_LANESD_ADMIN_H
#define LANES_LANESD_ADMIN_H

#include <functional>
#include <memory>
#include <string>

#include "common/fd.h"
#include "lanesd/figures.h"
#include "lanesd/options.h"
#include "lanesd/rates.h"

namespace lanes {

/** Where the admin listener has its answers from, on threads of its own. May
 *  throw: the answer is 503 then.
 */
struct AdminSource {
	std::function<ServerFigures()> figures;
	std::function<ConnectionsSnapshot()> connections;
	/** What is wrong; empty if nothing is. */
	std::function<std::string()> health;
};

/**
 * An HTTP server for those who watch: /metrics, /stats, /connections, /healthz.
 * Two requests at a time, a few waiting; it never stops a shard for longer than
 * a list of its connections takes.
 */
class Admin {
public:
	/** On @listening, of open(). Throws if it does not listen. */
	Admin(Fd listening, AdminSource source);
	Admin(const Admin &) = delete;
	Admin &operator=(const Admin &) = delete;
	/** Ends all requests soon. What waits to be accepted is left for another
	 *  process that has the socket.
	 */
	~Admin();

	/** A socket that listens there; throws if that cannot be. */
	static Fd open(const AdminTarget &target);

	/** The socket, for another process to serve on. */
	int fd() const;
	/** "ADDR:PORT" or "unix:PATH". */
	std::string where() const;

private:
	class Impl;
	std::unique_ptr<Impl> impl_;
};

} // namespace lanes

#endif
