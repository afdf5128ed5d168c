/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A flow's record, and which record a new flow may take: pure functions.
 */
#ifndef _LANES_FLOW_H
#define _LANES_FLOW_H

#include <linux/types.h>

/* Records that share a hash's low bits: one cache line. */
#define LANES_FLOW_WAYS		4

/* Time in records, in units of one to two seconds. */
#define LANES_FLOW_SHIFT	order_base_2(HZ)
/* A flow not seen for so many units, 9 to 17 minutes, loses its record. */
#define LANES_FLOW_AGE		512
/* Units between two moves of a flow. */
#define LANES_FLOW_REST		2

enum lanes_flow_state {
	LANES_FLOW_EMPTY,
	LANES_FLOW_HANDSHAKE,
	LANES_FLOW_ESTABLISHED,
	LANES_FLOW_ENDING,	/* a FIN or RST was seen */
};

#define LANES_FLOW_CPU_BITS	14

/**
 * union lanes_flow_key - what is compared and exchanged as one word
 * @word: all of it
 * @hash: the flow's hash, all 32 bits
 * @cpu: the owner
 * @next: the owner to be, if @moving
 * @state: enum lanes_flow_state
 * @moving: the flow goes to @next once @cpu has processed what it has queued
 */
union lanes_flow_key {
	s64 word;
	struct {
		u32 hash;
		u32 cpu : LANES_FLOW_CPU_BITS;
		u32 next : LANES_FLOW_CPU_BITS;
		u32 state : 2;
		u32 moving : 1;
	};
};

/* What a new flow would have to do to get a record, cheapest first. */
enum lanes_flow_cost {
	LANES_FLOW_TAKE,	/* its own or an empty one */
	LANES_FLOW_REUSE,	/* of a flow that ends */
	LANES_FLOW_EXPIRE,	/* of a flow not seen for long */
	LANES_FLOW_DISPLACE,	/* of a handshake that has not ended */
	LANES_FLOW_REFUSE,	/* of an established flow: never */
};

/**
 * lanes_flow_cost() - may a new flow take a record?
 * @key: the record's key
 * @hash: the new flow's hash
 * @age: units since the record was used
 *
 * So a flood of SYNs displaces nothing but handshakes.
 */
static inline enum lanes_flow_cost lanes_flow_cost(union lanes_flow_key key,
						   u32 hash, u16 age)
{
	if (key.state == LANES_FLOW_EMPTY || key.hash == hash)
		return LANES_FLOW_TAKE;
	if (key.state == LANES_FLOW_ENDING)
		return LANES_FLOW_REUSE;
	if (age >= LANES_FLOW_AGE)
		return LANES_FLOW_EXPIRE;
	return key.state == LANES_FLOW_HANDSHAKE ? LANES_FLOW_DISPLACE :
						   LANES_FLOW_REFUSE;
}

/**
 * lanes_flow_drained() - has the old owner processed a moving flow's packets?
 * @tail: the old owner's count of queued packets after the flow's last one
 * @head: its count of processed packets
 * @queued: its count of queued packets
 *
 * A @tail that @queued has not reached is none of this queue's: the record was
 * taken by another flow while it was written. It holds nobody back.
 */
static inline bool lanes_flow_drained(u32 tail, u32 head, u32 queued)
{
	return tail - head - 1 >= queued - head;
}

#endif /* _LANES_FLOW_H */
