// SPDX-License-Identifier: GPL-2.0-only
#include "lanectl/processes.h"

#include <algorithm>
#include <charconv>
#include <filesystem>
#include <format>
#include <fstream>
#include <system_error>

namespace lanes::ctl {
namespace {

namespace fs = std::filesystem;

template <typename Number> std::optional<Number> whole_number(std::string_view text)
{
	Number number = 0;
	const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);

	if (error != std::errc() || end != text.data() + text.size())
		return {};
	return number;
}

std::string name_of(pid_t pid)
{
	std::ifstream file(std::format("/proc/{}/comm", pid));
	std::string name;

	std::getline(file, name);
	return name;
}

} // namespace

std::optional<ino_t> socket_inode(std::string_view link)
{
	constexpr std::string_view head = "socket:[";

	if (!link.starts_with(head) || !link.ends_with(']'))
		return {};
	link.remove_prefix(head.size());
	link.remove_suffix(1);
	return whole_number<ino_t>(link);
}

std::vector<SocketDescriptor> sockets_of(pid_t pid)
{
	std::vector<SocketDescriptor> all;

	for (const auto &entry : fs::directory_iterator(std::format("/proc/{}/fd", pid))) {
		std::error_code closed;
		const auto fd = whole_number<int>(entry.path().filename().native());
		const auto inode = socket_inode(fs::read_symlink(entry.path(), closed).native());

		if (fd && inode)
			all.push_back({*fd, *inode});
	}
	std::ranges::sort(all, {}, &SocketDescriptor::fd);
	return all;
}

std::map<ino_t, std::vector<Process>> socket_owners()
{
	std::map<ino_t, std::vector<Process>> owners;

	for (const auto &entry : fs::directory_iterator("/proc")) {
		const auto pid = whole_number<pid_t>(entry.path().filename().native());

		if (!pid)
			continue;
		try {
			for (const SocketDescriptor &socket : sockets_of(*pid)) {
				auto &processes = owners[socket.inode];

				/* A duplicate of the descriptor is no second owner. */
				if (processes.empty() || processes.back().pid != *pid)
					processes.push_back({*pid, name_of(*pid)});
			}
		} catch (const std::system_error &) {
			/* Another user's, or it has ended. */
			continue;
		}
	}
	return owners;
}

} // namespace lanes::ctl
