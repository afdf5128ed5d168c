// SPDX-License-Identifier: GPL-2.0-only
#ifndef LANES_LANECTL_PROCESSES_H
#define LANES_LANECTL_PROCESSES_H

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <sys/types.h>

namespace lanes::ctl {

struct Process {
	pid_t pid = 0;
	/** As in /proc/PID/comm. */
	std::string name;

	bool operator==(const Process &) const = default;
};

/** A descriptor of a process that is a socket. */
struct SocketDescriptor {
	int fd = -1;
	ino_t inode = 0;
};

/** The inode in "socket:[INODE]", as links in /proc/PID/fd have it. */
std::optional<ino_t> socket_inode(std::string_view link);

/** Ascending by descriptor. Throws std::system_error, with /proc/PID/fd, if
 *  they may not be seen or the process is gone.
 */
std::vector<SocketDescriptor> sockets_of(pid_t pid);

/** Who has the sockets open, of the processes that the caller may look into. */
std::map<ino_t, std::vector<Process>> socket_owners();

} // namespace lanes::ctl

#endif
