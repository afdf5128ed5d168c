// SPDX-License-Identifier: GPL-2.0-only
#include "lanectl/processes.h"

#include <algorithm>
#include <system_error>

#include <gtest/gtest.h>

#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/fd.h"

using namespace lanes;
using namespace lanes::ctl;

namespace {

ino_t inode_of(int fd)
{
	struct stat status{};

	EXPECT_EQ(fstat(fd, &status), 0);
	return status.st_ino;
}

} // namespace

TEST(processes, link_of_a_socket_has_its_inode)
{
	EXPECT_EQ(socket_inode("socket:[4711]"), 4711U);
	for (const char *other : {"", "pipe:[4711]", "socket:[", "socket:[]", "socket:[12",
				  "socket:[x]", "socket:[1x]", "/tmp/socket:[1]"})
		EXPECT_FALSE(socket_inode(other)) << other;
}

TEST(processes, own_sockets_are_found)
{
	Fd socket_fd(socket(AF_INET, SOCK_STREAM, 0));
	Fd copy(dup(socket_fd.get()));
	const ino_t inode = inode_of(socket_fd.get());
	const auto sockets = sockets_of(getpid());

	EXPECT_EQ(std::ranges::count(sockets, inode, &SocketDescriptor::inode), 2);
	EXPECT_TRUE(std::ranges::is_sorted(sockets, {}, &SocketDescriptor::fd));

	const auto owners = socket_owners();

	ASSERT_TRUE(owners.contains(inode));
	ASSERT_EQ(owners.at(inode).size(), 1U);
	EXPECT_EQ(owners.at(inode).front().pid, getpid());
	EXPECT_FALSE(owners.at(inode).front().name.empty());
}

TEST(processes, a_process_that_is_gone_is_an_error)
{
	EXPECT_THROW(sockets_of(1 << 30), std::system_error);
}
