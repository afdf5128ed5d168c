// SPDX-License-Identifier: GPL-2.0-only
#ifndef LANES_LANESD_LISTENER_H
#define LANES_LANESD_LISTENER_H

#include <string>
#include <vector>

#include <sys/types.h>

#include "common/endpoint.h"
#include "common/fd.h"
#include "lanesd/options.h"
#include "lanesd/systemd.h"
#include "lanesd/takeover.h"

namespace lanes {

/** A listening socket, own or inherited, and what it is for. */
class Listener {
public:
	/** Throws if it cannot listen there. */
	Listener(std::string service, const Endpoint &endpoint);
	/** Takes over @fd; throws UsageError if that is no listening TCP
	 *  socket. @target: its name, as in to_string().
	 */
	Listener(std::string service, std::string target, Fd fd);

	int fd() const { return fd_.get(); }
	const std::string &service() const { return service_; }
	void set_service(std::string service) { service_ = std::move(service); }
	const std::string &target() const { return target_; }
	/** Whether lanesd made it: then no other program has it. */
	bool own() const;
	Endpoint where() const { return Endpoint::of_socket(fd()); }
	/** What /proc/net names the socket by. */
	ino_t inode() const;

	/** Asks for a local accept queue on every CPU. Returns what happened,
	 *  in one line: the server works either way.
	 */
	std::string attach();
	/** Whether it has these queues now. */
	bool attached() const;
	/** Drops new SYNs, for ever, and lets handshakes end: before the close
	 *  of a socket that nobody else serves. The peers' next SYN is for
	 *  whoever listens then.
	 */
	void take_no_more() const;

private:
	void open(const Endpoint &endpoint);
	/* Inherited by the connections: a reply must not wait for an ACK. */
	void send_at_once();

	std::string service_;
	std::string target_;
	Fd fd_;
};

/** All that @options ask for: out of @handed and @passed, or new. What is left
 *  of these stays there.
 */
std::vector<Listener> open_listeners(const Options &options, std::vector<PassedSocket> &passed,
				     std::vector<HandedSocket> &handed);
/** What @option asks for, later than at the start. Throws. */
std::vector<Listener> open_listener(const ListenOption &option, std::vector<PassedSocket> &passed);

} // namespace lanes

#endif
