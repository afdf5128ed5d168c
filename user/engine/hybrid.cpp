// SPDX-License-Identifier: GPL-2.0-only
#include "engine/hybrid.h"

#include <cerrno>

#include <poll.h>
#include <sys/socket.h>

namespace lanes {

ssize_t HybridEngine::send(uint32_t slot, std::span<const iovec> parts)
{
	Connection &c = connections_[slot];
	constexpr int flags = MSG_NOSIGNAL | MSG_DONTWAIT;
	ssize_t sent;

	if (parts.size() == 1) {
		sent = ::send(c.fd, parts[0].iov_base, parts[0].iov_len, flags);
	} else {
		msghdr message{};

		message.msg_iov = const_cast<iovec *>(parts.data());
		message.msg_iovlen = parts.size();
		sent = sendmsg(c.fd, &message, flags);
	}
	counters_.enters.add();
	if (sent >= 0)
		return sent;
	if (errno != EAGAIN)
		return -errno;
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
