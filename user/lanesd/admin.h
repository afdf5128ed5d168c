// SPDX-License-Identifier: GPL-2.0-only
#ifndef LANES_LANESD_ADMIN_H
#define LANES_LANESD_ADMIN_H

#include <functional>
#include <memory>
#include <string>

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
	/** Throws if it cannot listen on @target. */
	Admin(const AdminTarget &target, AdminSource source);
	Admin(const Admin &) = delete;
	Admin &operator=(const Admin &) = delete;
	/** Ends all requests soon. */
	~Admin();

	/** "ADDR:PORT" or "unix:PATH". */
	const std::string &where() const;

private:
	class Impl;
	std::unique_ptr<Impl> impl_;
};

} // namespace lanes

#endif
