// SPDX-License-Identifier: GPL-2.0-only
#include <gtest/gtest.h>

#include <string>

#include <sys/socket.h>

#include "handoff/options.h"
#include "handoff/server.h"

using namespace lanes;

namespace {

Fd connect_to(const handoff::Server &server, int room = 1 << 20)
{
	const Endpoint where = server.where();
	Fd fd(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));

	setsockopt(fd.get(), SOL_SOCKET, SO_RCVBUF, &room, sizeof(room));
	if (connect(fd.get(), where.address(), where.length()))
		throw std::runtime_error("connect");
	return fd;
}

std::string read_to_end(int fd)
{
	std::string text;
	char chunk[4096];

	for (ssize_t got; (got = recv(fd, chunk, sizeof(chunk), 0)) > 0;)
		text.append(chunk, static_cast<size_t>(got));
	return text;
}

std::string stream(size_t length)
{
	std::string text(length, '\0');

	for (size_t i = 0; i < length; i++)
		text[i] = static_cast<char>(i * 2654435761U >> 13);
	return text;
}

} // namespace

TEST(handoff, echoes_in_order_with_several_workers)
{
	const handoff::Server server(Endpoint::parse("127.0.0.1:0"), 3);
	const std::string text = stream(size_t{3} << 20);
	const Fd fd = connect_to(server);
	std::string echo;
	std::thread reader([&] { echo = read_to_end(fd.get()); });

	for (size_t at = 0; at < text.size(); at += 1000)
		send(fd.get(), text.data() + at, std::min<size_t>(1000, text.size() - at), 0);
	shutdown(fd.get(), SHUT_WR);
	reader.join();
	EXPECT_EQ(echo.size(), text.size());
	EXPECT_TRUE(echo == text);
}

TEST(handoff, goes_on_where_a_short_send_ended)
{
	const handoff::Server server(Endpoint::parse("127.0.0.1:0"), 1);
	const std::string text = stream(size_t{3} << 20);
	/* It reads nothing at first, and has no room for what comes. */
	const Fd fd = connect_to(server, 4096);

	for (size_t at = 0; at < text.size(); at += 10'000)
		send(fd.get(), text.data() + at, std::min<size_t>(10'000, text.size() - at), 0);
	shutdown(fd.get(), SHUT_WR);
	EXPECT_TRUE(read_to_end(fd.get()) == text);
}

TEST(handoff, answers_what_came_before_the_end)
{
	const handoff::Server server(Endpoint::parse("127.0.0.1:0"), 1);

	for (int i = 0; i < 50; i++) {
		const Fd fd = connect_to(server);

		send(fd.get(), "last", 4, 0);
		shutdown(fd.get(), SHUT_WR);
		EXPECT_EQ(read_to_end(fd.get()), "last");
	}
}

TEST(handoff, queues_a_connection_once_at_a_time)
{
	handoff::Pool pool(2);
	std::vector<handoff::Buffer *> buffers;
	handoff::Connection connection{Fd()};
	bool ended = true;

	pool.take(buffers, 2);
	EXPECT_TRUE(connection.append(buffers[0]));
	EXPECT_FALSE(connection.append(buffers[1]));
	EXPECT_EQ(connection.take(ended), buffers[0]);
	EXPECT_EQ(buffers[0]->next, buffers[1]);
	EXPECT_EQ(connection.take(ended), nullptr);
	EXPECT_FALSE(ended);
	EXPECT_TRUE(connection.end());
}

TEST(handoff_options, workers_follow_the_cpus)
{
	const char *const argv[] = {"lanes-handoff", "--cpus", "0,3"};
	const auto parsed = handoff::parse_options(3, argv, {0, 1, 2, 3});

	EXPECT_EQ(std::get<handoff::Options>(parsed).workers, 2U);
}
