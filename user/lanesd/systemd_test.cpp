// SPDX-License-Identifier: GPL-2.0-only
#include "lanesd/systemd.h"

#include <cstdlib>
#include <string>

#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <gtest/gtest.h>

#include "common/fd.h"

using namespace lanes;

namespace {

/* What systemd would hear. */
class Listening {
public:
	Listening() : fd_(socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0))
	{
		sockaddr_un address{AF_UNIX, {}};

		name_.copy(address.sun_path + 1, name_.size());
		EXPECT_EQ(bind(fd_.get(), reinterpret_cast<sockaddr *>(&address),
			       static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + 1 +
						      name_.size())),
			  0);
		setenv("NOTIFY_SOCKET", ("@" + name_).c_str(), 1);
	}
	~Listening() { unsetenv("NOTIFY_SOCKET"); }

	std::string heard()
	{
		char text[256];
		const ssize_t length = recv(fd_.get(), text, sizeof(text), 0);

		return {text, static_cast<size_t>(std::max<ssize_t>(length, 0))};
	}

private:
	std::string name_ = "lanesd-test-" + std::to_string(getpid());
	Fd fd_;
};

} // namespace

TEST(systemd, hears_what_happens)
{
	Listening listening;

	systemd::ready();
	EXPECT_EQ(listening.heard(), "READY=1");
	systemd::status("well");
	EXPECT_EQ(listening.heard(), "STATUS=well");
	systemd::alive();
	EXPECT_EQ(listening.heard(), "WATCHDOG=1");
	systemd::stopping();
	EXPECT_EQ(listening.heard(), "STOPPING=1");
	systemd::reloading();

	const std::string text = listening.heard();

	EXPECT_TRUE(text.starts_with("RELOADING=1\nMONOTONIC_USEC="));
	EXPECT_GT(std::stoull(text.substr(text.rfind('=') + 1)), 0U);
}

TEST(systemd, asks_for_its_watchdog)
{
	EXPECT_FALSE(systemd::watchdog());
	setenv("WATCHDOG_USEC", "3000000", 1);
	setenv("WATCHDOG_PID", std::to_string(getpid()).c_str(), 1);
	EXPECT_EQ(systemd::watchdog(), std::chrono::seconds(1));
	setenv("WATCHDOG_PID", "1", 1);
	EXPECT_FALSE(systemd::watchdog());
	unsetenv("WATCHDOG_USEC");
	unsetenv("WATCHDOG_PID");
}

TEST(systemd, passes_nothing_when_it_did_not_start_us)
{
	setenv("LISTEN_PID", "1", 1);
	setenv("LISTEN_FDS", "1", 1);
	EXPECT_TRUE(passed_sockets().empty());
	EXPECT_EQ(getenv("LISTEN_FDS"), nullptr);
}
