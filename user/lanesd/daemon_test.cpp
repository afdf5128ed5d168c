// SPDX-License-Identifier: GPL-2.0-only
#include "lanesd/daemon.h"

#include <cstdlib>
#include <thread>

#include <sys/socket.h>
#include <sys/un.h>

#include "lanesd/daemon_fixture.h"
#include "lanesd/http_library.h"

using namespace lanes;
using namespace std::chrono_literals;

namespace {

/* What systemd would hear. */
class Notifications {
public:
	explicit Notifications(const std::string &path)
		: fd_(socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0))
	{
		sockaddr_un address{AF_UNIX, {}};
		const timeval time = {5, 0};

		path.copy(address.sun_path, sizeof(address.sun_path) - 1);
		setsockopt(fd_.get(), SOL_SOCKET, SO_RCVTIMEO, &time, sizeof(time));
		EXPECT_EQ(bind(fd_.get(), reinterpret_cast<sockaddr *>(&address), sizeof(address)),
			  0);
		setenv("NOTIFY_SOCKET", path.c_str(), 1);
	}
	~Notifications()
	{
		unsetenv("NOTIFY_SOCKET");
		unsetenv("WATCHDOG_USEC");
	}

	/* The next one that begins so. */
	bool comes(const std::string &text)
	{
		char got[512];
		ssize_t length;

		while ((length = recv(fd_.get(), got, sizeof(got), 0)) > 0)
			if (std::string(got, static_cast<size_t>(length)).starts_with(text))
				return true;
		return false;
	}

private:
	Fd fd_;
};

} // namespace

TEST_F(daemon_process, serves_until_it_is_told_to_end)
{
	configure("");

	Child lanesd = start();

	ASSERT_TRUE(lanesd.says("ready, 1 shard on " + where_.to_string() + "\n"));

	Fd fd = dial();

	EXPECT_TRUE(answers(fd));
	lanesd.signal(SIGUSR1);
	EXPECT_TRUE(lanesd.says("total"));
	fd.reset();
	lanesd.signal(SIGTERM);
	EXPECT_EQ(lanesd.end(), 0);
	EXPECT_TRUE(lanesd.says("total"));
	EXPECT_FALSE(dial());
}

TEST_F(daemon_process, finishes_a_request_but_takes_no_new_connection)
{
	constexpr std::string_view begun = "GET /plaintext HTTP/1.1\r\n", rest = "Host: x\r\n\r\n";

	configure("service = 'http'\ntakeover = '" + path_ + "'\n");

	Child lanesd = start();

	ASSERT_TRUE(lanesd.says("ready"));

	const Fd fd = dial();
	char got[1024];

	ASSERT_GT(send(fd.get(), begun.data(), begun.size(), 0), 0);
	std::this_thread::sleep_for(50ms);
	lanesd.signal(SIGTERM);
	EXPECT_TRUE(lanesd.says("draining"));
	for (int ms = 0; ms < 5000 && dial(); ms++)
		std::this_thread::sleep_for(1ms);
	EXPECT_FALSE(dial());
	ASSERT_GT(send(fd.get(), rest.data(), rest.size(), MSG_NOSIGNAL), 0);

	const ssize_t length = recv(fd.get(), got, sizeof(got), 0);

	ASSERT_GT(length, 0);
	EXPECT_TRUE(std::string_view(got, static_cast<size_t>(length)).starts_with("HTTP/1.1 200"));
	EXPECT_EQ(recv(fd.get(), got, sizeof(got), 0), 0);
	EXPECT_EQ(lanesd.end(), 0);
}

TEST_F(daemon_process, a_second_signal_cuts_off)
{
	configure("drain-timeout = '1h'\nservice = 'http'\n");

	Child lanesd = start();

	ASSERT_TRUE(lanesd.says("ready"));

	const Fd fd = dial();

	ASSERT_EQ(send(fd.get(), "GET ", 4, 0), 4);
	std::this_thread::sleep_for(50ms);

	const auto before = std::chrono::steady_clock::now();

	lanesd.signal(SIGTERM);
	EXPECT_TRUE(lanesd.says("draining"));
	lanesd.signal(SIGINT);
	EXPECT_EQ(lanesd.end(), 0);
	EXPECT_LT(std::chrono::steady_clock::now() - before, 4s);
}

TEST_F(daemon_process, sighup_brings_new_limits)
{
	configure("");

	Child lanesd = start();

	ASSERT_TRUE(lanesd.says("ready"));

	const Fd fd = dial();
	char got;

	EXPECT_TRUE(answers(fd));
	configure("idle-timeout = '50ms'\nbuffers = 64\n");
	lanesd.signal(SIGHUP);
	EXPECT_TRUE(lanesd.says("reloaded, but for what needs a restart: buffers\n"));
	EXPECT_EQ(recv(fd.get(), &got, 1, 0), 0);
}

TEST_F(daemon_process, sighup_with_a_bad_file_changes_nothing)
{
	configure("");

	Child lanesd = start();

	ASSERT_TRUE(lanesd.says("ready"));

	const Fd fd = dial();

	configure("idle-timeout = '1ms'\nidle-timeuot = 3\n");
	lanesd.signal(SIGHUP);
	EXPECT_TRUE(lanesd.says("lanesd.toml:5: 'idle-timeuot': no such setting"));
	std::this_thread::sleep_for(600ms);
	EXPECT_TRUE(answers(fd));
}

TEST_F(daemon_process, a_second_one_takes_over_and_no_connection_is_refused)
{
	const Fd reserved(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
	const Endpoint admin = reserve(reserved);

	configure("takeover = '" + path_ + "'\nadmin = '" + admin.to_string() + "'\n");

	std::atomic<bool> stop = false;
	std::atomic<unsigned> good = 0, bad = 0, scraped = 0, not_scraped = 0;
	auto first = std::make_unique<Child>(with_config());

	ASSERT_TRUE(first->says("ready"));
	for (int times = 0; times < 3; times++) {
		/* Before fork() there is no other thread. */
		auto second = std::make_unique<Child>(with_config());

		stop = false;

		std::thread load([&] {
			while (!stop)
				(answers(dial()) ? good : bad)++;
		});
		std::thread scraper([&] {
			while (!stop) {
				const auto reply =
					httplib::Client("127.0.0.1", admin.port()).Get("/metrics");

				(reply && reply->status == 200 ? scraped : not_scraped)++;
			}
		});

		EXPECT_TRUE(second->says("admin on"));
		EXPECT_TRUE(second->says("ready"));
		EXPECT_TRUE(first->says("has taken over"));
		EXPECT_EQ(first->end(), 0);
		for (const unsigned before = scraped; scraped < before + 3 && !not_scraped;)
			std::this_thread::sleep_for(1ms);
		stop = true;
		load.join();
		scraper.join();
		first = std::move(second);
	}
	EXPECT_EQ(bad, 0U);
	EXPECT_GT(good, 10U);
	EXPECT_EQ(not_scraped, 0U);
}

TEST_F(daemon_process, goes_on_when_its_successor_cannot_start)
{
	configure("takeover = '" + path_ + "'\n");

	Child first = start();

	ASSERT_TRUE(first.says("ready"));

	/* Fails after it got the sockets. */
	Child second({"--listen", "fd:99", "--config", config_});

	EXPECT_EQ(second.end(), 2);
	EXPECT_TRUE(first.says("going on"));
	EXPECT_TRUE(answers(dial()));

	Child third = start();

	EXPECT_TRUE(third.says("ready"));
	EXPECT_EQ(first.end(), 0);
}

TEST_F(daemon_process, tells_systemd)
{
	Notifications notifications(directory_ + "/notify");

	configure("");
	setenv("WATCHDOG_USEC", "300000", 1);

	Child lanesd = start();

	EXPECT_TRUE(notifications.comes("READY=1"));
	EXPECT_TRUE(notifications.comes("STATUS=ready, 1 shard on"));
	EXPECT_TRUE(notifications.comes("WATCHDOG=1"));
	EXPECT_TRUE(notifications.comes("WATCHDOG=1"));
	lanesd.signal(SIGHUP);
	EXPECT_TRUE(notifications.comes("RELOADING=1\nMONOTONIC_USEC="));
	EXPECT_TRUE(notifications.comes("READY=1"));
	lanesd.signal(SIGTERM);
	EXPECT_TRUE(notifications.comes("STOPPING=1"));
	EXPECT_EQ(lanesd.end(), 0);
}
