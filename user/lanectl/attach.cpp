// SPDX-License-Identifier: GPL-2.0-only
#include "lanectl/attach.h"

#include <algorithm>
#include <format>
#include <set>
#include <system_error>

#include <cerrno>

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "common/endpoint.h"
#include "common/error.h"
#include "common/ulp.h"
#include "kmod/include/uapi/linux/lanes.h"
#include "lanectl/table.h"

namespace lanes::ctl {
namespace {

constexpr std::string_view may_not =
	"be root or have CAP_SYS_PTRACE; with the same user, kernel.yama.ptrace_scope must be 0";

int get_option(int fd, int name)
{
	int value = 0;
	socklen_t length = sizeof(value);

	/* No socket has the value -1. */
	return getsockopt(fd, SOL_SOCKET, name, &value, &length) ? -1 : value;
}

bool listens(int fd)
{
	return get_option(fd, SO_PROTOCOL) == IPPROTO_TCP && get_option(fd, SO_ACCEPTCONN) == 1;
}

std::string attach_remedy(int error, const std::string &ulp)
{
	switch (error) {
	case ENOENT:
		return "load lanes.ko";
	case EPERM:
		return "load lanes.ko as root; or the socket has a congestion control that you may "
		       "not choose";
	case EEXIST:
		return std::format("it has the ULP '{}', and there can be one only", ulp);
	case ENOTCONN:
		return "it does not listen any more";
	case EOPNOTSUPP:
		return "remove its socket filter, MD5 or AO key, IPsec policy, IP options or sockmap";
	case ENOPROTOOPT:
		return "an MPTCP socket can have no lanes";
	default:
		return "see the table of errors in Documentation/uapi.rst";
	}
}

constexpr const char *outcome_names[] = {"attached", "already attached", "detached",
					 "not attached"};

const char *name_of(Outcome outcome)
{
	return outcome_names[static_cast<size_t>(outcome)];
}

} // namespace

Lender::Lender(pid_t pid) : pid_(pid), pidfd_(static_cast<int>(syscall(SYS_pidfd_open, pid, 0)))
{
	if (!pidfd_)
		throw_errno(errno, std::format("process {}", pid),
			    errno == ESRCH ? "no such process in this PID namespace"
					   : "give the number of a process, not of a thread");
}

std::optional<BorrowedListener> Lender::listener(const SocketDescriptor &socket) const
{
	Fd fd(static_cast<int>(syscall(SYS_pidfd_getfd, pidfd_.get(), socket.fd, 0)));

	if (!fd && (errno == EBADF || errno == ESRCH))
		return {};
	if (!fd)
		throw_errno(errno, std::format("descriptor {} of process {}", socket.fd, pid_),
			    errno == EPERM ? may_not : std::string_view());
	if (!listens(fd.get()))
		return {};

	std::string address = Endpoint::of_socket(fd.get()).to_string();

	return BorrowedListener{std::move(fd), socket, std::move(address)};
}

std::vector<BorrowedListener> Lender::listeners(std::optional<uint16_t> port) const
{
	std::vector<BorrowedListener> all;
	std::set<ino_t> seen;

	try {
		for (const SocketDescriptor &socket : sockets_of(pid_)) {
			if (seen.contains(socket.inode))
				continue;

			auto found = listener(socket);

			seen.insert(socket.inode);
			if (found &&
			    (!port || Endpoint::of_socket(found->fd.get()).port() == *port))
				all.push_back(std::move(*found));
		}
	} catch (const std::system_error &error) {
		throw_errno(error.code().value(), std::format("/proc/{}/fd", pid_),
			    error.code() == std::errc::permission_denied ? may_not
									 : std::string_view());
	}
	return all;
}

Outcome attach(int fd, const std::string &what)
{
	if (!setsockopt(fd, IPPROTO_TCP, TCP_ULP, LANES_ULP_NAME, sizeof(LANES_ULP_NAME) - 1))
		return Outcome::attached;

	const int error = errno;
	const std::string ulp = ulp_of(fd);

	if (ulp == LANES_ULP_NAME)
		return Outcome::kept;
	throw_errno(error, std::format("attach {}", what), attach_remedy(error, ulp));
}

Outcome detach(int fd, const std::string &what)
{
	if (!setsockopt(fd, SOL_LANES, LANES_DETACH, nullptr, 0))
		return Outcome::detached;
	if (errno == ENOPROTOOPT)
		return Outcome::left;
	throw_errno(errno, std::format("detach {}", what));
}

std::string change_listeners(const ChangeListeners &change, Style style)
{
	const auto listeners = Lender(change.pid).listeners(change.port);
	auto json = nlohmann::ordered_json::array();
	std::string text;

	if (listeners.empty())
		throw std::runtime_error(
			std::format("process {} has no TCP listener{}; see ss -tlnp", change.pid,
				    change.port ? std::format(" on port {}", *change.port) : ""));
	for (const BorrowedListener &listener : listeners) {
		const std::string what =
			std::format("{}, descriptor {} of process {}", listener.address,
				    listener.origin.fd, change.pid);
		const Outcome outcome = change.attach ? attach(listener.fd.get(), what)
						      : detach(listener.fd.get(), what);

		text += std::format("{}: {}\n", what, name_of(outcome));
		json.push_back({{"address", listener.address},
				{"inode", listener.origin.inode},
				{"pid", change.pid},
				{"fd", listener.origin.fd},
				{"outcome", name_of(outcome)}});
	}
	return style == Style::text ? text : format_json(json, style);
}

} // namespace lanes::ctl
