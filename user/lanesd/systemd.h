// SPDX-License-Identifier: GPL-2.0-only
#ifndef LANES_LANESD_SYSTEMD_H
#define LANES_LANESD_SYSTEMD_H

#include <chrono>
#include <optional>
#include <string>
#include <vector>

namespace lanes {

/** A socket of socket activation; whoever takes it closes it. */
struct PassedSocket {
	int fd;
	std::string name;
};

/** Once, in the main thread: it also clears the environment of them. */
std::vector<PassedSocket> passed_sockets();

/** What systemd is told, if it is there. */
namespace systemd {

void ready();
void status(const std::string &text);
void reloading();
void stopping();
void alive();
/** How often alive() is due, with time to spare. */
std::optional<std::chrono::microseconds> watchdog();

} // namespace systemd

} // namespace lanes

#endif
