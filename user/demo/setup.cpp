// SPDX-License-Identifier: GPL-2.0-only
#include "demo/setup.h"

#include <string>

#include <cerrno>

#include <netinet/tcp.h>

#include "common/error.h"
#include "kmod/include/uapi/linux/lanes.h"

namespace lanes {
namespace {

/* Close-on-exec: a worker unsets it for the socket that it gets. */
Fd open_listener(const Endpoint &endpoint, bool reuseport)
{
	const int one = 1;
	Fd fd(socket(endpoint.family(), SOCK_STREAM | SOCK_CLOEXEC, 0));

	if (!fd)
		throw_errno(errno, "socket");
	if (reuseport && setsockopt(fd.get(), SOL_SOCKET, SO_REUSEPORT, &one, sizeof(one)))
		throw_errno(errno, "setsockopt SO_REUSEPORT");
	if (bind(fd.get(), endpoint.address(), endpoint.length()))
		throw_errno(errno, std::format("bind to {}", endpoint.to_string()));
	if (listen(fd.get(), SOMAXCONN))
		throw_errno(errno, std::format("listen on {}", endpoint.to_string()));
	return fd;
}

} // namespace

std::string_view name_of(Setup setup)
{
	switch (setup) {
	case Setup::plain:
		return "plain";
	case Setup::reuseport:
		return "SO_REUSEPORT";
	case Setup::lanes:
		return "lanes";
	}
	return "?";
}

Sockets::Sockets(Setup setup, size_t workers) : setup_(setup)
{
	const bool reuseport = setup == Setup::reuseport;

	/* A new port each time: no TIME_WAIT of the run before. */
	fds_.push_back(open_listener(Endpoint::parse("127.0.0.1:0"), reuseport));
	while (reuseport && fds_.size() < workers)
		fds_.push_back(open_listener(where(), reuseport));
}

void Sockets::verify() const
{
	char ulp[16] = "";
	socklen_t length = sizeof(ulp) - 1;
	const std::string_view wanted = setup_ == Setup::lanes ? LANES_ULP_NAME : "";

	if (getsockopt(fds_.front().get(), IPPROTO_TCP, TCP_ULP, ulp, &length))
		throw_errno(errno, "getsockopt TCP_ULP");
	if (ulp != wanted)
		throw std::runtime_error(
			std::format("set-up {}: the socket's ULP is '{}', not '{}'; load lanes.ko",
				    name_of(setup_), ulp, wanted));
}

} // namespace lanes
