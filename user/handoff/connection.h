// SPDX-License-Identifier: GPL-2.0-only
#ifndef LANES_HANDOFF_CONNECTION_H
#define LANES_HANDOFF_CONNECTION_H

#include <mutex>

#include "common/fd.h"
#include "handoff/pool.h"

namespace lanes::handoff {

/**
 * A connection that the poller reads and at most one worker at a time answers:
 * whoever sets busy queues it, and the worker clears it when no input is left.
 */
class Connection {
public:
	explicit Connection(Fd socket) : fd_(std::move(socket)) {}

	int fd() const { return fd_.get(); }

	/** The poller's: true if the connection must be queued for a worker. */
	bool append(Buffer *buffer);
	/** The poller's last call: true if a worker must be queued to delete it;
	 *  otherwise the one that is busy with it will.
	 */
	bool end();

	/** The worker's: all input, as a list. Nothing is left: null, and the
	 *  connection is no longer the worker's, unless it has @ended.
	 */
	Buffer *take(bool &ended);

private:
	bool claim();

	Fd fd_;
	std::mutex mutex_;
	Buffer *first_ = nullptr;
	Buffer *last_ = nullptr;
	bool busy_ = false;
	bool ended_ = false;
};

} // namespace lanes::handoff

#endif
