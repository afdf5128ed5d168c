// SPDX-License-Identifier: GPL-2.0-only
#include "lanectl/kernel_log.h"

#include <vector>

#include <cerrno>

#include <sys/klog.h>

#include "common/error.h"

namespace lanes::ctl {
namespace {

/* Of a report: not all have an end that can be told. */
constexpr size_t lines_max = 200;

/* Of syslog(2), for which there is no header. */
constexpr int read_all = 3, size_buffer = 10;

bool has(const std::string &line, const char *text)
{
	return line.find(text) != line.npos;
}

bool begins_report(const std::string &line)
{
	return has(line, "[ cut here ]") || has(line, "BUG: ");
}

bool ends_report(const std::string &line)
{
	return has(line, "[ end trace ") || line.ends_with("=====");
}

/* What was seen of a report, if in one. */
class Report {
public:
	explicit operator bool() const { return !lines_.empty(); }
	void add(const std::string &line)
	{
		lines_.push_back(line);
		named_ |= has(line, "lanes") && !has(line, "Modules linked in:");
	}
	bool full() const { return lines_.size() == lines_max; }
	/* Nothing, if it has nothing to do with lanes. */
	std::string take()
	{
		std::string text;

		for (const std::string &line : named_ ? lines_ : std::vector<std::string>())
			text += line + '\n';
		*this = {};
		return text;
	}

private:
	std::vector<std::string> lines_;
	bool named_ = false;
};

} // namespace

std::string about_lanes(std::istream &log)
{
	std::string text;
	Report report;

	for (std::string line; std::getline(log, line);) {
		if (report || begins_report(line))
			report.add(line);
		else if (has(line, "lanes"))
			text += line + '\n';
		if (report && (ends_report(line) || report.full()))
			text += report.take();
	}
	return text + report.take();
}

std::string kernel_log()
{
	const int size = klogctl(size_buffer, nullptr, 0);
	std::string log(size > 0 ? static_cast<size_t>(size) : 0, '\0');
	const int got = klogctl(read_all, log.data(), static_cast<int>(log.size()));

	if (size < 0 || got < 0)
		throw_errno(errno, "kernel log",
			    "be root or have CAP_SYSLOG, or set kernel.dmesg_restrict to 0");
	log.resize(static_cast<size_t>(got));
	return log;
}

} // namespace lanes::ctl
