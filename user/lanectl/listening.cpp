// SPDX-License-Identifier: GPL-2.0-only
#include "lanectl/listening.h"

#include <array>

#include <cerrno>

#include <linux/inet_diag.h>
#include <linux/netlink.h>
#include <linux/sock_diag.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include "common/error.h"

namespace lanes::ctl {
namespace {

constexpr const char *object = "sock_diag";

struct Request {
	nlmsghdr header;
	inet_diag_req_v2 body;
};

} // namespace

ListeningSockets::ListeningSockets()
	: fd_(socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_SOCK_DIAG))
{
	if (!fd_)
		throw_errno(errno, object, "the kernel needs CONFIG_INET_DIAG (tcp_diag)");
}

void ListeningSockets::ask(int family)
{
	Request request{};

	request.header.nlmsg_len = sizeof(request);
	request.header.nlmsg_type = SOCK_DIAG_BY_FAMILY;
	request.header.nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP;
	request.body.sdiag_family = static_cast<uint8_t>(family);
	request.body.sdiag_protocol = IPPROTO_TCP;
	request.body.idiag_states = 1U << TCP_LISTEN;
	if (send(fd_.get(), &request, sizeof(request), 0) < 0)
		throw_errno(errno, object);
}

bool ListeningSockets::take_answer(std::set<ino_t> &inodes)
{
	alignas(nlmsghdr) std::array<char, 32768> buffer;
	const ssize_t got = recv(fd_.get(), buffer.data(), buffer.size(), 0);
	auto left = static_cast<uint32_t>(got);

	if (got < 0)
		throw_errno(errno, object);
	for (auto *message = reinterpret_cast<nlmsghdr *>(buffer.data()); NLMSG_OK(message, left);
	     message = NLMSG_NEXT(message, left)) {
		if (message->nlmsg_type == NLMSG_DONE)
			return false;
		if (message->nlmsg_type == NLMSG_ERROR)
			throw_errno(-static_cast<nlmsgerr *>(NLMSG_DATA(message))->error, object,
				    "the kernel needs CONFIG_INET_DIAG (tcp_diag)");
		inodes.insert(static_cast<inet_diag_msg *>(NLMSG_DATA(message))->idiag_inode);
	}
	return true;
}

std::set<ino_t> ListeningSockets::inodes()
{
	std::set<ino_t> all;

	for (const int family : {AF_INET, AF_INET6}) {
		ask(family);
		while (take_answer(all))
			;
	}
	return all;
}

} // namespace lanes::ctl
