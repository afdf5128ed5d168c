// SPDX-License-Identifier: GPL-2.0-only
#include "compare/gauge.h"

#include <filesystem>
#include <format>
#include <fstream>

#include <cerrno>

#include <linux/perf_event.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "common/error.h"

namespace lanes::compare {
namespace {

int64_t read_clock(clockid_t clock)
{
	timespec time{};

	if (clock_gettime(clock, &time))
		throw_errno(errno, "CPU time of a server", "it has ended: see what it printed");
	return time.tv_sec * 1'000'000'000 + time.tv_nsec;
}

Fd open_counter(uint64_t tracepoint, pid_t thread)
{
	perf_event_attr attr{};

	attr.type = PERF_TYPE_TRACEPOINT;
	attr.size = sizeof(attr);
	attr.config = tracepoint;
	attr.inherit = 1;
	return Fd(static_cast<int>(
		syscall(SYS_perf_event_open, &attr, thread, -1, -1, PERF_FLAG_FD_CLOEXEC)));
}

} // namespace

int64_t now_ns()
{
	return read_clock(CLOCK_MONOTONIC);
}

int64_t own_cpu_ns()
{
	return read_clock(CLOCK_THREAD_CPUTIME_ID);
}

int64_t machine_busy_ns()
{
	std::ifstream stat("/proc/stat");
	std::string cpu;
	int64_t user = 0, nice = 0, system = 0, idle = 0, iowait = 0;
	int64_t irq = 0, softirq = 0, steal = 0;

	stat >> cpu >> user >> nice >> system >> idle >> iowait >> irq >> softirq >> steal;
	return (user + nice + system + irq + softirq + steal) *
	       (1'000'000'000 / sysconf(_SC_CLK_TCK));
}

CpuMeter::CpuMeter(const std::vector<pid_t> &pids)
{
	for (pid_t pid : pids) {
		clockid_t clock;

		if (const int error = clock_getcpuclockid(pid, &clock))
			throw UsageError(describe_errno(error, std::format("process {}", pid),
							"name a server that runs"));
		clocks_.push_back(clock);
	}
}

int64_t CpuMeter::read() const
{
	int64_t sum = 0;

	for (clockid_t clock : clocks_)
		sum += read_clock(clock);
	return sum;
}

SyscallCounter::SyscallCounter(const std::vector<pid_t> &pids)
{
	std::ifstream id("/sys/kernel/tracing/events/raw_syscalls/sys_enter/id");
	uint64_t tracepoint;

	if (!(id >> tracepoint))
		return;
	for (pid_t pid : pids) {
		std::error_code gone;

		for (const auto &task :
		     std::filesystem::directory_iterator(std::format("/proc/{}/task", pid), gone)) {
			const pid_t thread = std::stoi(task.path().filename());

			counters_.push_back(open_counter(tracepoint, thread));
			if (!counters_.back()) {
				counters_.clear();
				return;
			}
		}
	}
}

std::optional<uint64_t> SyscallCounter::read() const
{
	uint64_t sum = 0;

	if (counters_.empty())
		return {};
	for (const Fd &counter : counters_) {
		uint64_t count = 0;

		if (::read(counter.get(), &count, sizeof(count)) != sizeof(count))
			return {};
		sum += count;
	}
	return sum;
}

} // namespace lanes::compare
