/* SPDX-License-Identifier: GPL-2.0-only */
/* Both ends of a connection in the hands of one thread. */
#ifndef LANES_SELFTESTS_PAIR_H
#define LANES_SELFTESTS_PAIR_H

#include "lib.h"

#define NR_PAIRS 32

struct pair {
	int client;
	int child;
};

/* From the client port @port; 0 for any. */
struct pair pair_open(int fd, const struct endpoint *to, int port);
/* There and back; what arrives must be what these two have sent. */
bool pair_talk(const struct pair *p, int times);

/* How a connection ends; the first to act is named. */
enum end { CLIENT_FIN, CLIENT_RST, SERVER_FIN, SERVER_RST, NR_ENDS };
extern const char *const end_name[];
void pair_end(const struct pair *p, enum end end);

/* From each CPU in turn; they have talked. */
void pairs_open(struct pair pairs[NR_PAIRS], int fd, const struct endpoint *to);

#endif
