// SPDX-License-Identifier: GPL-2.0-only
/* For tests: lanesd in a child of the test's process. */
#ifndef LANES_LANESD_DAEMON_FIXTURE_H
#define LANES_LANESD_DAEMON_FIXTURE_H

#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include <csignal>

#include <fcntl.h>
#include <poll.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include <gtest/gtest.h>

#include "common/cpus.h"
#include "common/endpoint.h"
#include "common/error.h"
#include "lanesd/daemon.h"

namespace lanes {

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
public:
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
		write("listen = '" + where_.to_string() + "'\nengine = 'epoll'\nshards = 1\n" +
		      more);
	}
	void write(const std::string &text) const { std::ofstream(config_) << text; }
	std::vector<std::string> with_config() const { return {"--config", config_}; }
	Child start() const { return Child(with_config()); }

	Fd dial() const { return dial(where_); }
	/* Nothing, and errno, if it is refused. */
	static Fd dial(const Endpoint &to)
	{
		const timeval time = {5, 0};
		Fd fd(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));

		setsockopt(fd.get(), SOL_SOCKET, SO_RCVTIMEO, &time, sizeof(time));
		if (connect(fd.get(), to.address(), to.length())) {
			const int error = errno;

			fd.reset();
			errno = error;
		}
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

} // namespace lanes

#endif
