// SPDX-License-Identifier: GPL-2.0-only
#include "engine/socket.h"

#include <cerrno>

namespace lanes {

ssize_t send_now(int fd, std::span<const iovec> parts)
{
	constexpr int flags = MSG_NOSIGNAL | MSG_DONTWAIT;
	msghdr message{};
	ssize_t sent;

	if (parts.size() == 1) {
		sent = send(fd, parts[0].iov_base, parts[0].iov_len, flags);
	} else {
		message.msg_iov = const_cast<iovec *>(parts.data());
		message.msg_iovlen = parts.size();
		sent = sendmsg(fd, &message, flags);
	}
	return sent < 0 ? -errno : sent;
}

bool has_input_now(int fd)
{
	char byte;

	return recv(fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT) > 0;
}

int incoming_cpu(int fd)
{
	int cpu = -1;
	socklen_t length = sizeof(cpu);

	return getsockopt(fd, SOL_SOCKET, SO_INCOMING_CPU, &cpu, &length) ? -1 : cpu;
}

void find_peer(int fd, sockaddr_storage &address)
{
	socklen_t length = sizeof(address);

	if (getpeername(fd, reinterpret_cast<sockaddr *>(&address), &length))
		address.ss_family = AF_UNSPEC;
}

} // namespace lanes
