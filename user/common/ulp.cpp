// SPDX-License-Identifier: GPL-2.0-only
#include "common/ulp.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

namespace lanes {

std::string ulp_of(int fd)
{
	char name[16] = "";
	socklen_t length = sizeof(name) - 1;

	if (getsockopt(fd, IPPROTO_TCP, TCP_ULP, name, &length))
		return {};
	return name;
}

} // namespace lanes
