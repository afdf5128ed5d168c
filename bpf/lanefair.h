/* SPDX-License-Identifier: GPL-2.0-only */
/* What lanefair's BPF program tells it. */
#ifndef LANES_BPF_LANEFAIR_H
#define LANES_BPF_LANEFAIR_H

#include "shared/flow.h"

/**
 * struct fair_socket - a TCP socket at one moment
 * @cookie: its SO_COOKIE
 * @received: bytes that came, without gaps, also unread ones
 * @acked: bytes that its peer has acknowledged
 * @key: a connection's ends; a listener has no peer
 * @cpu: where its last packet was processed
 * @unread: of the bytes that came
 * @listens: it is a listener
 */
struct fair_socket {
	__u64 cookie;
	__u64 received;
	__u64 acked;
	struct flow_key key;
	__s32 cpu;
	__u32 unread;
	__u32 listens;
};

#endif
