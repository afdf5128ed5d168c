// SPDX-License-Identifier: GPL-2.0-only
#include "pair.h"

#include <unistd.h>

const char *const end_name[] = {
	"client FIN", "client RST", "server FIN", "server RST",
};

struct pair pair_open(int fd, const struct endpoint *to, int port)
{
	struct pair p = { .client = MUST(dial_from_port(to, port)) };

	p.child = MUST(accept_within(fd, 1000));
	ASSERT(same_socket(p.client, p.child));
	return p;
}

bool pair_talk(const struct pair *p, int times)
{
	static int word;

	for (int i = 0; i < times; i++) {
		int there = ++word ^ getpid() << 16, back = ~there, got = 0;

		MUST(send(p->client, &there, sizeof(there), MSG_NOSIGNAL));
		if (!CHECK_EQ(recv(p->child, &got, sizeof(got), MSG_WAITALL),
			      sizeof(got)) || !CHECK_EQ(got, there))
			return false;
		MUST(send(p->child, &back, sizeof(back), MSG_NOSIGNAL));
		if (!CHECK_EQ(recv(p->client, &got, sizeof(got), MSG_WAITALL),
			      sizeof(got)) || !CHECK_EQ(got, back))
			return false;
	}
	return true;
}

void pairs_open(struct pair pairs[NR_PAIRS], int fd, const struct endpoint *to)
{
	for (int i = 0; i < NR_PAIRS; i++) {
		pin(i % nr_cpus());
		pairs[i] = pair_open(fd, to, 0);
		ASSERT(pair_talk(&pairs[i], 3));
	}
}

void pair_end(const struct pair *p, enum end end)
{
	bool server = end == SERVER_FIN || end == SERVER_RST;
	int first = server ? p->child : p->client;
	int second = server ? p->client : p->child;

	if (end == CLIENT_RST || end == SERVER_RST)
		hang_up(first);
	else
		close(first);
	close(second);
}
