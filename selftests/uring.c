// SPDX-License-Identifier: GPL-2.0-only
/* Accept and poll through io_uring on the unchanged listening socket. */
#define _GNU_SOURCE
#include "serve.h"

#include <liburing.h>
#include <poll.h>
#include <pthread.h>
#include <stdlib.h>
#include <unistd.h>

#define NR_DIRECT 8

struct result {
	int res;
	unsigned int flags;
	__u64 data;
};

static struct io_uring ring_of(unsigned int flags)
{
	struct io_uring ring;
	int err = io_uring_queue_init(32, &ring, flags);

	if (err == -ENOSYS || err == -EPERM)
		SKIP("io_uring: %s", strerror(-err));
	ASSERT_EQ(err, 0);
	return ring;
}

/* Completions run in our own calls only, so that none interrupts a dial. */
static struct io_uring deferred_ring(void)
{
	return ring_of(IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_DEFER_TASKRUN);
}

static bool result_within(struct io_uring *ring, int ms, struct result *result)
{
	struct __kernel_timespec ts = {
		.tv_sec = slow_ms(ms) / 1000,
		.tv_nsec = slow_ms(ms) % 1000 * 1000000LL,
	};
	struct io_uring_cqe *cqe;

	if (io_uring_wait_cqe_timeout(ring, &cqe, &ts))
		return false;
	*result = (struct result){ cqe->res, cqe->flags, cqe->user_data };
	io_uring_cqe_seen(ring, cqe);
	return true;
}

static struct result must_complete(struct io_uring *ring)
{
	struct result result = {};

	ASSERT(result_within(ring, 2000, &result));
	return result;
}

static struct io_uring_sqe *sqe_of(struct io_uring *ring, __u64 data)
{
	struct io_uring_sqe *sqe = io_uring_get_sqe(ring);

	ASSERT(sqe);
	memset(sqe, 0, sizeof(*sqe));
	sqe->user_data = data;
	return sqe;
}

/* liburing's prep functions clear user_data on some versions. */
#define SUBMIT(ring, data, prep, ...)					\
	do {								\
		struct io_uring_sqe *sqe_ = sqe_of(ring, data);		\
									\
		prep(sqe_, ##__VA_ARGS__);				\
		sqe_->user_data = (data);				\
		ASSERT_EQ(io_uring_submit(ring), 1);			\
	} while (0)

static void expect(int client, int child)
{
	ASSERT_OP(child, >=, 0);
	CHECK(same_socket(client, child));
	hang_up(client);
	close(child);
}

TEST(uring__single)
{
	for (int bound = 0; bound < 2; bound++) {
		struct io_uring ring = deferred_ring();
		struct endpoint to;
		int fd = listen_lanes(V4, 8, &to), client;

		bound ? pin(0) : unpin();
		for (int cpu = 0; cpu < nr_cpus(); cpu++) {
			SUBMIT(&ring, 1, io_uring_prep_accept, fd, NULL, NULL,
			       SOCK_CLOEXEC);
			client = dial_on(cpu, &to);
			expect(client, must_complete(&ring).res);
		}
		/* Already queued when it is submitted. */
		client = dial_on(nr_cpus() - 1, &to);
		ASSERT_EQ(queued_within(fd, 1, 1000), 1);
		SUBMIT(&ring, 1, io_uring_prep_accept, fd, NULL, NULL, 0);
		expect(client, must_complete(&ring).res);
		io_uring_queue_exit(&ring);
		close(fd);
	}
}

TEST(uring__single_address)
{
	struct io_uring ring = deferred_ring();
	struct sockaddr_in peer = {}, name;
	socklen_t peer_len = sizeof(peer), name_len = sizeof(name);
	struct endpoint to;
	int fd = listen_lanes(V4, 8, &to), client;

	SUBMIT(&ring, 1, io_uring_prep_accept, fd, (struct sockaddr *)&peer,
	       &peer_len, 0);
	client = MUST(dial(&to));
	MUST(getsockname(client, (struct sockaddr *)&name, &name_len));
	expect(client, must_complete(&ring).res);
	CHECK_EQ(peer.sin_port, name.sin_port);
}

/* Kernels differ in what O_NONBLOCK means here: lanes must not. */
static struct result accept_nonblocking(int fd)
{
	struct result result = { .res = 0 };
	struct io_uring ring = deferred_ring();

	set_nonblock(fd, true);
	SUBMIT(&ring, 1, io_uring_prep_accept, fd, NULL, NULL, 0);
	result_within(&ring, 50, &result);
	io_uring_queue_exit(&ring);
	return result;
}

TEST(uring__nonblocking_empty)
{
	struct endpoint to;
	int fd = listen_lanes(V4, 8, &to), stock = listen_stock(V4, 8, &to);

	CHECK_EQ(accept_nonblocking(fd).res, accept_nonblocking(stock).res);
}

/* In every state of the queues: one request, all connections. */
static void multishot(unsigned int setup)
{
	for (int bound = 0; bound < 2; bound++) {
		struct io_uring ring = ring_of(setup);
		struct endpoint to;
		int fd = listen_lanes(V4, 32, &to), client;

		bound ? pin(0) : unpin();
		client = dial_on(0, &to);
		SUBMIT(&ring, 7, io_uring_prep_multishot_accept, fd, NULL, NULL,
		       SOCK_CLOEXEC);
		expect(client, must_complete(&ring).res);
		for (int i = 0; i < scaled(60); i++) {
			struct result result;

			client = dial_on(i % nr_cpus(), &to);
			result = must_complete(&ring);
			CHECK(result.flags & IORING_CQE_F_MORE);
			CHECK_EQ(result.data, 7);
			expect(client, result.res);
		}
		io_uring_queue_exit(&ring);
		close(fd);
	}
}

TEST(uring__multishot)
{
	multishot(IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_DEFER_TASKRUN);
}

TEST(uring__multishot_coop)
{
	multishot(IORING_SETUP_COOP_TASKRUN);
}

TEST(uring__multishot_burst)
{
	enum { NR = 24 };
	struct io_uring ring = deferred_ring();
	struct endpoint to;
	int fd = listen_lanes(V4, 64, &to), clients[NR];

	pin(0);
	SUBMIT(&ring, 7, io_uring_prep_multishot_accept, fd, NULL, NULL, 0);
	for (int i = 0; i < NR; i++)
		clients[i] = dial_on(i % nr_cpus(), &to);
	for (int i = 0; i < NR; i++) {
		struct result result = must_complete(&ring);

		CHECK_OP(result.res, >=, 0);
		close(result.res);
		if (!(result.flags & IORING_CQE_F_MORE))
			SUBMIT(&ring, 7, io_uring_prep_multishot_accept, fd,
			       NULL, NULL, 0);
	}
	for (int i = 0; i < NR; i++)
		hang_up(clients[i]);
}

/* The listener itself is a registered file, the children direct descriptors. */
TEST(uring__direct)
{
	int files[NR_DIRECT + 1], client;
	struct io_uring ring = deferred_ring();
	struct result result;
	struct endpoint to;
	char byte = 'x';

	for (int i = 0; i <= NR_DIRECT; i++)
		files[i] = -1;
	files[NR_DIRECT] = listen_lanes(V4, 16, &to);
	ASSERT_EQ(io_uring_register_files(&ring, files, NR_DIRECT + 1), 0);
	pin(0);
	for (int i = 0; i < NR_DIRECT; i++) {
		struct io_uring_sqe *sqe = sqe_of(&ring, 1);

		io_uring_prep_accept_direct(sqe, NR_DIRECT, NULL, NULL, 0, i);
		sqe->flags |= IOSQE_FIXED_FILE;
		ASSERT_EQ(io_uring_submit(&ring), 1);
		client = dial_on(i % nr_cpus(), &to);
		result = must_complete(&ring);
		CHECK_EQ(result.res, 0);

		sqe = sqe_of(&ring, 2);
		io_uring_prep_send(sqe, i, &byte, 1, 0);
		sqe->flags |= IOSQE_FIXED_FILE;
		ASSERT_EQ(io_uring_submit(&ring), 1);
		CHECK_EQ(must_complete(&ring).res, 1);
		CHECK_EQ(recv(client, &byte, 1, 0), 1);
		hang_up(client);
	}
	io_uring_queue_exit(&ring);
	close(files[NR_DIRECT]);
}

TEST(uring__multishot_direct)
{
	struct io_uring ring = deferred_ring();
	int files[NR_DIRECT], client, fd;
	struct endpoint to;

	memset(files, 0xff, sizeof(files));
	fd = listen_lanes(V4, 16, &to);
	ASSERT_EQ(io_uring_register_files(&ring, files, NR_DIRECT), 0);
	pin(0);
	SUBMIT(&ring, 1, io_uring_prep_multishot_accept_direct, fd, NULL, NULL,
	       0);
	for (int i = 0; i < NR_DIRECT; i++) {
		struct result result;

		client = dial_on(i % nr_cpus(), &to);
		result = must_complete(&ring);
		CHECK_OP(result.res, >=, 0);
		CHECK_OP(result.res, <, NR_DIRECT);
		CHECK(result.flags & IORING_CQE_F_MORE);
		hang_up(client);
	}
	/* The table is full: the request ends, the connection is not ours. */
	client = dial_on(0, &to);
	CHECK_EQ(must_complete(&ring).res, -ENFILE);
	hang_up(client);
}

TEST(uring__cancel)
{
	for (int many = 0; many < 2; many++) {
		struct io_uring ring = deferred_ring();
		struct result result;
		struct endpoint to;
		int fd = listen_lanes(V4, 8, &to), client;
		bool cancelled = false;

		pin(0);
		if (many)
			SUBMIT(&ring, 5, io_uring_prep_multishot_accept, fd,
			       NULL, NULL, 0);
		else
			SUBMIT(&ring, 5, io_uring_prep_accept, fd, NULL, NULL, 0);
		SUBMIT(&ring, 6, io_uring_prep_cancel64, 5, 0);
		for (int i = 0; i < 2; i++) {
			result = must_complete(&ring);
			if (result.data == 5)
				cancelled = result.res == -ECANCELED;
			else
				CHECK_EQ(result.res, 0);
		}
		CHECK(cancelled);
		/* Nobody waits any more; nothing is lost on that. */
		client = dial_on(0, &to);
		CHECK(!result_within(&ring, 20, &result));
		expect(client, accept_within(fd, 1000));
		io_uring_queue_exit(&ring);
		close(fd);
	}
}

TEST(uring__poll_multishot)
{
	struct io_uring ring = deferred_ring();
	struct endpoint to;
	int fd = listen_lanes(V4, 8, &to);

	pin(0);
	SUBMIT(&ring, 3, io_uring_prep_poll_multishot, fd, POLLIN);
	for (int i = 0; i < 8; i++) {
		int client = dial_on(i % nr_cpus(), &to);
		struct result result = must_complete(&ring);

		CHECK_EQ(result.res, POLLIN);
		CHECK(result.flags & IORING_CQE_F_MORE);
		expect(client, accept_nowait(fd));
	}
	io_uring_queue_exit(&ring);
}

struct attacher {
	int fd;
	struct endpoint to;
	int client;
};

static void *attach_then_dial(void *arg)
{
	struct attacher *a = arg;

	sleep_ms(slow_ms(20));
	MUST(lanes_attach(a->fd));
	a->client = dial_on(0, &a->to);
	return NULL;
}

TEST(uring__armed_before_attach)
{
	for (int many = 0; many < 2; many++) {
		struct io_uring ring = deferred_ring();
		struct attacher a = {};
		struct result result;
		pthread_t thread;

		a.fd = listen_stock(V4, 8, &a.to);
		pin(0);
		if (many)
			SUBMIT(&ring, 5, io_uring_prep_multishot_accept, a.fd,
			       NULL, NULL, 0);
		else
			SUBMIT(&ring, 5, io_uring_prep_accept, a.fd, NULL, NULL,
			       0);
		ASSERT_EQ(pthread_create(&thread, NULL, attach_then_dial, &a), 0);
		result = must_complete(&ring);
		pthread_join(thread, NULL);
		expect(a.client, result.res);
		io_uring_queue_exit(&ring);
		close(a.fd);
	}
}

static void *shut_down(void *arg)
{
	sleep_ms(slow_ms(20));
	MUST(shutdown(*(int *)arg, SHUT_RDWR));
	return NULL;
}

TEST(uring__shutdown)
{
	struct io_uring ring = deferred_ring();
	struct endpoint to;
	int fd = listen_lanes(V4, 8, &to);
	pthread_t thread;

	pin(0);
	SUBMIT(&ring, 5, io_uring_prep_multishot_accept, fd, NULL, NULL, 0);
	ASSERT_EQ(pthread_create(&thread, NULL, shut_down, &fd), 0);
	CHECK_EQ(must_complete(&ring).res, -EINVAL);
}
