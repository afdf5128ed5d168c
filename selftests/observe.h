/* SPDX-License-Identifier: GPL-2.0-only */
/* What happens to connections, each caused alone; and what the module tells. */
#ifndef LANES_SELFTESTS_OBSERVE_H
#define LANES_SELFTESTS_OBSERVE_H

#include <stdint.h>

#include "lib.h"

#define WAIT_SLOTS 24

/* A line of /proc/net/lanes. */
struct lane_line {
	char address[64];
	long inode;
	int cpu;
	int queued;
	int claimed;
	long local;
	long global;
	long stolen;
	long spilled;
	long pulled_down;
	long overflow;
	long wait_us[WAIT_SLOTS];
	long wait_sum_us;
};

/* Of that listener and CPU; fails if there is not exactly one. */
struct lane_line lane_line(int fd, int cpu);
/* One that is known to be well-formed; false for the header. */
bool lane_line_parse(const char *text, struct lane_line *line);
long inode_of(int fd);

/* The caller is bound to @cpu and will come for what its lane gets. */
void claim_lane(int fd, int cpu);

/* A listener with nobody to spill to in a hurry. */
int listen_patient(enum family family, int backlog, struct endpoint *to);

/*
 * Each makes one connection to the listener @fd and sees to it that this, and
 * nothing else, happens to it. The caller is unbound afterwards.
 */
void happen_local(int fd, const struct endpoint *to, int cpu);
/* The caller has not claimed the lane of @cpu. */
void happen_global(int fd, const struct endpoint *to, int cpu, int acceptor);
/* False if the lane's timer was faster: then it was spilled. */
bool happen_stolen(int fd, const struct endpoint *to, int cpu, int thief);
/* A second one is born while the first is being stolen; nobody comes for it.
 * False as above.
 */
bool happen_busy(int fd, const struct endpoint *to, int cpu, int thief);
/* Spilled since it waited too long; or since its acceptor left. */
void happen_late(int fd, const struct endpoint *to, int cpu);
void happen_left(int fd, const struct endpoint *to, int cpu);
/* Reuses the port of a connection in TIME_WAIT. */
void happen_pulled(int fd, const struct endpoint *to, int cpu);
/* Likewise, but the top half's lock is held. */
void happen_missed(int fd, const struct endpoint *to, int cpu);
/* A SYN for which there is no room; @fd has a backlog of 0. */
void happen_overflow(int fd, const struct endpoint *to);
/* A handshake's last ACK for which there is none. */
int listen_deferring(struct endpoint *to);
void happen_overflow_ack(int fd, const struct endpoint *to);
/* A SYN that gets no lane. */
void happen_other(int fd, const struct endpoint *to);
void happen_guarded(int fd, const struct endpoint *to);
void happen_fast_open(int fd, const struct endpoint *to);
void happen_assigned(int fd, const struct endpoint *to);

#endif
