// SPDX-License-Identifier: GPL-2.0-only
#include "lanesd/listener.h"

#include <fcntl.h>
#include <netinet/tcp.h>
#include <sys/stat.h>

#include <gtest/gtest.h>

#include "common/error.h"

using namespace lanes;

namespace {

Fd listening()
{
	Fd fd(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
	const Endpoint any = Endpoint::parse("127.0.0.1:0");

	EXPECT_EQ(bind(fd.get(), any.address(), any.length()), 0);
	EXPECT_EQ(listen(fd.get(), 1), 0);
	return fd;
}

Options listen_on(const std::vector<std::string> &texts)
{
	Options options;

	for (const std::string &text : texts)
		options.listen.push_back(parse_listen(text, "echo"));
	return options;
}

std::vector<PassedSocket> nothing;

std::vector<HandedSocket> handed(const std::string &service, const std::string &target)
{
	std::vector<HandedSocket> sockets;

	sockets.push_back({listening(), service, target});
	return sockets;
}

} // namespace

TEST(listener, has_a_long_queue_and_no_delay)
{
	const Listener listener("echo", Endpoint::parse("[::1]:0"));
	int no_delay = 0;
	socklen_t length = sizeof(no_delay);

	EXPECT_NE(listener.where().port(), 0);
	EXPECT_EQ(getsockopt(listener.fd(), IPPROTO_TCP, TCP_NODELAY, &no_delay, &length), 0);
	EXPECT_TRUE(no_delay);
}

TEST(listener, names_who_has_the_port)
{
	const Listener first("echo", Endpoint::parse("127.0.0.1:0"));

	try {
		const Listener second("echo", first.where());
		FAIL() << "both listen";
	} catch (const std::runtime_error &error) {
		EXPECT_NE(std::string(error.what()).find("EADDRINUSE"), std::string::npos);
	}
}

TEST(listener, adopts_only_listening_sockets)
{
	int ends[2];

	ASSERT_EQ(pipe(ends), 0);
	EXPECT_THROW(Listener("echo", "fd:1", Fd(ends[0])), UsageError);
	/* It was not ours. */
	EXPECT_EQ(fcntl(ends[0], F_GETFD), 0);
	close(ends[0]);
	close(ends[1]);
	EXPECT_THROW(Listener("echo", "fd:999", Fd(999)), UsageError);
	EXPECT_NO_THROW(Listener("echo", "fd:3", listening()));
}

TEST(open_listeners, without_a_wish_takes_what_systemd_passed)
{
	std::vector<HandedSocket> none;
	std::vector<PassedSocket> passed = {{listening().release(), "web"},
					    {listening().release(), "web"},
					    {listening().release(), "db"}};
	const int db = passed[2].fd;
	const auto listeners = open_listeners(Options{}, passed, none);

	ASSERT_EQ(listeners.size(), 3U);
	EXPECT_EQ(listeners[0].target(), "systemd:web");
	EXPECT_EQ(listeners[1].target(), "systemd:web");
	EXPECT_EQ(listeners[2].target(), "systemd:db");
	EXPECT_EQ(listeners[2].fd(), db);
	EXPECT_EQ(listeners[2].service(), "echo");
}

TEST(open_listeners, finds_systemd_s_sockets_by_name)
{
	std::vector<HandedSocket> none;
	std::vector<PassedSocket> passed = {{listening().release(), "web"},
					    {listening().release(), "db"}};
	const int db = passed[1].fd;
	const auto listeners = open_listeners(listen_on({"resp=systemd:db"}), passed, none);

	ASSERT_EQ(listeners.size(), 1U);
	EXPECT_EQ(listeners[0].fd(), db);
	EXPECT_EQ(listeners[0].service(), "resp");
	EXPECT_THROW(open_listeners(listen_on({"systemd:no"}), passed, none), UsageError);
	close(passed[0].fd);
}

TEST(open_listeners, prefers_the_predecessor_s_socket)
{
	auto sockets = handed("echo", "127.0.0.1:1");
	const int fd = sockets[0].fd.get();
	const auto listeners =
		open_listeners(listen_on({"http=127.0.0.1:1", "127.0.0.1:0"}), nothing, sockets);

	ASSERT_EQ(listeners.size(), 2U);
	EXPECT_EQ(listeners[0].fd(), fd);
	EXPECT_EQ(listeners[0].service(), "http");
	EXPECT_TRUE(sockets.empty());
}

TEST(open_listeners, leaves_what_is_not_wanted_any_more)
{
	auto sockets = handed("echo", "127.0.0.1:1");
	const auto listeners = open_listeners(listen_on({"127.0.0.1:0"}), nothing, sockets);

	ASSERT_EQ(sockets.size(), 1U);
	EXPECT_EQ(sockets[0].target, "127.0.0.1:1");
	EXPECT_EQ(listeners.size(), 1U);
}

TEST(open_listeners, without_a_wish_goes_on_as_the_predecessor_did)
{
	auto sockets = handed("resp", "127.0.0.1:1");
	const auto listeners = open_listeners(Options{}, nothing, sockets);

	ASSERT_EQ(listeners.size(), 1U);
	EXPECT_EQ(listeners[0].service(), "resp");
	EXPECT_TRUE(sockets.empty());
}
