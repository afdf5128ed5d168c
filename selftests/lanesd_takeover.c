// SPDX-License-Identifier: GPL-2.0-only
/*
 * A second server takes the listening sockets, under load: nobody is refused or
 * reset, every answer is exact, and the first one's references go with it.
 */
#define _GNU_SOURCE
#include "lanesd_server.h"
#include "module.h"

#include <pthread.h>

struct load {
	int cpu;
	const struct endpoint *to;
	const bool *stop;
	unsigned long served, failed;
	int error;
	pthread_t thread;
};

/* Its own bytes come back, and no others. */
static bool echoes(int fd, unsigned int seed)
{
	unsigned char sent[600], got[sizeof(sent)];
	size_t size = 1 + seed % sizeof(sent);

	for (size_t i = 0; i < size; i++)
		sent[i] = seed * 7 + i * 13;
	return send(fd, sent, size, MSG_NOSIGNAL) == (ssize_t)size &&
	       recv(fd, got, size, MSG_WAITALL) == (ssize_t)size &&
	       !memcmp(sent, got, size);
}

static void *short_connections(void *arg)
{
	struct load *l = arg;

	pin(l->cpu);
	for (unsigned int seed = l->cpu;
	     !__atomic_load_n(l->stop, __ATOMIC_RELAXED); seed += 97) {
		int fd = dial(l->to);

		errno = fd < 0 ? errno : 0;
		if (fd >= 0 && echoes(fd, seed)) {
			__atomic_fetch_add(&l->served, 1, __ATOMIC_RELAXED);
		} else {
			l->error = errno;
			l->failed++;
		}
		if (fd >= 0)
			hang_up(fd);
	}
	return NULL;
}

/* Until each client was served @more times from now on. */
static void served_more(struct load *loads, int nr, unsigned long more)
{
	unsigned long until[CPUS_MAX];

	for (int i = 0; i < nr; i++)
		until[i] = more + __atomic_load_n(&loads[i].served,
						  __ATOMIC_RELAXED);
	for (int i = 0; i < nr; i++)
		CHECK(WITHIN(10000, __atomic_load_n(&loads[i].served,
						    __ATOMIC_RELAXED) >=
				    until[i]));
}

static void start_with(struct server *s, const char *listen_on,
		       const char *path, const char *engine)
{
	const char *argv[12] = { lanesd_path(), "--listen", listen_on,
				 "--takeover", path, "--engine", engine };
	int ends[2];

	if (plain())
		argv[7] = "--no-lanes";
	MUST(pipe2(ends, O_CLOEXEC));
	s->text[0] = 0;
	s->output = ends[0];
	s->pid = spawn(argv, ends[1], -1, 0);
	close(ends[1]);
	while (!strstr(s->text, "ready"))
		if (!read_more(s)) {
			harness_diag("%s", s->text);
			ASSERT(!"lanesd is ready");
		}
}

/* It was told to end by its successor. */
static void ends(struct server *s)
{
	int status = -1;

	while (read_more(s))
		;
	MUST(waitpid(s->pid, &status, 0));
	CHECK_EQ(status, 0);
	CHECK(strstr(s->text, "has taken over"));
	close(s->output);
}

TEST_ENGINES(lanesd_takeover__loses_no_connection, 60)
{
	struct server first, second;
	struct load loads[CPUS_MAX] = {};
	char listen_on[32], path[64], lock[80];
	int nr = nr_cpus() - 1, references = 0;
	struct endpoint to;
	bool stop = false;

	if (!need_cpus(2))
		return;
	close(listen_stock(V4, 1, &to));
	snprintf(listen_on, sizeof(listen_on), "127.0.0.1:%d", port_of(&to));
	snprintf(path, sizeof(path), "/tmp/lanesd_takeover.%d", getpid());
	snprintf(lock, sizeof(lock), "%s.lock", path);
	if (!plain())
		references = module_references();
	start_with(&first, listen_on, path, arg);
	if (!plain())
		CHECK(strstr(first.text, ": attached to lanes"));
	for (int i = 0; i < nr; i++) {
		loads[i] = (struct load){ .cpu = i + 1, .to = &to,
					  .stop = &stop };
		pthread_create(&loads[i].thread, NULL, short_connections,
			       &loads[i]);
	}
	for (int times = 0; times < 2; times++) {
		served_more(loads, nr, scaled(40));
		start_with(&second, listen_on, path, arg);
		served_more(loads, nr, scaled(40));
		ends(&first);
		first = second;
	}
	served_more(loads, nr, scaled(40));
	__atomic_store_n(&stop, true, __ATOMIC_RELAXED);
	for (int i = 0; i < nr; i++) {
		pthread_join(loads[i].thread, NULL);
		if (loads[i].failed)
			harness_diag("CPU %d: %s", loads[i].cpu,
				     strerror(loads[i].error));
		CHECK_EQ(loads[i].failed, 0);
	}
	finish(&first);
	unlink(path);
	unlink(lock);
	if (!plain())
		CHECK(WITHIN(6000, module_references() <= references));
}
