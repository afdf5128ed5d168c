// SPDX-License-Identifier: GPL-2.0-only
/*
 * With one acceptor bound to each CPU, 99.5 % of the connections are accepted
 * on the CPU of their SYN: the client's, as loopback delivers where it sends.
 */
#define _GNU_SOURCE
#include "serve.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define LOCAL_PER_MILLE 995
#define TOTAL 1000
#define ROUNDS 3

/**
 * struct setting - one case
 * @mode: how the acceptors wait
 * @family: the listener's, and the clients'
 * @processes: acceptors are processes, not threads
 * @loaded: beside a process that spins on each CPU
 * @reuse: every SYN meets a TIME_WAIT socket
 * @cookies: every handshake is by SYN cookie
 * @window: connections in flight per client; 0 is 1
 */
struct setting {
	enum serve_mode mode;
	enum family family;
	bool processes;
	bool loaded;
	bool reuse;
	bool cookies;
	int window;
};

/* One round: the share in per mille, and whether a lane was spilled. */
static int measure(const struct setting *s, int fd, const struct endpoint *to,
		   bool *spilled)
{
	struct lanes_info before = {}, after = {};
	double start_ms = now_ms();
	struct client sum;

	if (!plain())
		before = lanes_info(fd);
	sum = clients_per_cpu(to, scaled(TOTAL), s->window,
			      s->reuse ? 20000 : 0);
	if (!plain())
		after = lanes_info(fd);
	CHECK_EQ(sum.served, sum.count);
	if (sum.failed)
		harness_diag("%d failed, the last: %s", sum.failed,
			     strerror(sum.error));
	harness_diag("%s %s%s%s%s%s: %d of %d on the SYN's CPU, worst wait %.1f ms, %.2f ms each; %llu from own lane, %llu global, %llu stolen, %llu spilled",
		     serve_mode_name[s->mode], family_name[s->family],
		     s->processes ? " processes" : "",
		     s->loaded ? " loaded" : "",
		     s->reuse ? " TIME_WAIT" : "",
		     s->cookies ? " cookies" : "", sum.local, sum.served,
		     sum.worst_ms, (now_ms() - start_ms) / sum.count,
		     after.accepted_local - before.accepted_local,
		     after.accepted_global - before.accepted_global,
		     after.accepted_stolen - before.accepted_stolen,
		     after.spilled - before.spilled);
	CHECK_EQ(after.queued, 0);
	*spilled = after.spilled > before.spilled;
	return sum.served ? sum.local * 1000L / sum.served : 0;
}

static void run_setting(const void *arg)
{
	const struct setting *s = arg;
	struct worker *workers;
	struct endpoint to;
	int fd, local_pm;
	bool spilled;

	/* Of few connections, one may miss. */
	int total = scaled(TOTAL);
	int wanted_pm = total < 200 ? 1000 - 1000 / total - 1 : LOCAL_PER_MILLE;

	fresh_netns();
	write_sysctl("net.ipv4.tcp_syncookies", s->cookies ? "2" : "1");
	fd = listen_lanes(s->family, 512, &to);
	if (s->loaded)
		hogs_start();
	workers = workers_per_cpu(fd, s->mode);
	workers_start(workers, nr_cpus(), s->processes);
	workers_settle(workers, nr_cpus());

	/*
	 * An acceptor that the host of the VM keeps off its CPU for spill_ms
	 * rightly loses its connections; a round without that must be local.
	 */
	for (int round = 0; round < ROUNDS; round++) {
		local_pm = measure(s, fd, &to, &spilled);
		if (local_pm >= wanted_pm || !spilled || harness_has_failed())
			break;
	}
	if (s->cookies)
		CHECK_OP(netstat("SyncookiesRecv"), >=, scaled(TOTAL));
	if (s->reuse)
		CHECK(WITHIN(1000, time_wait_sockets() >= nr_cpus()));
	if (!plain())
		CHECK_OP(local_pm, >=, wanted_pm);
}

static void add(struct setting s, const char *circumstance)
{
	struct harness_case *c = calloc(1, sizeof(*c));
	struct setting *copy = malloc(sizeof(*copy));
	char *name;

	if (!c || !copy ||
	    asprintf(&name, "locality__%s_%s", serve_mode_name[s.mode],
		     circumstance) < 0)
		abort();
	*copy = s;
	*c = (struct harness_case){
		.name = name, .run = run_setting, .arg = copy, .timeout_s = 90,
	};
	harness_add(c);
}

#define SETTING(...) ((struct setting){ __VA_ARGS__ })

__attribute__((constructor)) static void add_all(void)
{
	for (enum serve_mode mode = 0; mode < NR_SERVE_MODES; mode++) {
		add(SETTING(.mode = mode), "threads");
		add(SETTING(.mode = mode, .processes = true), "processes");
		add(SETTING(.mode = mode, .window = 16), "bursts");
		add(SETTING(.mode = mode, .loaded = true), "loaded");
	}
	for (enum family family = V6; family <= DUAL; family++) {
		add(SETTING(.mode = SERVE_BLOCKING, .family = family),
		    family_name[family]);
		add(SETTING(.mode = SERVE_EPOLL_LT, .family = family),
		    family_name[family]);
		add(SETTING(.mode = SERVE_URING, .family = family),
		    family_name[family]);
	}
	add(SETTING(.mode = SERVE_BLOCKING, .reuse = true), "time_wait");
	add(SETTING(.mode = SERVE_EPOLL_EXCLUSIVE, .reuse = true), "time_wait");
	add(SETTING(.mode = SERVE_URING, .reuse = true, .family = V6),
	    "time_wait_ipv6");
	add(SETTING(.mode = SERVE_BLOCKING, .cookies = true), "cookies");
	add(SETTING(.mode = SERVE_EPOLL_LT, .cookies = true, .family = V6),
	    "cookies_ipv6");
	add(SETTING(.mode = SERVE_URING, .cookies = true), "cookies");
}
