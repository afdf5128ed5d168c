// SPDX-License-Identifier: GPL-2.0-only
#ifndef LANES_ENGINE_SOCKET_H
#define LANES_ENGINE_SOCKET_H

#include <span>

#include <sys/socket.h>
#include <sys/types.h>
#include <sys/uio.h>

namespace lanes {

/* One system call each, none waits. */

/** Bytes sent, or a negative errno. */
ssize_t send_now(int fd, std::span<const iovec> parts);
/** Whether a byte waits to be received. */
bool has_input_now(int fd);
/** The CPU that processed the connection's last packet; -1 if unknown. */
int incoming_cpu(int fd);
/** AF_UNSPEC if there is no peer any more. */
void find_peer(int fd, sockaddr_storage &address);

} // namespace lanes

#endif
