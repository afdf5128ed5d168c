// SPDX-License-Identifier: GPL-2.0-only
/* sock_diag(7) has our attributes, and ss(8) shows who is attached. */
#define _GNU_SOURCE
#include "observe.h"

#include <linux/inet_diag.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <linux/sock_diag.h>
#include <stdio.h>
#include <unistd.h>

static void start(void)
{
	need_lanes();
	need_cpus(4);
	fresh_netns();
}

/* The nest of our attributes of the listener at @to. */
static struct rtattr *diag(const struct endpoint *to, char *buffer, int size)
{
	struct {
		struct nlmsghdr head;
		struct inet_diag_req_v2 req;
	} ask = {
		.head = {
			.nlmsg_len = sizeof(ask),
			.nlmsg_type = SOCK_DIAG_BY_FAMILY,
			.nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP,
		},
		.req = {
			.sdiag_family = AF_INET,
			.sdiag_protocol = IPPROTO_TCP,
			.idiag_ext = 1 << (INET_DIAG_INFO - 1),
			.idiag_states = 1 << TCP_LISTEN,
		},
	};
	int fd = MUST(socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC,
			     NETLINK_SOCK_DIAG));
	struct nlmsghdr *head = (void *)buffer;
	struct rtattr *ulp, *nest;
	int len, left;

	MUST(send(fd, &ask, sizeof(ask), 0));
	len = MUST(recv(fd, buffer, size, 0));
	close(fd);
	for (; NLMSG_OK(head, (unsigned int)len); head = NLMSG_NEXT(head, len)) {
		struct inet_diag_msg *msg = NLMSG_DATA(head);

		if (head->nlmsg_type != SOCK_DIAG_BY_FAMILY ||
		    ntohs(msg->id.idiag_sport) != port_of(to))
			continue;
		left = NLMSG_PAYLOAD(head, sizeof(*msg));
		for (ulp = (void *)(msg + 1); RTA_OK(ulp, left);
		     ulp = RTA_NEXT(ulp, left)) {
			int inner = RTA_PAYLOAD(ulp);

			if ((ulp->rta_type & NLA_TYPE_MASK) != INET_DIAG_ULP_INFO)
				continue;
			for (nest = RTA_DATA(ulp); RTA_OK(nest, inner);
			     nest = RTA_NEXT(nest, inner))
				if ((nest->rta_type & NLA_TYPE_MASK) ==
				    LANES_ULP_INFO)
					return nest;
		}
	}
	return NULL;
}

static long long attribute(const struct rtattr *nest, int type)
{
	struct rtattr *attr = RTA_DATA(nest);
	int left = RTA_PAYLOAD(nest);
	__u64 big;
	__u32 word;

	for (; RTA_OK(attr, left); attr = RTA_NEXT(attr, left)) {
		if (attr->rta_type != type)
			continue;
		if (RTA_PAYLOAD(attr) == sizeof(word)) {
			memcpy(&word, RTA_DATA(attr), sizeof(word));
			return word;
		}
		ASSERT_EQ(RTA_PAYLOAD(attr), sizeof(big));
		memcpy(&big, RTA_DATA(attr), sizeof(big));
		return big;
	}
	return -1;
}

TEST(diag__attributes)
{
	struct rtattr *nest;
	char buffer[16384];
	struct endpoint to;
	int fd, client;

	start();
	fd = listen_patient(V4, 8, &to);
	happen_local(fd, &to, 1);
	happen_local(fd, &to, 2);
	happen_global(fd, &to, 3, 2);
	happen_late(fd, &to, 1);
	happen_pulled(fd, &to, 1);
	claim_lane(fd, 1);
	client = MUST(dial(&to));
	nest = diag(&to, buffer, sizeof(buffer));
	ASSERT(nest);
	CHECK_EQ(attribute(nest, LANES_INFO_LANES), lanes_info(fd).nr_lanes);
	CHECK_EQ(attribute(nest, LANES_INFO_SPILL_MS), lanes_info(fd).spill_ms);
	CHECK_EQ(attribute(nest, LANES_INFO_QUEUED), 1);
	CHECK_EQ(attribute(nest, LANES_INFO_LOCAL), 4);
	CHECK_EQ(attribute(nest, LANES_INFO_GLOBAL), 2);
	CHECK_EQ(attribute(nest, LANES_INFO_STOLEN), 0);
	CHECK_EQ(attribute(nest, LANES_INFO_SPILLED), 1);
	CHECK_EQ(attribute(nest, LANES_INFO_PULLED_DOWN), 1);
	CHECK_EQ(attribute(nest, LANES_INFO_OVERFLOW), 0);
	hang_up(client);
	unpin();
	MUST(lanes_detach(fd));
	CHECK(!diag(&to, buffer, sizeof(buffer)));
}

TEST(diag__ss)
{
	char line[1000], command[100];
	struct endpoint to;
	bool shown = false;
	FILE *f;

	start();
	listen_lanes(V6, 8, &to);
	snprintf(command, sizeof(command), "ss -Htlni 'sport = :%d'",
		 port_of(&to));
	f = popen(command, "re");
	ASSERT(f);
	while (fgets(line, sizeof(line), f))
		if (strstr(line, "tcp-ulp-lanes"))
			shown = true;
	if (pclose(f) == 127 << 8)
		SKIP("ss: not installed");
	CHECK(shown);
}
