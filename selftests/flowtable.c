// SPDX-License-Identifier: GPL-2.0-only
/*
 * The flow table: of any size it loses nothing, and no flood of SYNs takes
 * an established flow off its owner.
 */
#define _GNU_SOURCE
#include "serve.h"

#include <arpa/inet.h>
#include <netinet/ip.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <unistd.h>

#include "roam.h"
#include "stat.h"

/* In a network namespace of our own, with a table of @entries. */
static void fresh_table(long entries)
{
	need_cpus(2);
	fresh_netns();
	lanes_sysctl("flow_entries", entries);
}

/* SYNs from one CPU, each from another address, until told to stop. */
struct flood {
	int port;
	int cpu;
	bool stop;
	long sent;
	pthread_t thread;
};

static uint16_t checksum(uint32_t sum, const void *data, size_t len)
{
	const uint16_t *word = data;

	for (; len; len -= 2)
		sum += *word++;
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	return ~sum;
}

static void *flood_run(void *arg)
{
	struct {
		struct iphdr ip;
		struct tcphdr tcp;
	} packet = {
		.ip = { .version = 4, .ihl = 5, .ttl = 64,
			.protocol = IPPROTO_TCP,
			.daddr = htonl(INADDR_LOOPBACK) },
		.tcp = { .doff = 5, .syn = 1, .window = htons(1000) },
	};
	struct sockaddr_in to = { .sin_family = AF_INET,
				  .sin_addr.s_addr = packet.ip.daddr };
	int fd = MUST(socket(AF_INET, SOCK_RAW | SOCK_CLOEXEC, IPPROTO_RAW));
	struct flood *f = arg;
	unsigned int seed = f->cpu + 1;
	uint32_t pseudo;

	pin(f->cpu);
	packet.tcp.dest = htons(f->port);
	while (!f->stop) {
		/* Half of them never answer, the other half by RST. */
		uint32_t net = f->sent % 2 ? 0x7f000000 : 0xc6120000;

		packet.ip.saddr = htonl(net | (rand_r(&seed) & 0x1ffff));
		packet.tcp.source = htons(1024 + rand_r(&seed) % 60000);
		packet.tcp.seq = rand_r(&seed);
		packet.tcp.check = 0;
		pseudo = (packet.ip.saddr >> 16) + (packet.ip.saddr & 0xffff) +
			 (packet.ip.daddr >> 16) + (packet.ip.daddr & 0xffff) +
			 htons(IPPROTO_TCP) + htons(sizeof(packet.tcp));
		packet.tcp.check = checksum(pseudo, &packet.tcp,
					    sizeof(packet.tcp));
		f->sent += sendto(fd, &packet, sizeof(packet), 0,
				  (struct sockaddr *)&to, sizeof(to)) > 0;
	}
	close(fd);
	return NULL;
}

/* Moving clients, asked in turn; how many answers were not from the owner. */
static int ask_all(struct flow *flows, int nr)
{
	int astray = 0;

	for (int i = 0; i < nr; i++) {
		hop();
		ASSERT(flow_ask(&flows[i]));
		astray += flows[i].answer.incoming_cpu != flows[i].answer.cpu;
	}
	return plain() ? 0 : astray;
}

static void open_all(struct flow *flows, int nr, const struct endpoint *to)
{
	for (int i = 0; i < nr; i++) {
		pin(i % nr_cpus());
		flow_open(&flows[i], to);
	}
}

/* So few that it takes 20,000 runs to find five of them in one set of four. */
#define NR_FLOWS 12

static void survive_flood(long entries)
{
	int nr_floods = nr_cpus() / 2, fd4, fd6, astray = 0;
	struct flood floods[CPUS_MAX];
	struct stats before, grown;
	struct endpoint to4, to6;
	struct flow flows[NR_FLOWS];
	long sent = 0;

	fresh_table(entries);
	/* Packets to there leave by loopback and are discarded. */
	ASSERT_EQ(system("ip route add 198.18.0.0/15 dev lo"), 0);
	fd4 = listen_lanes(V4, 512, &to4);
	fd6 = listen_lanes(V6, 512, &to6);
	servers_start(fd4);
	servers_start(fd6);
	open_all(flows, NR_FLOWS / 2, &to4);
	open_all(flows + NR_FLOWS / 2, NR_FLOWS / 2, &to6);
	CHECK_EQ(ask_all(flows, NR_FLOWS), 0);

	before = stats_read();
	for (int i = 0; i < nr_floods; i++) {
		floods[i] = (struct flood){ .port = port_of(&to4),
					    .cpu = 2 * i };
		ASSERT_EQ(pthread_create(&floods[i].thread, NULL, flood_run,
					 &floods[i]), 0);
	}
	do {
		astray += ask_all(flows, NR_FLOWS);
		sent = 0;
		for (int i = 0; i < nr_floods; i++)
			sent += floods[i].sent;
	} while (sent < scaled(10000));
	for (int i = 0; i < nr_floods; i++) {
		floods[i].stop = true;
		pthread_join(floods[i].thread, NULL);
	}
	grown = stats_since(&before);
	harness_diag("%ld SYNs", sent);
	stats_diag("flood", &grown);
	CHECK_EQ(astray, 0);
	if (!plain() && scaled(100) == 100)
		CHECK_OP(grown.of[FLOW_REPLACED] + grown.of[FLOW_FULL], >, 0);

	/* None of them is unknown now, but what of the flood waits still is. */
	do {
		before = stats_read();
		sleep_ms(slow_ms(250));
	} while (stat_grown(&before, STEER_UNKNOWN));
	CHECK_EQ(ask_all(flows, NR_FLOWS), 0);
	grown = stats_since(&before);
	stats_diag("after the flood", &grown);
	CHECK_EQ(grown.of[STEER_UNKNOWN], 0);
	for (int i = 0; i < NR_FLOWS; i++)
		flow_close(&flows[i]);
}

TEST(flowtable__flood_256)
{
	survive_flood(256);
}

TEST(flowtable__flood_1024)
{
	survive_flood(1024);
}

/* Ten times as many connections as records, one after the other. */
TEST(flowtable__churn)
{
	struct stats before, grown;
	struct worker *workers;
	struct endpoint to;
	struct client sum;
	int fd;

	fresh_table(1024);
	fd = listen_lanes(V4, 512, &to);
	workers = workers_per_cpu(fd, SERVE_EPOLL_LT);
	workers_start(workers, nr_cpus(), false);
	workers_settle(workers, nr_cpus());
	before = stats_read();
	sum = clients_per_cpu(&to, scaled(10000), 16, 0);
	grown = stats_since(&before);
	harness_diag("%d of %d served, %d local, worst wait %.1f ms",
		     sum.served, sum.count, sum.local, sum.worst_ms);
	stats_diag("churn", &grown);
	if (sum.failed)
		harness_diag("last failure: %s", strerror(sum.error));
	CHECK_EQ(sum.served, sum.count);
	if (!plain())
		CHECK_OP(grown.of[FLOW_RECORDED] + grown.of[FLOW_FULL], >=,
			 sum.count);
}

/* One CPU's part of a crowd: all are open before the first one talks. */
struct part {
	const struct endpoint *to;
	int cpu;
	int nr;
	pthread_barrier_t *opened;
	int served;
	pthread_t thread;
};

static void *part_run(void *arg)
{
	struct part *p = arg;
	struct flow *flows = calloc(p->nr, sizeof(*flows));

	ASSERT(flows);
	pin(p->cpu);
	for (int i = 0; i < p->nr; i++)
		flow_open(&flows[i], p->to);
	pthread_barrier_wait(p->opened);
	hop();
	while (p->served < p->nr && flow_ask(&flows[p->served]))
		p->served++;
	return NULL;
}

/* Ten times as many connections as records, all open, all served. */
TEST_TIMEOUT(flowtable__crowd, 60)
{
	int nr = scaled(10000 / nr_cpus()), served = 0;
	struct rlimit files = { 30000, 30000 };
	struct stats before, grown;
	struct part parts[CPUS_MAX];
	pthread_barrier_t opened;
	struct endpoint to;

	fresh_table(1024);
	if (setrlimit(RLIMIT_NOFILE, &files))
		SKIP("so many connections: %s", strerror(errno));
	servers_start(listen_lanes(V4, 4096, &to));
	before = stats_read();
	pthread_barrier_init(&opened, NULL, nr_cpus());
	for (int i = 0; i < nr_cpus(); i++) {
		parts[i] = (struct part){ .to = &to, .cpu = i, .nr = nr,
					  .opened = &opened };
		ASSERT_EQ(pthread_create(&parts[i].thread, NULL, part_run,
					 &parts[i]), 0);
	}
	for (int i = 0; i < nr_cpus(); i++) {
		pthread_join(parts[i].thread, NULL);
		served += parts[i].served;
	}
	grown = stats_since(&before);
	harness_diag("%d of %d served", served, nr * nr_cpus());
	stats_diag("crowd", &grown);
	CHECK_EQ(served, nr * nr_cpus());
	if (!plain() && scaled(100) == 100)
		CHECK_OP(grown.of[FLOW_FULL], >, 0);
}

static const struct {
	const char *name;
	long initial;
	long good[6];
	const char *bad[9];
} sysctls[] = {
	{ "steer", 2, { 0, 1, 2, -1 }, { "-1", "3", "x" } },
	{ "steer_backlog", 1000, { 1, 1000000, 1000, -1 },
	  { "0", "-1", "1000001", "4294967297" } },
	{ "flow_entries", 32768, { 256, 1 << 22, 1024, 32768, -1 },
	  { "0", "1", "128", "255", "257", "1000", "8388608", "-256" } },
	{ "cache_entries", 1024, { 0, 16, 65536, 1024, -1 },
	  { "3", "1000", "131072", "-1", "-16" } },
};

TEST(flowtable__sysctls)
{
	char name[40], text[20];
	struct endpoint to;

	need_lanes();
	fresh_netns();
	/* Without a listener, then with one. */
	for (int round = 0; round < 2; round++) {
		for (unsigned int i = 0;
		     i < sizeof(sysctls) / sizeof(sysctls[0]); i++) {
			snprintf(name, sizeof(name), "net.lanes.%s",
				 sysctls[i].name);
			CHECK_EQ(read_sysctl(name), sysctls[i].initial);
			for (int j = 0; sysctls[i].good[j] >= 0; j++) {
				snprintf(text, sizeof(text), "%ld",
					 sysctls[i].good[j]);
				write_sysctl(name, text);
				CHECK_EQ(read_sysctl(name),
					 sysctls[i].good[j]);
			}
			for (int j = 0; sysctls[i].bad[j]; j++) {
				if (!CHECK_ERRNO(try_sysctl(name,
							    sysctls[i].bad[j]),
						 EINVAL))
					harness_diag("%s = %s", name,
						     sysctls[i].bad[j]);
				CHECK_EQ(read_sysctl(name),
					 sysctls[i].initial);
			}
		}
		listen_lanes(V4, 8, &to);
	}
}

/* Each network namespace has its own. */
TEST(flowtable__sysctls_of_netns)
{
	need_lanes();
	fresh_netns();
	write_sysctl("net.lanes.steer", "0");
	write_sysctl("net.lanes.flow_entries", "256");
	fresh_netns();
	CHECK_EQ(read_sysctl("net.lanes.steer"), 2);
	CHECK_EQ(read_sysctl("net.lanes.flow_entries"), 32768);
}

/* Nothing arrives meanwhile: every record goes along. */
TEST(flowtable__grown_keeps_owners)
{
	struct endpoint to4, to6;
	struct flow flows[24];

	fresh_table(1024);
	servers_start(listen_lanes(V4, 512, &to4));
	servers_start(listen_lanes(V6, 512, &to6));
	open_all(flows, 12, &to4);
	open_all(flows + 12, 12, &to6);
	CHECK_EQ(ask_all(flows, 24), 0);
	for (long entries = 2048; entries <= 1 << 20; entries *= 8) {
		/* What has been asked is still being acknowledged. */
		sleep_ms(slow_ms(60));
		lanes_sysctl("flow_entries", entries);
		CHECK_EQ(ask_all(flows, 24), 0);
	}
	for (int i = 0; i < 24; i++)
		flow_close(&flows[i]);
}

/* Resized while flows come, stay and go. */
TEST(flowtable__resized_under_load)
{
	static const long entries[] = { 256, 4096, 1024, 32768 };
	struct load loads[CPUS_MAX] = {}, sum;
	struct worker *workers;
	struct endpoint to, short_to;
	struct client shorts;
	int resizes = 0;
	double until_ms;
	pid_t pid;

	fresh_table(256);
	servers_start(listen_lanes(V6, 512, &to));
	workers = workers_per_cpu(listen_lanes(V4, 512, &short_to),
				  SERVE_EPOLL_LT);
	workers_start(workers, nr_cpus(), false);
	for (int i = 0; i < nr_cpus(); i++)
		loads[i] = (struct load){ .to = &to, .cpu = i, .burst = 10 };
	loads_start(loads, nr_cpus());
	pid = MUST(fork());
	if (!pid) {
		for (;;) {
			shorts = clients_per_cpu(&short_to, 100, 4, 0);
			CHECK_EQ(shorts.served, shorts.count);
		}
	}
	until_ms = now_ms() + slow_ms(2000);
	while (now_ms() < until_ms) {
		lanes_sysctl("flow_entries", entries[resizes++ % 4]);
		sleep_ms(3);
	}
	sum = loads_finish(loads, nr_cpus());
	harness_diag("%d resizes, %d answers, %u of %u messages local", resizes,
		     sum.answers, sum.local, sum.messages);
	CHECK_OP(sum.answers, >=, nr_cpus());
	CHECK_EQ(sum.messages, sum.answers * 10);
}
