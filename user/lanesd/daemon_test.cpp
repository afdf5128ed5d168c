// SPDX-License-Identifier: GPL-2.0-only
#include "lanesd/daemon.h"

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <thread>

#include <fcntl.h>
#include <poll.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>

#include <gtest/gtest.h>

#include "common/cpus.h"
#include "common/error.h"

using namespace lanes;
using namespace std::chrono_literals;

namespace {

/* lanesd in a child of this process. */
class Child {
public:
	explicit Child(std::vector<std::string> arguments)
	{
		int ends[2];

		EXPECT_EQ(pipe2(ends, O_CLOEXEC), 0);
		output_.reset(ends[0]);
		pid_ = fork();
		if (!pid_)
			execute(arguments, ends[1]);
		close(ends[1]);
	}
	~Child()
	{
		if (pid_ > 0) {
			kill(pid_, SIGKILL);
			waitpid(pid_, nullptr, 0);
		}
	}

	/* Until @text was printed, since the last call; false if it never is. */
	bool says(const std::string &text)
	{
		size_t at;

		while ((at = text_.find(text, seen_)) == std::string::npos)
			if (!read_more())
				return false;
		seen_ = at + text.size();
		return true;
	}
	void signal(int number) const { kill(pid_, number); }
	pid_t pid() const { return pid_; }
	/* Exit status; its output is in text(). */
	int end()
	{
		int status = -1;

		while (read_more())
			;
		waitpid(pid_, &status, 0);
		pid_ = -1;
		return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
	}
	const std::string &text() const { return text_; }

private:
	[[noreturn]] static void execute(const std::vector<std::string> &words, int output)
	{
		std::vector<const char *> argv = {"lanesd"};

		prctl(PR_SET_PDEATHSIG, SIGKILL);
		dup2(output, STDOUT_FILENO);
		dup2(output, STDERR_FILENO);
		for (const std::string &word : words)
			argv.push_back(word.c_str());
		try {
			const auto parse = [argv] {
				return std::get<Options>(
					parse_options(static_cast<int>(argv.size()), argv.data(),
						      allowed_cpus()));
			};

			Daemon(parse(), parse).run();
			_exit(0);
		} catch (const UsageError &error) {
			dprintf(STDERR_FILENO, "%s\n", error.what());
			_exit(2);
		} catch (const std::exception &error) {
			dprintf(STDERR_FILENO, "%s\n", error.what());
			_exit(1);
		}
	}

	bool read_more()
	{
		char part[4096];
		pollfd waiting = {output_.get(), POLLIN, 0};

		if (poll(&waiting, 1, 10'000) != 1)
			return false;

		const ssize_t got = read(output_.get(), part, sizeof(part));

		if (got > 0)
			text_.append(part, static_cast<size_t>(got));
		return got > 0;
	}

	pid_t pid_ = -1;
	Fd output_;
	std::string text_;
	size_t seen_ = 0;
};

class daemon_process : public testing::Test {
protected:
	daemon_process() { std::filesystem::create_directory(directory_); }
	~daemon_process() override { std::filesystem::remove_all(directory_); }

	/* Reserved by a socket that does not listen. */
	static Endpoint reserve(const Fd &fd)
	{
		const int on = 1;
		const Endpoint any = Endpoint::parse("127.0.0.1:0");

		setsockopt(fd.get(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
		EXPECT_EQ(bind(fd.get(), any.address(), any.length()), 0);
		return Endpoint::of_socket(fd.get());
	}

	void configure(const std::string &more) const
	{
		std::ofstream(config_) << "listen = '" << where_.to_string() << "'\n"
				       << "engine = 'epoll'\nshards = 1\n"
				       << more;
	}
	std::vector<std::string> with_config() const { return {"--config", config_}; }
	Child start() const { return Child(with_config()); }

	Fd dial() const
	{
		const timeval time = {5, 0};
		Fd fd(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));

		setsockopt(fd.get(), SOL_SOCKET, SO_RCVTIMEO, &time, sizeof(time));
		if (connect(fd.get(), where_.address(), where_.length()))
			fd.reset();
		return fd;
	}
	static bool answers(const Fd &fd)
	{
		char got = 0;

		return send(fd.get(), "e", 1, MSG_NOSIGNAL) == 1 &&
		       recv(fd.get(), &got, 1, 0) == 1 && got == 'e';
	}

	std::string directory_ = "/tmp/lanesd-daemon." + std::to_string(getpid());
	std::string config_ = directory_ + "/lanesd.toml";
	std::string path_ = directory_ + "/takeover";
	Fd reserved_{socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)};
	Endpoint where_ = reserve(reserved_);
};

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
	configure("takeover = '" + path_ + "'\nadmin = 'unix:" + directory_ + "/admin'\n");

	std::atomic<bool> stop = false;
	std::atomic<unsigned> good = 0, bad = 0;
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

		EXPECT_TRUE(second->says("admin on"));
		EXPECT_TRUE(second->says("ready"));
		EXPECT_TRUE(first->says("has taken over"));
		EXPECT_EQ(first->end(), 0);
		std::this_thread::sleep_for(20ms);
		stop = true;
		load.join();
		first = std::move(second);
	}
	EXPECT_EQ(bad, 0U);
	EXPECT_GT(good, 10U);
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
