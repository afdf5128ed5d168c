// SPDX-License-Identifier: GPL-2.0-only
#include "lanesd/listener.h"

#include <cerrno>

#include <netinet/tcp.h>

#include "common/error.h"
#include "kmod/include/uapi/linux/lanes.h"

namespace lanes {
namespace {

constexpr int backlog = 4096;

void set_option(int fd, int level, int name, int value, std::string_view what)
{
	if (setsockopt(fd, level, name, &value, sizeof(value)))
		throw_errno(errno, std::format("setsockopt {}", what));
}

int get_option(int fd, int name)
{
	int value = 0;
	socklen_t length = sizeof(value);

	if (getsockopt(fd, SOL_SOCKET, name, &value, &length))
		throw UsageError(describe_errno(errno, std::format("descriptor {}", fd),
						"pass a listening TCP socket"));
	return value;
}

std::string attached_ulp(int fd)
{
	char name[16] = "";
	socklen_t length = sizeof(name) - 1;

	if (getsockopt(fd, IPPROTO_TCP, TCP_ULP, name, &length))
		return {};
	return name;
}

} // namespace

Listener::Listener(const ListenTarget &target)
{
	if (const auto *endpoint = std::get_if<Endpoint>(&target))
		open(*endpoint);
	else
		adopt(std::get<InheritedSocket>(target).fd);
	/* Inherited by the connections: an echo must not wait for an ACK. */
	set_option(fd(), IPPROTO_TCP, TCP_NODELAY, 1, "TCP_NODELAY");
}

void Listener::open(const Endpoint &endpoint)
{
	fd_.reset(socket(endpoint.family(), SOCK_STREAM | SOCK_CLOEXEC, 0));
	if (!fd_)
		throw_errno(errno, "socket");
	set_option(fd(), SOL_SOCKET, SO_REUSEADDR, 1, "SO_REUSEADDR");
	if (endpoint.family() == AF_INET6)
		set_option(fd(), IPPROTO_IPV6, IPV6_V6ONLY, 0, "IPV6_V6ONLY");
	if (bind(fd(), endpoint.address(), endpoint.length()))
		throw_errno(errno, std::format("bind to {}", endpoint.to_string()),
			    "choose another address or port with --listen");
	if (listen(fd(), backlog))
		throw_errno(errno, std::format("listen on {}", endpoint.to_string()));
}

void Listener::adopt(int fd)
{
	if (get_option(fd, SO_PROTOCOL) != IPPROTO_TCP || !get_option(fd, SO_ACCEPTCONN))
		throw UsageError(std::format(
			"descriptor {}: no listening TCP socket; call listen() before exec", fd));
	fd_.reset(fd);
}

std::string Listener::attach()
{
	if (!setsockopt(fd(), IPPROTO_TCP, TCP_ULP, LANES_ULP_NAME, sizeof(LANES_ULP_NAME) - 1))
		return "attached to lanes: a local accept queue on every CPU";

	const int error = errno;
	const std::string ulp = attached_ulp(fd());

	if (ulp == LANES_ULP_NAME)
		return "already attached to lanes, by another process or before the start";
	if (!ulp.empty())
		return std::format("TCP_ULP is '{}' already; sharing the socket without lanes",
				   ulp);
	if (error == ENOENT)
		return describe_errno(error, "attach to lanes",
				      "load lanes.ko; sharing the socket without it");
	if (error == EPERM)
		return describe_errno(error, "attach to lanes",
				      "load lanes.ko as root; sharing the socket without it");
	return describe_errno(error, "attach to lanes",
			      "see Documentation/uapi.rst; sharing the socket without it");
}

} // namespace lanes
