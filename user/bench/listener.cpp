// SPDX-License-Identifier: GPL-2.0-only
#include "bench/listener.h"

#include <cerrno>

#include <netinet/tcp.h>

#include "common/error.h"
#include "kmod/include/uapi/linux/lanes.h"

namespace lanes {

Fd listen_at(const Endpoint &endpoint)
{
	Fd fd(socket(endpoint.family(), SOCK_STREAM | SOCK_CLOEXEC, 0));

	if (!fd || bind(fd.get(), endpoint.address(), endpoint.length()) || listen(fd.get(), 1024))
		throw_errno(errno, "listen at " + endpoint.to_string());
	return fd;
}

void attach(const Fd &fd)
{
	if (setsockopt(fd.get(), IPPROTO_TCP, TCP_ULP, LANES_ULP_NAME, sizeof(LANES_ULP_NAME) - 1))
		throw_errno(errno, "attach", "load lanes.ko");
}

void no_delay(const Fd &fd)
{
	const int one = 1;

	if (setsockopt(fd.get(), IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one)))
		throw_errno(errno, "TCP_NODELAY");
}

} // namespace lanes
