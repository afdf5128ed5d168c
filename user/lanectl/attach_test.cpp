// SPDX-License-Identifier: GPL-2.0-only
#include "lanectl/attach.h"

#include <string>

#include <gtest/gtest.h>

#include <netinet/tcp.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/endpoint.h"

using namespace lanes;
using namespace lanes::ctl;

namespace {

Fd listening(int family = AF_INET)
{
	const Endpoint any = Endpoint::parse(family == AF_INET ? "127.0.0.1:0" : "[::1]:0");
	Fd fd(socket(family, SOCK_STREAM | SOCK_CLOEXEC, 0));

	EXPECT_EQ(bind(fd.get(), any.address(), any.length()), 0);
	EXPECT_EQ(listen(fd.get(), 1), 0);
	return fd;
}

/* A child that waits until it is ended, with the descriptors of its parent. */
class Child {
public:
	Child() : pid_(fork())
	{
		if (!pid_) {
			pause();
			_exit(0);
		}
	}
	~Child()
	{
		kill(pid_, SIGKILL);
		waitpid(pid_, nullptr, 0);
	}
	pid_t pid() const { return pid_; }

private:
	pid_t pid_;
};

std::string error_of(const ChangeListeners &change)
{
	try {
		return "no error: " + change_listeners(change, Style::text);
	} catch (const std::exception &error) {
		return error.what();
	}
}

} // namespace

TEST(attach, only_listening_tcp_sockets_are_lent_and_each_once)
{
	const Fd first = listening(), second = listening();
	const Fd copy(dup(first.get()));
	const Fd idle(socket(AF_INET, SOCK_STREAM, 0)), datagram(socket(AF_INET, SOCK_DGRAM, 0));
	const Fd local(socket(AF_UNIX, SOCK_STREAM, 0));
	const Child child;
	const auto all = Lender(child.pid()).listeners({});

	ASSERT_EQ(all.size(), 2U);
	EXPECT_EQ(all[0].origin.fd, first.get());
	EXPECT_EQ(all[0].address, Endpoint::of_socket(first.get()).to_string());
	EXPECT_EQ(all[1].address, Endpoint::of_socket(second.get()).to_string());
}

TEST(attach, port_picks_a_listener)
{
	const Fd first = listening(), second = listening(AF_INET6);
	const Child child;
	const uint16_t port = Endpoint::of_socket(second.get()).port();
	const auto all = Lender(child.pid()).listeners(port);

	ASSERT_EQ(all.size(), 1U);
	EXPECT_EQ(all[0].address, Endpoint::of_socket(second.get()).to_string());
}

TEST(attach, a_descriptor_that_is_gone_is_no_error)
{
	EXPECT_FALSE(Lender(Child().pid()).listener({1 << 20, 1}));
}

TEST(attach, errors_name_object_and_remedy)
{
	const Child child;
	const ChangeListeners nobody{.attach = true, .pid = 1 << 30, .port = {}};
	const ChangeListeners nothing{.attach = true, .pid = child.pid(), .port = 7};

	EXPECT_EQ(error_of(nobody), "process 1073741824: ESRCH (No such process); no such process "
				    "in this PID namespace");
	EXPECT_EQ(error_of(nothing), "process " + std::to_string(child.pid()) +
					     " has no TCP listener on port 7; see ss -tlnp");
}

TEST(attach, a_socket_that_can_have_no_lanes_is_named)
{
	/* The one case for which the module need not be there. */
	const Fd datagram(socket(AF_INET, SOCK_DGRAM, 0));

	try {
		attach(datagram.get(), "1.2.3.4:5");
		FAIL() << "a datagram socket has lanes";
	} catch (const std::exception &error) {
		EXPECT_STREQ(error.what(),
			     "attach 1.2.3.4:5: ENOPROTOOPT (Protocol not available); "
			     "an MPTCP socket can have no lanes");
	}
}

TEST(attach, detach_of_a_stock_socket_leaves_it)
{
	EXPECT_EQ(detach(listening().get(), "it"), Outcome::left);
}
