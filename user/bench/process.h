// SPDX-License-Identifier: GPL-2.0-only
#ifndef LANES_BENCH_PROCESS_H
#define LANES_BENCH_PROCESS_H

#include <algorithm>
#include <exception>
#include <stdexcept>
#include <utility>
#include <vector>

#include <cerrno>
#include <csignal>
#include <cstdio>

#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/error.h"

namespace lanes {

/** A child that ends with its owner; scripts/plugin/lines.c sees its name. */
class Process {
public:
	template <typename Body> Process(const char *name, Body body) : pid_(fork())
	{
		if (pid_ < 0)
			throw_errno(errno, "fork");
		if (pid_)
			return;
		try {
			prctl(PR_SET_PDEATHSIG, SIGKILL);
			prctl(PR_SET_NAME, name);
			body();
			_exit(0);
		} catch (const std::exception &error) {
			std::fprintf(stderr, "lanes-bench: %s\n", error.what());
			_exit(1);
		}
	}
	Process(Process &&other) noexcept : pid_(std::exchange(other.pid_, -1)) {}
	Process &operator=(Process &&other) noexcept
	{
		std::swap(pid_, other.pid_);
		return *this;
	}
	~Process()
	{
		if (pid_ < 0)
			return;
		kill(pid_, SIGKILL);
		waitpid(pid_, nullptr, 0);
	}

	pid_t pid() const { return pid_; }
	void signal(int number) const
	{
		if (kill(pid_, number))
			throw_errno(errno, "kill");
	}

private:
	pid_t pid_;
};

/** Waits until all @clients have ended.
 *
 *  Throws std::runtime_error as soon as one of them fails, or any other child ends:
 *  who waits for it would never end.
 */
inline void finish(std::vector<Process> &clients)
{
	while (!clients.empty()) {
		siginfo_t ended;

		/* It stays a zombie, so that its owner may still kill it. */
		if (waitid(P_ALL, 0, &ended, WEXITED | WNOWAIT))
			throw_errno(errno, "waitid");

		const auto client = std::ranges::find(clients, ended.si_pid, &Process::pid);

		if (client == clients.end())
			throw std::runtime_error("a worker failed");
		if (ended.si_code != CLD_EXITED || ended.si_status)
			throw std::runtime_error("a client failed");
		clients.erase(client);
	}
}

} // namespace lanes

#endif
