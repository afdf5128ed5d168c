// SPDX-License-Identifier: GPL-2.0-only
#ifndef LANES_BENCH_PROCESS_H
#define LANES_BENCH_PROCESS_H

#include <exception>
#include <stdexcept>
#include <utility>

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
	~Process()
	{
		if (pid_ < 0)
			return;
		kill(pid_, SIGKILL);
		waitpid(pid_, nullptr, 0);
	}

	bool alive()
	{
		if (!waitpid(pid_, nullptr, WNOHANG))
			return true;
		pid_ = -1;
		return false;
	}
	void signal(int number) const
	{
		if (kill(pid_, number))
			throw_errno(errno, "kill");
	}
	void finish()
	{
		int status = -1;

		waitpid(std::exchange(pid_, -1), &status, 0);
		if (status)
			throw std::runtime_error("a client failed");
	}

private:
	pid_t pid_;
};

} // namespace lanes

#endif
