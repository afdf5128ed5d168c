// SPDX-License-Identifier: GPL-2.0-only
#ifndef LANES_LANECTL_FOLLOWER_H
#define LANES_LANECTL_FOLLOWER_H

#include <map>
#include <vector>

#include <sys/types.h>

#include "lanectl/listening.h"

namespace lanes::ctl {

/** The descendants of the calling process that are there now. */
std::vector<pid_t> descendants();

/**
 * Attaches what descendants of the calling process listen on, each time that it
 * is asked to look.
 *
 * Looks, since the kernel tells nobody of a listen(2): proc events know only
 * processes, sock_diag only sockets that end. What would tell intrudes or asks
 * for much: a seccomp listener needs no_new_privs or CAP_SYS_ADMIN, stays in all
 * descendants, and breaks listen(2) when its supervisor dies; ptrace and
 * LD_PRELOAD are injection; BPF needs privileges. A look that comes late loses
 * nothing, as an attach takes over what is queued.
 */
class Follower {
public:
	/** Attaches what is new; says on standard error what could not be. */
	void look();

private:
	/* A listener may be held by a process that was not seen yet: how often a
	 * new one is searched for, until it is another program's.
	 */
	static constexpr unsigned searches_max = 20;

	void search(pid_t pid);

	ListeningSockets listening_;
	/* How often each listener has been searched for. */
	std::map<ino_t, unsigned> searches_;
};

} // namespace lanes::ctl

#endif
