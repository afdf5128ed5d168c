// SPDX-License-Identifier: GPL-2.0-only
#include "demo/worker.h"

#include <filesystem>
#include <sstream>
#include <system_error>
#include <utility>
#include <vector>

#include <cerrno>
#include <csignal>

#include <fcntl.h>
#include <sys/prctl.h>
#include <sys/wait.h>

#include "common/cpus.h"
#include "common/error.h"

namespace lanes {

WorkerReport parse_worker_report(std::string_view output)
{
	std::istringstream lines{std::string(output)};
	std::string line;

	while (std::getline(lines, line)) {
		std::istringstream fields(line);
		std::string shard, cpu;
		WorkerReport report;

		if (fields >> shard >> cpu >> report.accepted >> report.local && shard == "total")
			return report;
	}
	throw std::runtime_error(std::format("lanesd printed no total: {}", output));
}

Worker::Worker(const std::string &lanesd, int cpu, int listen_fd, bool lanes) : cpu_(cpu)
{
	int ends[2];

	if (pipe2(ends, O_CLOEXEC))
		throw_errno(errno, "pipe2");
	output_.reset(ends[0]);

	Fd writing(ends[1]);

	pid_ = fork();
	if (pid_ < 0)
		throw_errno(errno, "fork");
	if (!pid_)
		execute(lanesd, cpu, listen_fd, lanes, writing.get());
	writing.reset();
	if (!read_until("ready")) {
		reap();
		throw std::runtime_error(
			std::format("the worker on CPU {} did not start: {}", cpu_, text_));
	}
}

Worker::Worker(Worker &&other) noexcept
	: cpu_(other.cpu_), pid_(std::exchange(other.pid_, -1)), output_(std::move(other.output_)),
	  text_(std::move(other.text_))
{
}

Worker::~Worker()
{
	reap();
}

void Worker::execute(const std::string &lanesd, int cpu, int listen_fd, bool lanes, int output)
{
	const std::string listen = std::format("fd:{}", listen_fd);
	std::vector<const char *> arguments = {lanesd.c_str(), "--listen", listen.c_str(),
					       "--shards", "1"};

	if (!lanes)
		arguments.push_back("--no-lanes");
	arguments.push_back(nullptr);

	try {
		/* Not to outlive a demo that was killed. */
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		pin_to_cpu(cpu);
		dup2(output, STDOUT_FILENO);
		dup2(output, STDERR_FILENO);
		fcntl(listen_fd, F_SETFD, 0);
		execv(lanesd.c_str(), const_cast<char *const *>(arguments.data()));
		dprintf(STDERR_FILENO, "%s\n", describe_errno(errno, lanesd).c_str());
	} catch (const std::exception &error) {
		dprintf(STDERR_FILENO, "%s\n", error.what());
	}
	_exit(127);
}

bool Worker::read_more()
{
	char part[4096];
	const ssize_t got = read(output_.get(), part, sizeof(part));

	if (got > 0)
		text_.append(part, static_cast<size_t>(got));
	return got > 0 || (got < 0 && errno == EINTR);
}

bool Worker::read_until(std::string_view end)
{
	while (text_.find(end) == std::string::npos)
		if (!read_more())
			return false;
	return true;
}

void Worker::signal(int number) const
{
	if (kill(pid_, number))
		throw_errno(errno, std::format("signal {} to the worker on CPU {}", number, cpu_));
}

uint64_t Worker::connections() const
{
	const std::filesystem::path fds = std::format("/proc/{}/fd", pid_);
	uint64_t sockets = 0;

	for (const auto &fd : std::filesystem::directory_iterator(fds)) {
		std::error_code gone;

		sockets += read_symlink(fd, gone).string().starts_with("socket:");
	}
	/* One listens. */
	return sockets ? sockets - 1 : 0;
}

WorkerReport Worker::finish()
{
	signal(SIGTERM);
	while (read_more())
		;
	return parse_worker_report(text_);
}

void Worker::reap()
{
	if (pid_ < 0)
		return;
	kill(pid_, SIGKILL);
	waitpid(pid_, nullptr, 0);
	pid_ = -1;
}

} // namespace lanes
