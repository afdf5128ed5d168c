// SPDX-License-Identifier: GPL-2.0-only
#define _GNU_SOURCE
#include "lib.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <net/if.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

const char *const family_name[] = { "ipv4", "ipv6", "dual" };

bool plain(void)
{
	return harness_env("LANES_TEST_PLAIN", 0);
}

void need_lanes(void)
{
	if (plain())
		SKIP("a stock socket has no such thing");
}

int lanes_attach(int fd)
{
	if (plain())
		return 0;
	return setsockopt(fd, IPPROTO_TCP, TCP_ULP, LANES_ULP_NAME,
			  strlen(LANES_ULP_NAME));
}

int lanes_detach(int fd)
{
	if (plain())
		return 0;
	return setsockopt(fd, SOL_LANES, LANES_DETACH, NULL, 0);
}

struct lanes_info lanes_info(int fd)
{
	struct lanes_info info = {};
	socklen_t len = sizeof(info);

	MUST(getsockopt(fd, SOL_LANES, LANES_INFO, &info, &len));
	return info;
}

struct lanes_lane_info lane_info(int fd, int cpu)
{
	struct lanes_lane_info info = { .cpu = cpu };
	socklen_t len = sizeof(info);

	MUST(getsockopt(fd, SOL_LANES, LANES_LANE_INFO, &info, &len));
	return info;
}

void set_spill_ms(int fd, __u32 spill_ms)
{
	if (!plain())
		MUST(setsockopt(fd, SOL_LANES, LANES_SPILL_MS, &spill_ms,
				sizeof(spill_ms)));
}

int bound_socket(enum family family, struct endpoint *to)
{
	struct sockaddr_in *in = (void *)&to->addr;
	struct sockaddr_in6 *in6 = (void *)&to->addr;
	int fd, one = 1;

	memset(to, 0, sizeof(*to));
	if (family == V4) {
		in->sin_family = AF_INET;
		in->sin_addr.s_addr = htonl(INADDR_LOOPBACK);
		to->len = sizeof(*in);
	} else {
		in6->sin6_family = AF_INET6;
		in6->sin6_addr = family == V6 ? in6addr_loopback : in6addr_any;
		to->len = sizeof(*in6);
	}
	fd = MUST(socket(to->addr.ss_family, SOCK_STREAM | SOCK_CLOEXEC, 0));
	MUST(setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one)));
	MUST(bind(fd, (struct sockaddr *)&to->addr, to->len));
	MUST(getsockname(fd, (struct sockaddr *)&to->addr, &to->len));
	if (family == DUAL) {
		in_port_t port = in6->sin6_port;

		memset(to, 0, sizeof(*to));
		in->sin_family = AF_INET;
		in->sin_port = port;
		in->sin_addr.s_addr = htonl(INADDR_LOOPBACK);
		to->len = sizeof(*in);
	}
	return fd;
}

int listen_stock(enum family family, int backlog, struct endpoint *to)
{
	int fd = bound_socket(family, to);

	MUST(listen(fd, backlog));
	return fd;
}

int listen_lanes(enum family family, int backlog, struct endpoint *to)
{
	int fd = listen_stock(family, backlog, to);

	if (lanes_attach(fd)) {
		harness_diag("attach: %s (is lanes.ko loaded?)", strerror(errno));
		ASSERT(!"attached");
	}
	return fd;
}

int port_of(const struct endpoint *to)
{
	/* The port is at the same place for both families. */
	return ntohs(((const struct sockaddr_in *)&to->addr)->sin_port);
}

int dial_from_port(const struct endpoint *to, int port)
{
	struct timeval tv = { .tv_sec = CLIENT_TIMEOUT_S * harness_slow() };
	struct sockaddr_storage from = { .ss_family = to->addr.ss_family };
	int fd, saved, one = 1, err = 0;
	bool again;

	fd = MUST(socket(to->addr.ss_family, SOCK_STREAM | SOCK_CLOEXEC, 0));
	MUST(setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &tv, sizeof(tv)));
	MUST(setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &tv, sizeof(tv)));
	if (port) {
		((struct sockaddr_in *)&from)->sin_port = htons(port);
		MUST(setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one,
				sizeof(one)));
		MUST(bind(fd, (struct sockaddr *)&from, to->len));
	}
	do {
		again = err && errno == EINTR;
		err = connect(fd, (const struct sockaddr *)&to->addr, to->len);
		/* A ring's completions interrupt; connect() then waits again. */
	} while (err && errno == EINTR);
	if (!err || (again && errno == EISCONN))
		return fd;
	saved = errno == EINPROGRESS ? ETIMEDOUT : errno;
	close(fd);
	errno = saved;
	return -1;
}

int dial(const struct endpoint *to)
{
	return dial_from_port(to, 0);
}

int dial_on(int cpu, const struct endpoint *to)
{
	cpu_set_t before;
	int fd;

	MUST(sched_getaffinity(0, sizeof(before), &before));
	pin(cpu);
	fd = MUST(dial(to));
	MUST(sched_setaffinity(0, sizeof(before), &before));
	return fd;
}

/* By RST: no TIME_WAIT is left. */
void hang_up(int fd)
{
	struct linger linger = { .l_onoff = 1 };

	setsockopt(fd, SOL_SOCKET, SO_LINGER, &linger, sizeof(linger));
	close(fd);
}

void set_nonblock(int fd, bool on)
{
	int flags = MUST(fcntl(fd, F_GETFL));

	MUST(fcntl(fd, F_SETFL,
		   on ? flags | O_NONBLOCK : flags & ~O_NONBLOCK));
}

/* Changes the flag of the open file: not beside a blocking accept. */
int accept_nowait(int fd)
{
	int child, saved;

	set_nonblock(fd, true);
	child = accept4(fd, NULL, NULL, SOCK_CLOEXEC);
	saved = errno;
	set_nonblock(fd, false);
	errno = saved;
	return child;
}

int accept_within(int fd, int ms)
{
	double until = now_ms() + slow_ms(ms);
	int child;

	while ((child = accept_nowait(fd)) < 0 && errno == EAGAIN) {
		if (now_ms() > until) {
			errno = EAGAIN;
			return -1;
		}
		sleep_ms(1);
	}
	return child;
}

/* TCP_INFO of a listener has the length of its accept queue. */
static int accept_queue_len(int fd)
{
	struct tcp_info info;
	socklen_t len = sizeof(info);

	if (!plain())
		return lanes_info(fd).queued;
	MUST(getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &len));
	return info.tcpi_unacked;
}

/* The length once it is at least @nr, or after @ms. */
int queued_within(int fd, int nr, int ms)
{
	WITHIN(ms, accept_queue_len(fd) >= nr);
	return accept_queue_len(fd);
}

short poll_now(int fd, short events)
{
	struct pollfd pfd = { .fd = fd, .events = events };

	MUST(poll(&pfd, 1, 0));
	return pfd.revents;
}

short poll_within(int fd, short events, int ms)
{
	struct pollfd pfd = { .fd = fd, .events = events };

	MUST(poll(&pfd, 1, slow_ms(ms)));
	return pfd.revents;
}

int incoming_cpu(int fd)
{
	int cpu = -1;
	socklen_t len = sizeof(cpu);

	MUST(getsockopt(fd, SOL_SOCKET, SO_INCOMING_CPU, &cpu, &len));
	return cpu;
}

/* Both ends of one connection: the client's name is the child's peer. */
bool same_socket(int client, int child)
{
	struct sockaddr_in6 name = {}, peer = {};
	socklen_t name_len = sizeof(name), peer_len = sizeof(peer);

	MUST(getsockname(client, (struct sockaddr *)&name, &name_len));
	MUST(getpeername(child, (struct sockaddr *)&peer, &peer_len));
	return name.sin6_port == peer.sin6_port;
}

int nr_cpus(void)
{
	static int nr;

	if (!nr)
		nr = sysconf(_SC_NPROCESSORS_ONLN);
	return nr < CPUS_MAX ? nr : CPUS_MAX;
}

void pin_task(pid_t pid, int cpu)
{
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET(cpu, &set);
	MUST(sched_setaffinity(pid, sizeof(set), &set));
}

void pin(int cpu)
{
	pin_task(0, cpu);
}

void unpin(void)
{
	cpu_set_t set;

	CPU_ZERO(&set);
	for (int cpu = 0; cpu < nr_cpus(); cpu++)
		CPU_SET(cpu, &set);
	MUST(sched_setaffinity(0, sizeof(set), &set));
}

bool need_cpus(int nr)
{
	if (nr_cpus() < nr)
		SKIP("needs %d CPUs: scripts/vm -c %d", nr, nr);
	return true;
}

double now_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * 1e3 + ts.tv_nsec / 1e6;
}

void sleep_ms(int ms)
{
	struct timespec ts = { ms / 1000, ms % 1000 * 1000000L };

	while (nanosleep(&ts, &ts) && errno == EINTR)
		;
}

int scaled(int count)
{
	int nr = (long)count * harness_env("LANES_SCALE", 100) / 100;

	return nr > 0 ? nr : 1;
}

int slow_ms(int ms)
{
	return ms * harness_slow();
}

void lo_up(void)
{
	struct ifreq ifr = { .ifr_name = "lo" };
	int fd = MUST(socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));

	MUST(ioctl(fd, SIOCGIFFLAGS, &ifr));
	ifr.ifr_flags |= IFF_UP;
	MUST(ioctl(fd, SIOCSIFFLAGS, &ifr));
	close(fd);
}

void fresh_netns(void)
{
	if (unshare(CLONE_NEWNET))
		SKIP("a network namespace: %s (run as root)", strerror(errno));
	lo_up();
}

static void sysctl_path(char *path, size_t size, const char *name)
{
	snprintf(path, size, "/proc/sys/%s", name);
	for (char *c = path; *c; c++)
		if (*c == '.')
			*c = '/';
}

bool sysctl_exists(const char *name)
{
	char path[200];

	sysctl_path(path, sizeof(path), name);
	return !access(path, F_OK);
}

/* As write(2): -1 and errno. */
int try_sysctl(const char *name, const char *value)
{
	char path[200];
	int fd, saved, err;

	sysctl_path(path, sizeof(path), name);
	fd = open(path, O_WRONLY | O_CLOEXEC);
	if (fd < 0)
		harness_diag("%s: %s", path, strerror(errno));
	ASSERT(fd >= 0);
	err = write(fd, value, strlen(value)) < 0 ? -1 : 0;
	saved = errno;
	close(fd);
	errno = saved;
	return err;
}

void write_sysctl(const char *name, const char *value)
{
	MUST(try_sysctl(name, value));
}

long read_sysctl(const char *name)
{
	char path[200];
	long value;
	FILE *f;

	sysctl_path(path, sizeof(path), name);
	f = fopen(path, "re");
	ASSERT(f);
	ASSERT_EQ(fscanf(f, "%ld", &value), 1);
	fclose(f);
	return value;
}

static long find_counter(const char *path, const char *counter)
{
	char names[8192], values[8192];
	FILE *f = fopen(path, "re");
	long found = -1;

	ASSERT(f);
	while (fgets(names, sizeof(names), f) &&
	       fgets(values, sizeof(values), f)) {
		char *n_save, *v_save;
		char *n = strtok_r(names, " \n", &n_save);
		char *v = strtok_r(values, " \n", &v_save);

		for (; n && v; n = strtok_r(NULL, " \n", &n_save),
			       v = strtok_r(NULL, " \n", &v_save))
			if (!strcmp(n, counter))
				found = atol(v);
	}
	fclose(f);
	return found;
}

/* A counter of TcpExt in this network namespace. */
long netstat(const char *counter)
{
	return find_counter("/proc/net/netstat", counter);
}

/* Likewise of Tcp. */
long snmp(const char *counter)
{
	return find_counter("/proc/net/snmp", counter);
}

int time_wait_sockets(void)
{
	FILE *f = fopen("/proc/net/sockstat", "re");
	char line[200];
	int nr = -1;

	ASSERT(f);
	while (fgets(line, sizeof(line), f))
		if (sscanf(line, "TCP: inuse %*d orphan %*d tw %d", &nr) == 1)
			break;
	fclose(f);
	return nr;
}
