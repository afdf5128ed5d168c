// SPDX-License-Identifier: GPL-2.0-only
#ifndef LANES_LANECTL_ATTACH_H
#define LANES_LANECTL_ATTACH_H

#include <optional>
#include <string>
#include <vector>

#include <cstdint>

#include <sys/types.h>

#include "common/fd.h"
#include "lanectl/options.h"
#include "lanectl/processes.h"

namespace lanes::ctl {

/** A listening TCP socket of another process, and a descriptor of ours for it. */
struct BorrowedListener {
	Fd fd;
	/** Its number in the process. */
	SocketDescriptor origin;
	std::string address;
};

/** A process whose sockets can be borrowed: the same process even if its
 *  number is given away again.
 */
class Lender {
public:
	/** Throws if there is no such process or it may not be looked into. */
	explicit Lender(pid_t pid);

	/** Each listening TCP socket once, those on @port if there is one. */
	std::vector<BorrowedListener> listeners(std::optional<uint16_t> port) const;
	/** The one that is @socket; nothing if it is gone or does not listen. */
	std::optional<BorrowedListener> listener(const SocketDescriptor &socket) const;

private:
	pid_t pid_;
	Fd pidfd_;
};

enum class Outcome {
	attached,
	/** It had lanes already. */
	kept,
	detached,
	/** It had no lanes. */
	left,
};

/** Throw with the errno's cause and remedy; @what names the socket. */
Outcome attach(int fd, const std::string &what);
Outcome detach(int fd, const std::string &what);

/** Attaches or detaches all that is asked for, returns a line for each. What
 *  has been done when it throws stays done.
 */
std::string change_listeners(const ChangeListeners &change, Style style);

} // namespace lanes::ctl

#endif
