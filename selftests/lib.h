/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Listeners, clients, CPUs and time for the tests.
 *
 *	 client on CPU 0 ---+            +--- lane 0 ---+--- acceptor on CPU 0
 *	 client on CPU 1 ---+-- lo ------+--- lane 1 ---+--- acceptor on CPU 1
 *	 client on CPU n ---+            +--- lane n ---+--- acceptor on CPU n
 *	                                 +--- global ---+--- unbound acceptors
 *
 * Loopback delivers on the CPU that sends: a pinned client decides the lane.
 *
 * With LANES_TEST_PLAIN=1 in the environment attaching does nothing, so the
 * same test states what a stock socket does; what only Lanes can answer is
 * skipped.
 */
#ifndef LANES_SELFTESTS_LIB_H
#define LANES_SELFTESTS_LIB_H

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/types.h>

#include <linux/lanes.h>

#include "harness.h"

#ifndef SO_INCOMING_CPU
#define SO_INCOMING_CPU 49
#endif

/* DUAL: an IPv6 wildcard listener with IPv4 clients. */
enum family { V4, V6, DUAL };
extern const char *const family_name[];

struct endpoint {
	struct sockaddr_storage addr;
	socklen_t len;
};

/* The attach. */
bool plain(void);
void need_lanes(void);
int lanes_attach(int fd);
int lanes_detach(int fd);
struct lanes_info lanes_info(int fd);
struct lanes_lane_info lane_info(int fd, int cpu);
void set_spill_ms(int fd, __u32 spill_ms);

/* Listeners; @to is what a client dials. */
int bound_socket(enum family family, struct endpoint *to);
int listen_stock(enum family family, int backlog, struct endpoint *to);
int listen_lanes(enum family family, int backlog, struct endpoint *to);
int port_of(const struct endpoint *to);

/* Clients; -1 and errno on failure, ETIMEDOUT after CLIENT_TIMEOUT_S. */
#define CLIENT_TIMEOUT_S 10
int dial(const struct endpoint *to);
int dial_on(int cpu, const struct endpoint *to);
int dial_from_port(const struct endpoint *to, int port);
void hang_up(int fd);

/* Servers. */
int accept_nowait(int fd);
int accept_within(int fd, int ms);
int queued_within(int fd, int nr, int ms);
short poll_now(int fd, short events);
short poll_within(int fd, short events, int ms);
void set_nonblock(int fd, bool on);
int incoming_cpu(int fd);
bool same_socket(int client, int child);

/* CPUs. */
#define CPUS_MAX 64
int nr_cpus(void);
void pin(int cpu);
void pin_task(pid_t pid, int cpu);
void unpin(void);
bool need_cpus(int nr);

/* Time: counts follow LANES_SCALE (per cent), limits follow LANES_SLOW. */
double now_ms(void);
void sleep_ms(int ms);
int scaled(int count);
int slow_ms(int ms);

#define SPILL_MS 80
/* What scheduling may add to a promised wait. */
#define SLACK_MS 400

/* True as soon as the expression is, false if it never was within @ms. */
#define WITHIN(ms, expr)						\
	({								\
		double until_ = now_ms() + slow_ms(ms);			\
		bool held_;						\
									\
		while (!(held_ = (expr)) && now_ms() < until_)		\
			sleep_ms(1);					\
		held_;							\
	})

/* A network namespace of our own with lo up: for sysctls. */
void fresh_netns(void);
void lo_up(void);
void write_sysctl(const char *name, const char *value);
int try_sysctl(const char *name, const char *value);
long read_sysctl(const char *name);
bool sysctl_exists(const char *name);
long netstat(const char *counter);
long snmp(const char *counter);
int time_wait_sockets(void);

#endif
