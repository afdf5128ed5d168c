// SPDX-License-Identifier: GPL-2.0-only
#include "lanectl/follower.h"

#include <algorithm>
#include <filesystem>
#include <format>
#include <fstream>
#include <system_error>

#include <cstdio>

#include <unistd.h>

#include "lanectl/attach.h"
#include "lanectl/processes.h"

namespace lanes::ctl {
namespace {

namespace fs = std::filesystem;

void add_children(pid_t pid, std::vector<pid_t> &all)
{
	std::error_code gone;

	/* Any thread may have children. */
	for (const auto &task : fs::directory_iterator(std::format("/proc/{}/task", pid), gone)) {
		std::ifstream file(task.path() / "children");

		for (pid_t child = 0; file >> child;)
			all.push_back(child);
	}
}

} // namespace

std::vector<pid_t> descendants()
{
	std::vector<pid_t> all;

	add_children(getpid(), all);
	for (size_t i = 0; i < all.size(); i++)
		add_children(all[i], all);
	return all;
}

void Follower::look()
{
	const std::set<ino_t> now = listening_.inodes();
	bool searching = false;

	std::erase_if(searches_, [&](const auto &one) { return !now.contains(one.first); });
	for (const ino_t inode : now) {
		unsigned &count = searches_[inode];

		if (count < searches_max) {
			count++;
			searching = true;
		}
	}
	if (searching)
		std::ranges::for_each(descendants(), [this](pid_t pid) { search(pid); });
}

void Follower::search(pid_t pid)
try {
	for (const SocketDescriptor &socket : sockets_of(pid)) {
		const auto known = searches_.find(socket.inode);

		if (known == searches_.end() || known->second > searches_max)
			continue;

		const auto listener = Lender(pid).listener(socket);

		if (!listener)
			continue;
		/* Whatever comes of it: once. */
		known->second = searches_max + 1;
		attach(listener->fd.get(), std::format("{}, descriptor {} of process {}",
						       listener->address, socket.fd, pid));
	}
} catch (const std::system_error &) {
	/* It has ended, or is another user's. */
} catch (const std::exception &error) {
	std::fprintf(stderr, "lanectl: %s\n", error.what());
}

} // namespace lanes::ctl
