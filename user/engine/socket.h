// SPDX-License-Identifier: GPL-2.0-only
#ifndef LANES_ENGINE_SOCKET_H
#define LANES_ENGINE_SOCKET_H

#include <optional>
#include <span>

#include <sys/types.h>
#include <sys/uio.h>

namespace lanes {

/* One system call each, none waits. */

/** Bytes sent, or a negative errno. */
ssize_t send_now(int fd, std::span<const iovec> parts);
/** Whether a byte waits to be received. */
bool has_input_now(int fd);
/** Whether @cpu processed the connection's last packet; nothing if unknown. */
std::optional<bool> came_by_cpu(int fd, int cpu);

} // namespace lanes

#endif
