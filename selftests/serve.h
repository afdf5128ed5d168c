/* SPDX-License-Identifier: GPL-2.0-only */
/* Workers that accept in every way there is, and clients that load them. */
#ifndef LANES_SELFTESTS_SERVE_H
#define LANES_SELFTESTS_SERVE_H

#include <stdint.h>

#include "lib.h"

enum serve_mode {
	SERVE_BLOCKING,
	SERVE_POLL,
	SERVE_EPOLL_LT,
	SERVE_EPOLL_ET,
	SERVE_EPOLL_EXCLUSIVE,
	SERVE_URING,
	NR_SERVE_MODES,
	/* Waits bound to its lane like an epoll server, yet takes nothing. */
	SERVE_NEVER = NR_SERVE_MODES
};
extern const char *const serve_mode_name[];

/* What a worker does once it has served its limit. */
enum stuck {
	STUCK_NOT,
	STUCK_SPINNING,
	STUCK_SLEEPING, /* elsewhere: in the kernel, but not in accept */
};

/**
 * struct worker - accepts on a listener and answers each connection
 * @listen_fd: shared by all workers; all but SERVE_BLOCKING make it nonblocking
 * @cpu: where it is bound, -1 for nowhere
 * @mode: how it waits
 * @limit: after so many connections it is @stuck; 0 for never
 * @stuck: see @limit
 * @pid: of the process, 0 for a thread
 * @served: connections answered
 * @local: of these, on the CPU of SO_INCOMING_CPU
 * @error: errno that ended it
 * @stop: set by the test: it ends before its next connection
 */
struct worker {
	int listen_fd;
	int cpu;
	enum serve_mode mode;
	int limit;
	enum stuck stuck;
	pid_t pid;
	int served;
	int local;
	int error;
	bool stop;
};

/* The answer to a client. */
struct reply {
	uint32_t cpu;
	uint32_t incoming_cpu;
	uint32_t worker_cpu;
};

/* In memory that forked workers share with the test. */
struct worker *workers_alloc(int nr);
/* One bound to each CPU. */
struct worker *workers_per_cpu(int fd, enum serve_mode mode);
void workers_start(struct worker *workers, int nr, bool processes);
/* Until each bound worker waits on its lane. */
void workers_settle(struct worker *workers, int nr);
int workers_served(const struct worker *workers, int nr);

/**
 * struct client - dials in a loop from one CPU
 * @to: the listener
 * @cpu: where it is pinned
 * @count: connections to make
 * @window: connections that it opens before it reads the first answer
 * @port: source port used again and again, the server closing first, so that
 *	each connection but the first meets a TIME_WAIT socket; 0 for any
 * @served: answers received
 * @failed: connections without an answer
 * @error: errno of the last failure
 * @local: answers by an acceptor running on @cpu
 * @worst_ms: longest time from the dial's return to the answer
 */
struct client {
	const struct endpoint *to;
	int cpu;
	int count;
	int window;
	int port;
	int served;
	int failed;
	int error;
	int local;
	double worst_ms;
};

void clients_run(struct client *clients, int nr);
/* One per CPU, @total connections together; the sum. */
struct client clients_per_cpu(const struct endpoint *to, int total,
			      int window, int port);
/* Processes that spin, one on each CPU, until the case ends. */
void hogs_start(void);

#endif
