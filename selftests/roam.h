/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Long connections whose client changes its CPU, and servers, one bound to each
 * CPU, that say where each message was processed.
 *
 *	 client: hop, send, hop, send ... --- lo ---+--- server on CPU 0
 *	                                            +--- server on CPU n
 *
 * Every message carries its connection's stamp and its number, and every answer
 * says whether all came, once, in order, and from no other connection.
 */
#ifndef LANES_SELFTESTS_ROAM_H
#define LANES_SELFTESTS_ROAM_H

#include <pthread.h>
#include <stdint.h>

#include "lib.h"

struct message {
	uint32_t stamp;
	uint32_t number;
	uint32_t wants_answer;
};

/**
 * struct answer - to a message that wants one
 * @stamp: the connection's
 * @received: messages so far
 * @local: of these, messages after which SO_INCOMING_CPU was the server's CPU
 * @wrong: of these, with another stamp or number than expected
 * @cpu: the server's
 * @incoming_cpu: SO_INCOMING_CPU after the message
 */
struct answer {
	uint32_t stamp;
	uint32_t received;
	uint32_t local;
	uint32_t wrong;
	uint32_t cpu;
	uint32_t incoming_cpu;
};

/* Server side of a connection. */
struct conn {
	int fd;
	uint32_t stamp;
	uint32_t received;
	uint32_t local;
	uint32_t wrong;
	size_t len;
	struct message part;
};

/* Receives once and answers, from @cpu; false at the end of the connection. */
bool conn_serve(struct conn *c, int cpu);

/**
 * struct server - accepts and serves connections in a thread
 * @listen_fd: shared
 * @cpu: where it is bound
 * @accepted: connections so far
 */
struct server {
	int listen_fd;
	int cpu;
	int accepted;
};

/* Until it waits on its lane; it ends with the process. */
struct server *server_start(int listen_fd, int cpu);
/* One on each CPU. */
void servers_start(int listen_fd);

/* Client side. */
struct flow {
	int fd;
	uint32_t stamp;
	uint32_t sent;
	struct answer answer;
};

void flow_open(struct flow *f, const struct endpoint *to);
void flow_close(struct flow *f);
/* One message, and its answer in @f->answer. */
bool flow_ask(struct flow *f);
/* One segment without an answer; it has left its CPU's queue on return. */
bool flow_tell(struct flow *f);
/* To a random CPU other than this one; its number. */
int hop(void);

/**
 * struct load - a flow in a thread that hops before every message
 * @to: the listener
 * @cpu: where it dials from
 * @bursts: of @burst messages, the last of them wants an answer; 0: until @stop
 * @burst: 1 is ping-pong
 * @pause_ms: between bursts
 * @stop: set by the test
 * @messages: sent
 * @local: of these, processed on the server's CPU
 * @answers: received
 */
struct load {
	const struct endpoint *to;
	int cpu;
	int bursts;
	int burst;
	int pause_ms;
	bool stop;
	pthread_t thread;
	uint32_t messages;
	uint32_t local;
	int answers;
};

void loads_start(struct load *loads, int nr);
/* Stops those without an end; the sum. */
struct load loads_finish(struct load *loads, int nr);

#endif
