// SPDX-License-Identifier: GPL-2.0-only
/* close, shutdown, listen, connect, fork and bind on a listener: as stock. */
#define _GNU_SOURCE
#include "serve.h"

#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

TEST(close__resets_queued)
{
	struct endpoint to;
	int fd = listen_lanes(V4, 32, &to), clients[8];
	char byte;

	for (int i = 0; i < 8; i++)
		clients[i] = dial_on(i % nr_cpus(), &to);
	ASSERT_EQ(queued_within(fd, 8, 1000), 8);
	close(fd);
	for (int i = 0; i < 8; i++)
		CHECK_ERRNO(recv(clients[i], &byte, 1, 0), ECONNRESET);
}

TEST(shutdown__write_side)
{
	struct endpoint to;
	int fd = listen_lanes(V4, 8, &to), client;

	MUST(shutdown(fd, SHUT_WR));
	client = MUST(dial(&to));
	MUST(accept_within(fd, 1000));
	hang_up(client);
}

/* A port that the kernel chose is given up, one that was asked for is kept. */
static int listen_chosen_port(struct endpoint *to)
{
	int fd, one = 1;

	close(bound_socket(V4, to));
	fd = MUST(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
	MUST(setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one)));
	MUST(bind(fd, (struct sockaddr *)&to->addr, to->len));
	MUST(listen(fd, 8));
	MUST(lanes_attach(fd));
	return fd;
}

static void relisten(void (*stop)(int fd))
{
	for (int chosen = 0; chosen < 2; chosen++) {
		struct endpoint to;
		int fd, clients[3], child;

		fd = chosen ? listen_chosen_port(&to) :
			      listen_lanes(V4, 8, &to);
		clients[0] = dial_on(0, &to);
		pin(0);
		close(MUST(accept(fd, NULL, NULL)));
		clients[1] = dial_on(0, &to);
		stop(fd);
		CHECK_ERRNO(accept_nowait(fd), EINVAL);
		MUST(listen(fd, 8));
		if (!chosen)
			MUST(getsockname(fd, (struct sockaddr *)&to.addr,
					 &to.len));
		clients[2] = dial_on(0, &to);
		child = MUST(accept(fd, NULL, NULL));
		CHECK(same_socket(clients[2], child));
		for (int i = 0; i < 3; i++)
			hang_up(clients[i]);
		close(child);
		close(fd);
	}
}

static void stop_by_shutdown(int fd)
{
	MUST(shutdown(fd, SHUT_RDWR));
}

TEST(relisten__after_shutdown)
{
	relisten(stop_by_shutdown);
}

static void stop_by_af_unspec(int fd)
{
	struct sockaddr unspec = { .sa_family = AF_UNSPEC };

	MUST(connect(fd, &unspec, sizeof(unspec)));
}

TEST(relisten__after_af_unspec)
{
	relisten(stop_by_af_unspec);
}

TEST(connect__listening)
{
	struct endpoint to, other;
	int fd = listen_lanes(V4, 8, &to), client;

	listen_stock(V4, 8, &other);
	CHECK_ERRNO(connect(fd, (struct sockaddr *)&other.addr, other.len),
		    EISCONN);
	client = MUST(dial(&to));
	MUST(accept_within(fd, 1000));
	hang_up(client);
}

TEST(fork__child_accepts)
{
	struct endpoint to;
	int fd = listen_lanes(V4, 8, &to), client, status;
	pid_t pid = MUST(fork());

	if (!pid) {
		pin(0);
		_exit(send(MUST(accept(fd, NULL, NULL)), "x", 1, 0) != 1);
	}
	close(fd);
	sleep_ms(slow_ms(30));
	client = dial_on(0, &to);
	CHECK_EQ(recv(client, &status, 1, 0), 1);
	MUST(waitpid(pid, &status, 0));
	CHECK_EQ(status, 0);
	CHECK_ERRNO(dial(&to), ECONNREFUSED);
	hang_up(client);
}

TEST(scm_rights__receiver_accepts)
{
	char control[CMSG_SPACE(sizeof(int))] = {}, byte = 0;
	struct iovec iov = { &byte, 1 };
	struct msghdr msg = {
		.msg_iov = &iov, .msg_iovlen = 1,
		.msg_control = control, .msg_controllen = sizeof(control),
	};
	struct cmsghdr *cmsg = CMSG_FIRSTHDR(&msg);
	struct endpoint to;
	int fd = listen_lanes(V4, 8, &to), pair[2], passed, client, child;

	MUST(socketpair(AF_UNIX, SOCK_STREAM, 0, pair));
	*cmsg = (struct cmsghdr){ .cmsg_len = CMSG_LEN(sizeof(int)),
				  .cmsg_level = SOL_SOCKET,
				  .cmsg_type = SCM_RIGHTS };
	memcpy(CMSG_DATA(cmsg), &fd, sizeof(fd));
	MUST(sendmsg(pair[0], &msg, 0));
	close(fd);
	client = MUST(dial(&to));
	MUST(recvmsg(pair[1], &msg, 0));
	memcpy(&passed, CMSG_DATA(CMSG_FIRSTHDR(&msg)), sizeof(passed));
	child = MUST(accept(passed, NULL, NULL));
	CHECK(same_socket(client, child));
	hang_up(client);
}

TEST(bind__address_in_use)
{
	struct endpoint to;
	int fd = listen_lanes(V4, 8, &to), one = 1;

	for (int reuse = 0; reuse < 2; reuse++) {
		int other = MUST(socket(AF_INET, SOCK_STREAM, 0));

		if (reuse)
			MUST(setsockopt(other, SOL_SOCKET, SO_REUSEADDR, &one,
					sizeof(one)));
		CHECK_ERRNO(bind(other, (struct sockaddr *)&to.addr, to.len),
			    EADDRINUSE);
		if (reuse) {
			close(fd);
			MUST(bind(other, (struct sockaddr *)&to.addr, to.len));
			MUST(listen(other, 8));
		}
		close(other);
	}
}
