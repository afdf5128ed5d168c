// SPDX-License-Identifier: GPL-2.0-only
#ifndef LANES_LANECTL_LISTENING_H
#define LANES_LANECTL_LISTENING_H

#include <set>

#include <sys/types.h>

#include "common/fd.h"

namespace lanes::ctl {

/** The listening TCP sockets of the network namespace in which it was made,
 *  IPv4 and IPv6, asked of sock_diag(7). That reads the kernel's table of
 *  listeners alone, so its cost has nothing to do with the number of
 *  connections, descriptors or processes.
 */
class ListeningSockets {
public:
	ListeningSockets();

	std::set<ino_t> inodes();

private:
	void ask(int family);
	/* False: that was the end. */
	bool take_answer(std::set<ino_t> &inodes);

	Fd fd_;
};

} // namespace lanes::ctl

#endif
