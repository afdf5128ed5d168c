// SPDX-License-Identifier: GPL-2.0-only
#ifndef LANES_LANESD_TAKEOVER_H
#define LANES_LANESD_TAKEOVER_H

#include <chrono>
#include <optional>
#include <string>
#include <vector>

#include <sys/socket.h>

#include "common/fd.h"

namespace lanes {

/*
 * How one lanesd takes another one's place, over a SOCK_SEQPACKET connection;
 * each message is JSON with a version:
 *
 *	predecessor -> successor	sockets, with the descriptors
 *	successor -> predecessor	ready: its shards accept
 *	predecessor -> successor	draining: it does not, from now on
 *
 * Until the last one is sent nothing has happened to the predecessor. The socket
 * bound to the path is the first of the descriptors, so that the path is never
 * without a listener, and the admin listener's, if there is one, the last.
 */

/** A listening socket and what it was for. */
struct HandedSocket {
	Fd fd;
	std::string service;
	/** As to_string(). */
	std::string target;
};

struct TakeoverTimes {
	std::chrono::milliseconds connect{5'000};
	/** The predecessor may have another successor, or just begin. */
	std::chrono::milliseconds sockets{30'000};
	/** The successor's start. */
	std::chrono::milliseconds ready{30'000};
	std::chrono::milliseconds draining{5'000};
};

/** What is wrong with a peer; nothing if it may take over from, or hand over
 *  to, a process of @own.
 */
std::string refuse_peer(const ucred &peer, uid_t own);

/** The path's socket: of us, or connected to the lanesd that has it. */
struct TakeoverPath {
	Fd listening;
	Fd predecessor;
};

/** Binds @path, or connects to who has. What nobody listens at is replaced.
 *  Two that do this at once agree on who was first.
 */
TakeoverPath claim_takeover_path(const std::string &path, const TakeoverTimes &times = {});

/** A successor's view of its predecessor. */
class Predecessor {
public:
	/** @connection as by claim_takeover_path(). Throws if it is not of the
	 *  same user, or does not hand over in time.
	 */
	Predecessor(Fd connection, const TakeoverTimes &times = {});

	/** Also the path's. */
	Fd take_path_socket() { return std::move(path_socket_); }
	std::vector<HandedSocket> &sockets() { return sockets_; }
	/** The admin listener's; nothing if it has none at @target. */
	Fd take_admin(const std::string &target);
	pid_t pid() const { return pid_; }

	/** Tells that all shards accept. Throws if the predecessor is not heard
	 *  to drain: then it goes on, and we must not.
	 */
	void ready();

private:
	Fd connection_;
	TakeoverTimes times_;
	pid_t pid_ = 0;
	Fd path_socket_;
	std::vector<HandedSocket> sockets_;
	HandedSocket admin_;
};

/** A predecessor's view of the one successor that is starting. */
class Successor {
public:
	using Clock = std::chrono::steady_clock;

	/** What is handed over; the descriptors stay open. */
	struct Offer {
		int fd;
		std::string service;
		std::string target;
	};

	/** Sends the sockets; never waits. Throws if @connection's peer is
	 *  refused, or does not take them. @admin: fd -1 if there is none.
	 */
	Successor(Fd connection, int path_socket, const std::vector<Offer> &offers,
		  const Offer &admin, const TakeoverTimes &times = {});

	/** Readable when look() has something to do. */
	int fd() const { return connection_.get(); }
	/** When it is to be given up. */
	Clock::time_point deadline() const { return deadline_; }
	pid_t pid() const { return pid_; }

	/** Whether it is ready. Throws if it never will be. */
	bool look();
	/** Tells that we drain; false if nobody hears. */
	bool draining();

private:
	Fd connection_;
	pid_t pid_ = 0;
	Clock::time_point deadline_;
};

} // namespace lanes

#endif
