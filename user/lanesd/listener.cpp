// SPDX-License-Identifier: GPL-2.0-only
#include "lanesd/listener.h"

#include <array>
#include <set>
#include <utility>

#include <cerrno>

#include <linux/filter.h>
#include <netinet/tcp.h>
#include <sys/stat.h>

#include "common/error.h"
#include "common/ulp.h"
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

/* What is asked for, or else what there is. */
std::vector<ListenOption> wanted(const Options &options, const std::vector<PassedSocket> &passed,
				 const std::vector<HandedSocket> &handed)
{
	std::vector<ListenOption> all = options.listen;
	std::set<std::string> names;

	if (all.empty() && !handed.empty())
		return {};
	if (all.empty())
		for (const PassedSocket &socket : passed)
			if (names.insert(socket.name).second)
				all.push_back({options.service, SystemdSocket{socket.name}});
	if (all.empty())
		all.push_back({options.service, Endpoint::parse(listen_default)});
	return all;
}

/* Those of one target, which systemd may have several of. */
void take_handed(std::vector<Listener> &listeners, std::vector<HandedSocket> &handed,
		 const ListenOption &option)
{
	const std::string target = to_string(option.target);

	for (HandedSocket &socket : handed)
		if (socket.fd && socket.target == target)
			listeners.emplace_back(option.service, target, std::move(socket.fd));
}

void take_passed(std::vector<Listener> &listeners, std::vector<PassedSocket> &passed,
		 const ListenOption &option)
{
	const std::string &name = std::get<SystemdSocket>(option.target).name;

	for (PassedSocket &socket : passed)
		if (socket.fd >= 0 && socket.name == name)
			listeners.emplace_back(option.service, to_string(option.target),
					       Fd(std::exchange(socket.fd, -1)));
}

void open_one(std::vector<Listener> &listeners, std::vector<PassedSocket> &passed,
	      const ListenOption &option)
{
	const size_t before = listeners.size();

	if (const auto *endpoint = std::get_if<Endpoint>(&option.target)) {
		listeners.emplace_back(option.service, *endpoint);
	} else if (const auto *inherited = std::get_if<InheritedSocket>(&option.target)) {
		listeners.emplace_back(option.service, to_string(option.target), Fd(inherited->fd));
	} else {
		take_passed(listeners, passed, option);
		if (listeners.size() == before)
			throw UsageError(std::format(
				"{}: systemd passed no such socket; see FileDescriptorName= and "
				"Sockets= of its units",
				to_string(option.target)));
	}
}

} // namespace

Listener::Listener(std::string service, const Endpoint &endpoint)
	: service_(std::move(service)), target_(endpoint.to_string())
{
	open(endpoint);
	send_at_once();
}

Listener::Listener(std::string service, std::string target, Fd fd)
	: service_(std::move(service)), target_(std::move(target))
{
	const int number = fd.release();

	/* A bad number is not ours to close. */
	if (get_option(number, SO_PROTOCOL) != IPPROTO_TCP || !get_option(number, SO_ACCEPTCONN))
		throw UsageError(std::format(
			"descriptor {}: no listening TCP socket; call listen() before exec",
			number));
	fd_.reset(number);
	send_at_once();
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

void Listener::send_at_once()
{
	set_option(fd(), IPPROTO_TCP, TCP_NODELAY, 1, "TCP_NODELAY");
}

bool Listener::own() const
{
	return !target_.starts_with("fd:") && !target_.starts_with("systemd:");
}

void Listener::take_no_more() const
{
	/* Of the TCP header the byte of flags: SYN without ACK. */
	std::array<sock_filter, 5> code = {{
		BPF_STMT(BPF_LD | BPF_B | BPF_ABS, 13),
		BPF_STMT(BPF_ALU | BPF_AND | BPF_K, TH_SYN | TH_ACK),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, TH_SYN, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, 0),
		BPF_STMT(BPF_RET | BPF_K, ~0U),
	}};
	const sock_fprog program = {static_cast<unsigned short>(code.size()), code.data()};

	/* Without it there is a moment in which a connection can be reset. */
	setsockopt(fd(), SOL_SOCKET, SO_ATTACH_FILTER, &program, sizeof(program));
}

bool Listener::attached() const
{
	return ulp_of(fd()) == LANES_ULP_NAME;
}

ino_t Listener::inode() const
{
	struct stat status{};

	if (fstat(fd(), &status))
		throw_errno(errno, std::format("descriptor {}", fd()));
	return status.st_ino;
}

std::string Listener::attach()
{
	if (!setsockopt(fd(), IPPROTO_TCP, TCP_ULP, LANES_ULP_NAME, sizeof(LANES_ULP_NAME) - 1))
		return "attached to lanes: a local accept queue on every CPU";

	const int error = errno;
	const std::string ulp = ulp_of(fd());

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

std::vector<Listener> open_listeners(const Options &options, std::vector<PassedSocket> &passed,
				     std::vector<HandedSocket> &handed)
{
	std::vector<Listener> listeners;

	if (options.listen.empty() && !handed.empty())
		for (HandedSocket &socket : handed)
			listeners.emplace_back(socket.service, socket.target, std::move(socket.fd));
	for (const ListenOption &option : wanted(options, passed, handed)) {
		const size_t before = listeners.size();

		take_handed(listeners, handed, option);
		if (listeners.size() == before)
			open_one(listeners, passed, option);
	}
	std::erase_if(handed, [](const HandedSocket &socket) { return !socket.fd; });
	return listeners;
}

std::vector<Listener> open_listener(const ListenOption &option, std::vector<PassedSocket> &passed)
{
	std::vector<Listener> listeners;

	/* By now the number may be of any descriptor. */
	if (std::holds_alternative<InheritedSocket>(option.target))
		throw UsageError(std::format("{}: can only be passed at the start; restart",
					     to_string(option.target)));
	open_one(listeners, passed, option);
	return listeners;
}

} // namespace lanes
