// SPDX-License-Identifier: GPL-2.0-only
#include "lanectl/counters.h"

#include <algorithm>
#include <format>
#include <fstream>
#include <map>
#include <sstream>

#include <cerrno>
#include <cstdlib>

#include <sys/stat.h>
#include <unistd.h>

#include "common/error.h"
#include "lanectl/file.h"
#include "lanectl/table.h"

namespace lanes::ctl {
namespace {

constexpr const char *path = "/proc/net/lanes_stat";

std::string to_lines(const Counters &counters)
{
	std::string text;

	for (const auto &[name, value] : counters)
		text += std::format("{} {}\n", name, value);
	return text;
}

} // namespace

Counters read_counters(std::istream &text)
{
	Counters counters;

	for (std::string line; std::getline(text, line);) {
		std::istringstream words(line);
		std::string name, rest;
		uint64_t value = 0;

		if (words >> name >> value && !(words >> rest))
			counters.emplace_back(name, value);
	}
	return counters;
}

Counters read_counters()
{
	std::ifstream file(path);

	if (!file)
		throw_errno(errno, path, "load lanes.ko, which makes it");
	return read_counters(file);
}

Counters since(const Counters &before, const Counters &now)
{
	const std::map<std::string, uint64_t> old(before.begin(), before.end());
	Counters more = now;

	for (auto &[name, value] : more) {
		const auto was = old.find(name);

		if (was == old.end())
			continue;
		if (was->second > value)
			return now;
		value -= was->second;
	}
	return more;
}

std::string format_counters(const Counters &counters, bool zeros, Style style)
{
	auto json = nlohmann::ordered_json::object();
	std::string text;

	for (const auto &[name, value] : counters) {
		if (!value && !zeros)
			continue;
		text += std::format("{:<32}{}\n", name, value);
		json[name] = value;
	}
	return style == Style::text ? text : format_json(json, style);
}

std::string history_path()
{
	const char *dir = std::getenv("XDG_RUNTIME_DIR");
	struct stat netns{};

	if (stat("/proc/self/ns/net", &netns))
		throw_errno(errno, "/proc/self/ns/net", "mount /proc");
	return std::format("{}/lanectl.stats.{}", dir && *dir ? dir : "/run", netns.st_ino);
}

std::string show_counters(const ShowStats &show, Style style)
{
	const Counters now = read_counters();

	if (show.absolute)
		return format_counters(now, show.zeros, style);

	const std::string history = history_path();
	std::ifstream before(history);
	std::string text = format_counters(since(read_counters(before), now), show.zeros, style);

	write_file(history, to_lines(now), "set XDG_RUNTIME_DIR, or use -a");
	return text;
}

} // namespace lanes::ctl
