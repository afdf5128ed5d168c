// SPDX-License-Identifier: GPL-2.0-only
/*
 * A wire whose far end has receive queues that do not match the flows.
 *
 *	 client's tap ---- wire: from another CPU and ----+-- queue 0 --+ server's
 *	 (one queue)       queue for each frame           +-- queue n --+ tap
 *
 * wire CLIENT_TAP SERVER_TAP whole|cut
 *	Makes the two in its network namespace and carries frames until it is
 *	killed. It says "ready" when they may be moved elsewhere.
 *
 * With "cut" each larger packet to the server becomes two fragments.
 *
 * A tap's frame is processed by the task that writes it, where it runs. With one
 * task the order of frames to the server is kept, so that whoever reorders them
 * is behind it.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/if_tun.h>
#include <net/ethernet.h>
#include <net/if.h>
#include <netinet/in.h>
#include <netinet/ip.h>
#include <netinet/ip6.h>
#include <poll.h>
#include <sched.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#define QUEUES 4
#define CUT_FROM 600
#define FRAME_MAX 2048

static struct pollfd ends[1 + QUEUES];
static int cpus;

static int must(int result, const char *what)
{
	if (result >= 0)
		return result;
	fprintf(stderr, "wire: %s: %s\n", what, strerror(errno));
	exit(1);
}

static int open_queue(const char *name, int flags)
{
	int fd = must(open("/dev/net/tun", O_RDWR | O_NONBLOCK | O_CLOEXEC),
		      "/dev/net/tun");
	struct ifreq request = { .ifr_flags = IFF_TAP | IFF_NO_PI | flags };

	snprintf(request.ifr_name, IFNAMSIZ, "%s", name);
	must(ioctl(fd, TUNSETIFF, &request), name);
	return fd;
}

static void move(void)
{
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET(random() % cpus, &set);
	must(sched_setaffinity(0, sizeof(set), &set), "sched_setaffinity");
}

/* Lost, as on any wire, while the tap is down. */
static void to_server(const void *frame, size_t len)
{
	move();
	(void)!write(ends[1 + random() % QUEUES].fd, frame, len);
}

static uint16_t checksum(const struct iphdr *ip)
{
	const uint16_t *words = (const void *)ip;
	uint32_t sum = 0;

	for (int i = 0; i < ip->ihl * 2; i++)
		sum += words[i];
	sum = (sum & 0xffff) + (sum >> 16);
	return ~(sum + (sum >> 16));
}

/* Bytes @from to @to of what follows the IP header. */
static void fragment4(uint8_t *frame, size_t from, size_t to, bool more)
{
	struct iphdr *ip = (void *)(frame + ETH_HLEN);
	uint8_t copy[FRAME_MAX], *data = (uint8_t *)(ip + 1);

	ip->tot_len = htons(sizeof(*ip) + to - from);
	ip->frag_off = htons((more ? IP_MF : 0) | from / 8);
	ip->check = 0;
	ip->check = checksum(ip);
	memcpy(copy, frame, data - frame);
	memcpy(copy + (data - frame), data + from, to - from);
	to_server(copy, data - frame + to - from);
}

static void fragment6(uint8_t *frame, uint32_t id, size_t from, size_t to, bool more)
{
	struct ip6_hdr *ip = (void *)(frame + ETH_HLEN);
	struct ip6_frag head = {
		.ip6f_nxt = IPPROTO_TCP,
		.ip6f_offlg = htons(from) | (more ? IP6F_MORE_FRAG : 0),
		.ip6f_ident = id,
	};
	uint8_t copy[FRAME_MAX], *data = (uint8_t *)(ip + 1);
	size_t len = data - frame;

	ip->ip6_nxt = IPPROTO_FRAGMENT;
	ip->ip6_plen = htons(sizeof(head) + to - from);
	memcpy(copy, frame, len);
	memcpy(copy + len, &head, sizeof(head));
	memcpy(copy + len + sizeof(head), data + from, to - from);
	to_server(copy, len + sizeof(head) + to - from);
}

static void cut(uint8_t *frame, size_t len)
{
	const struct ether_header *eth = (void *)frame;
	struct iphdr *ip4 = (void *)(eth + 1);
	struct ip6_hdr *ip6 = (void *)(eth + 1);
	/* Fragments but the last are multiples of 8. */
	size_t middle = len / 2 & ~7UL, end;
	static uint32_t id;

	if (len >= CUT_FROM && eth->ether_type == htons(ETH_P_IP) &&
	    ip4->ihl == 5) {
		ip4->id = htons(++id);
		end = ntohs(ip4->tot_len) - sizeof(*ip4);
		fragment4(frame, 0, middle, true);
		fragment4(frame, middle, end, false);
	} else if (len >= CUT_FROM && eth->ether_type == htons(ETH_P_IPV6) &&
		   ip6->ip6_nxt == IPPROTO_TCP) {
		end = ntohs(ip6->ip6_plen);
		id++;
		fragment6(frame, id, 0, middle, true);
		fragment6(frame, id, middle, end, false);
	} else {
		to_server(frame, len);
	}
}

int main(int argc, char **argv)
{
	bool cuts = argc == 4 && !strcmp(argv[3], "cut");
	uint8_t frame[FRAME_MAX];
	ssize_t len;

	if (argc != 4 || (!cuts && strcmp(argv[3], "whole"))) {
		fprintf(stderr, "usage: wire CLIENT_TAP SERVER_TAP whole|cut\n");
		return 2;
	}
	cpus = sysconf(_SC_NPROCESSORS_ONLN);
	ends[0] = (struct pollfd){ open_queue(argv[1], 0), POLLIN, 0 };
	for (int i = 1; i <= QUEUES; i++)
		ends[i] = (struct pollfd){
			open_queue(argv[2], IFF_MULTI_QUEUE), POLLIN, 0
		};
	printf("ready\n");
	fflush(stdout);
	for (;;) {
		/* POLLERR while a tap is down. */
		must(poll(ends, 1 + QUEUES, -1), "poll");
		while ((len = read(ends[0].fd, frame, sizeof(frame))) > 0) {
			if (cuts)
				cut(frame, len);
			else
				to_server(frame, len);
		}
		for (int i = 1; i <= QUEUES; i++)
			while ((len = read(ends[i].fd, frame, sizeof(frame))) > 0)
				(void)!write(ends[0].fd, frame, len);
	}
}
