// SPDX-License-Identifier: GPL-2.0-only
#include "engine/hybrid.h"

#include <cerrno>

#include <poll.h>

#include "engine/socket.h"

namespace lanes {

ssize_t HybridEngine::send(uint32_t slot, std::span<const iovec> parts)
{
	Connection &c = connections_[slot];
	const ssize_t sent = send_now(c.fd, parts);

	counters_.enters.add();
	if (sent != -EAGAIN)
		return sent;
	c.sending = true;
	ring_.queue(connections_.token(Operation::send_poll, slot),
		    [&](io_uring_sqe *sqe) { io_uring_prep_poll_add(sqe, c.fd, POLLOUT); });
	return pending;
}

/* The socket takes more, or is broken: the next send() will tell. */
void HybridEngine::on_other(const Completion &completion)
{
	const uint32_t slot = completion.token.slot;

	connections_[slot].sending = false;
	events_.sent(slot, completion.result < 0 ? completion.result : 0);
}

} // namespace lanes
