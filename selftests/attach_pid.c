// SPDX-License-Identifier: GPL-2.0-only
/*
 * attach_pid attach|detach PID PORT: reaches into a running program with
 * pidfd_getfd(2) and attaches or detaches its listener on PORT.
 */
#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <linux/lanes.h>

static bool listens_on(int fd, int port)
{
	struct sockaddr_in6 name = {};
	socklen_t len = sizeof(int);
	int value = 0;

	if (getsockopt(fd, SOL_SOCKET, SO_PROTOCOL, &value, &len) ||
	    value != IPPROTO_TCP)
		return false;
	if (getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &value, &len) || !value)
		return false;
	len = sizeof(name);
	return !getsockname(fd, (struct sockaddr *)&name, &len) &&
	       ntohs(name.sin6_port) == port;
}

static int set(int fd, bool attach)
{
	if (attach)
		return setsockopt(fd, IPPROTO_TCP, TCP_ULP, LANES_ULP_NAME,
				  strlen(LANES_ULP_NAME));
	return setsockopt(fd, SOL_LANES, LANES_DETACH, NULL, 0);
}

int main(int argc, char **argv)
{
	struct dirent *entry;
	int pidfd, nr = 0;
	char path[64];
	bool attach;
	DIR *dir;

	if (argc != 4) {
		fprintf(stderr, "usage: attach_pid attach|detach PID PORT\n");
		return 2;
	}
	attach = !strcmp(argv[1], "attach");
	pidfd = syscall(SYS_pidfd_open, atoi(argv[2]), 0);
	snprintf(path, sizeof(path), "/proc/%s/fd", argv[2]);
	dir = opendir(path);
	if (pidfd < 0 || !dir) {
		fprintf(stderr, "attach_pid: %s: %s\n", path, strerror(errno));
		return 1;
	}
	while ((entry = readdir(dir))) {
		int fd = syscall(SYS_pidfd_getfd, pidfd, atoi(entry->d_name), 0);

		if (fd < 0)
			continue;
		if (listens_on(fd, atoi(argv[3]))) {
			if (set(fd, attach)) {
				fprintf(stderr, "attach_pid: %s descriptor %s of %s: %s\n",
					argv[1], entry->d_name, argv[2],
					strerror(errno));
				return 1;
			}
			nr++;
		}
		close(fd);
	}
	closedir(dir);
	if (!nr) {
		fprintf(stderr, "attach_pid: %s has no listener on port %s\n",
			argv[2], argv[3]);
		return 1;
	}
	return 0;
}
