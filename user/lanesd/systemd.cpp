// SPDX-License-Identifier: GPL-2.0-only
#include "lanesd/systemd.h"

#include <format>

#include <cstdlib>
#include <ctime>

#include <systemd/sd-daemon.h>

#include "common/error.h"

namespace lanes {

std::vector<PassedSocket> passed_sockets()
{
	char **names = nullptr;
	const int count = sd_listen_fds_with_names(1, &names);
	std::vector<PassedSocket> sockets;

	if (count < 0)
		throw_errno(-count, "sockets of systemd", "check LISTEN_FDS and LISTEN_FDNAMES");
	for (int i = 0; i < count; i++) {
		sockets.push_back({SD_LISTEN_FDS_START + i, names[i]});
		std::free(names[i]);
	}
	std::free(names);
	return sockets;
}

namespace systemd {

/* There is nobody to tell if these fail. */

void ready()
{
	sd_notify(0, "READY=1");
}

void status(const std::string &text)
{
	sd_notify(0, ("STATUS=" + text).c_str());
}

void reloading()
{
	timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	sd_notify(0, std::format("RELOADING=1\nMONOTONIC_USEC={}",
				 now.tv_sec * 1'000'000L + now.tv_nsec / 1000)
			     .c_str());
}

void stopping()
{
	sd_notify(0, "STOPPING=1");
}

void alive()
{
	sd_notify(0, "WATCHDOG=1");
}

std::optional<std::chrono::microseconds> watchdog()
{
	uint64_t usec = 0;

	if (sd_watchdog_enabled(0, &usec) <= 0)
		return {};
	/* Answers of the shards are one period late: three fit in. */
	return std::chrono::microseconds(usec / 3);
}

} // namespace systemd

} // namespace lanes
