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

static void measure(const void *arg)
{
	const struct setting *s = arg;
	int total = scaled(TOTAL), fd, local_pm;
	struct worker *workers;
	struct endpoint to;
	struct client sum;
	double start_ms;

	/* With the usual 3 allowed misses in 995, and one at the least. */
	int wanted_pm = total < 200 ? 1000 - 1000 / total - 1 : LOCAL_PER_MILLE;

	fresh_netns();
	write_sysctl("net.ipv4.tcp_syncookies", s->cookies ? "2" : "1");
	fd = listen_lanes(s->family, 512, &to);
	if (s->loaded)
		hogs_start();
	workers = workers_per_cpu(fd, s->mode);
	workers_start(workers, nr_cpus(), s->processes);
	workers_settle(workers, nr_cpus());

	start_ms = now_ms();
	sum = clients_per_cpu(&to, total, s->window, s->reuse ? 20000 : 0);
	CHECK_EQ(sum.served, sum.count);
	CHECK_EQ(sum.failed, 0);
	local_pm = sum.served ? sum.local * 1000L / sum.served : 0;
	harness_diag("%s %s%s%s%s%s: %d of %d on the SYN's CPU, worst wait %.1f ms, %.2f ms each",
		     serve_mode_name[s->mode], family_name[s->family],
		     s->processes ? " processes" : "",
		     s->loaded ? " loaded" : "",
		     s->reuse ? " TIME_WAIT" : "",
		     s->cookies ? " cookies" : "", sum.local, sum.served,
		     sum.worst_ms, (now_ms() - start_ms) / sum.count);
	if (sum.failed)
		harness_diag("last failure: %s", strerror(sum.error));
	if (s->cookies)
		CHECK_OP(netstat("SyncookiesRecv"), >=, sum.served);
	if (s->reuse)
		CHECK(WITHIN(1000, time_wait_sockets() >= nr_cpus()));
	if (!plain()) {
		struct lanes_info info = lanes_info(fd);

		harness_diag("%llu from own lane, %llu global, %llu stolen, %llu spilled",
			     info.accepted_local, info.accepted_global,
			     info.accepted_stolen, info.spilled);
		CHECK_OP(local_pm, >=, wanted_pm);
		CHECK_EQ(info.queued, 0);
	}
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
		.name = name, .run = measure, .arg = copy, .timeout_s = 60,
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
