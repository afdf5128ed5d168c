// SPDX-License-Identifier: GPL-2.0-only
#include "bench/netns.h"

#include <sstream>
#include <vector>

#include <cerrno>

#include <fcntl.h>
#include <sched.h>

#include "common/error.h"

namespace lanes {
namespace {

std::string read_again(int fd)
{
	std::string text;
	char part[4096];
	ssize_t got;

	while ((got = pread(fd, part, sizeof(part), static_cast<off_t>(text.size()))) > 0)
		text.append(part, static_cast<size_t>(got));
	return text;
}

std::vector<std::string> words(const std::string &line)
{
	std::istringstream stream(line);
	std::vector<std::string> all;

	for (std::string word; stream >> word;)
		all.push_back(word);
	return all;
}

/* Of a file that has a line of names and below it a line of values. */
uint64_t value_of(const std::string &text, std::string_view prefix, std::string_view name)
{
	std::istringstream lines(text);

	for (std::string line; std::getline(lines, line);) {
		if (!line.starts_with(prefix))
			continue;

		const auto names = words(line);
		std::getline(lines, line);
		const auto values = words(line);

		for (size_t i = 0; i < names.size() && i < values.size(); i++)
			if (names[i] == name)
				return std::stoull(values[i]);
	}
	throw std::runtime_error(std::format("no {} {} in /proc/net", prefix, name));
}

} // namespace

void enter_netns(const std::string &name)
{
	if (name.empty())
		return;

	const std::string path = "/run/netns/" + name;
	const Fd fd(open(path.c_str(), O_RDONLY | O_CLOEXEC));

	if (!fd)
		throw_errno(errno, path);
	if (setns(fd.get(), CLONE_NEWNET))
		throw_errno(errno, "setns to " + path);
}

NetnsCounters::NetnsCounters(const std::string &name)
{
	const Fd home(open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC));

	enter_netns(name);
	/* An open one stays with its namespace. */
	snmp_.reset(open("/proc/thread-self/net/snmp", O_RDONLY | O_CLOEXEC));
	netstat_.reset(open("/proc/thread-self/net/netstat", O_RDONLY | O_CLOEXEC));
	lanes_.reset(open("/proc/thread-self/net/lanes_stat", O_RDONLY | O_CLOEXEC));
	if (!home || !snmp_ || !netstat_ || setns(home.get(), CLONE_NEWNET))
		throw_errno(errno, "counters of netns " + name);
}

Counts NetnsCounters::read() const
{
	Counts counts{{"InSegs", value_of(read_again(snmp_.get()), "Tcp:", "InSegs")},
		      {"OFO", value_of(read_again(netstat_.get()), "TcpExt:", "TCPOFOQueue")}};

	if (lanes_) {
		std::istringstream lines(read_again(lanes_.get()));
		std::string name;
		uint64_t value;

		while (lines >> name >> value)
			counts[name] = value;
	}
	return counts;
}

} // namespace lanes
