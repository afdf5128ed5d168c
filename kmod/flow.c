// SPDX-License-Identifier: GPL-2.0-only
/*
 * The flow table: flow hash to owner CPU, one per network namespace.
 *
 * Of fixed size, in sets of one cache line each. Reading takes no lock; a
 * record is taken and changed by exchanging its key. What two flows do to each
 * other here costs locality, never a packet.
 */
#include <linux/slab.h>

#include "lanes.h"

#define LANES_FLOW_TRIES	4

/**
 * struct lanes_flows - the table
 * @rcu: for the free
 * @sets: a power of two
 * @flow: @sets times LANES_FLOW_WAYS records, apart: a power of two in bytes
 *	takes no more than that, and has its sets in lines of their own
 */
struct lanes_flows {
	struct rcu_head		rcu;
	u32			sets;
	struct lanes_flow	*flow;
} ____cacheline_aligned;

static u16 lanes_flow_now(void)
{
	return tcp_jiffies32 >> LANES_FLOW_SHIFT;
}

static struct lanes_flow *lanes_flow_set(struct lanes_flows *flows, u32 hash)
{
	return &flows->flow[(hash & (flows->sets - 1)) * LANES_FLOW_WAYS];
}

/**
 * lanes_flow_find() - look a flow up
 * @ln: network namespace
 * @hash: the flow's hash
 * @key: gets the record's key
 *
 * Context: RCU read-side section.
 * Return: the record or NULL.
 */
struct lanes_flow *lanes_flow_find(const struct lanes_net *ln, u32 hash,
				   union lanes_flow_key *key)
{
	struct lanes_flows *flows = rcu_dereference(ln->flows);
	struct lanes_flow *flow;
	int i;

	if (!flows)
		return NULL;
	flow = lanes_flow_set(flows, hash);
	for (i = 0; i < LANES_FLOW_WAYS; i++, flow++) {
		key->word = atomic64_read(&flow->key);
		if (key->hash == hash && key->state != LANES_FLOW_EMPTY)
			return flow;
	}
	return NULL;
}

/**
 * lanes_flow_touch() - keep a record from aging
 * @flow: a record in use
 *
 * Lockless: a stamp on a record that another flow has just taken makes that
 * one younger. Written once in a unit, so that the line stays shared.
 */
void lanes_flow_touch(struct lanes_flow *flow)
{
	u16 now = lanes_flow_now();

	if (READ_ONCE(flow->used) != now)
		WRITE_ONCE(flow->used, now);
}

/**
 * lanes_flow_rests() - has a flow moved lately?
 * @flow: its record
 */
bool lanes_flow_rests(const struct lanes_flow *flow)
{
	u16 since = lanes_flow_now() - READ_ONCE(flow->moved);

	return since < LANES_FLOW_REST;
}

/**
 * lanes_flow_moved() - a flow has moved
 * @flow: its record
 */
void lanes_flow_moved(struct lanes_flow *flow)
{
	WRITE_ONCE(flow->moved, lanes_flow_now());
}

/* The cheapest record of a set for @hash, the oldest of equals. */
static struct lanes_flow *lanes_flow_pick(struct lanes_flows *flows, u32 hash,
					  union lanes_flow_key *key,
					  enum lanes_flow_cost *cost)
{
	struct lanes_flow *flow = lanes_flow_set(flows, hash), *best = NULL;
	u16 age, most = 0, now = lanes_flow_now();
	enum lanes_flow_cost price;
	union lanes_flow_key k;
	int i;

	*cost = LANES_FLOW_REFUSE;
	for (i = 0; i < LANES_FLOW_WAYS; i++, flow++) {
		k.word = atomic64_read(&flow->key);
		if (k.hash == hash && k.state != LANES_FLOW_EMPTY) {
			*key = k;
			*cost = LANES_FLOW_TAKE;
			return flow;
		}
		age = now - READ_ONCE(flow->used);
		price = lanes_flow_cost(k, hash, age);
		if (price > *cost || price == LANES_FLOW_REFUSE ||
		    (best && price == *cost && age <= most))
			continue;
		best = flow;
		most = age;
		*cost = price;
		*key = k;
	}
	return best;
}

/**
 * lanes_flow_record() - make this CPU a flow's owner
 * @ln: network namespace
 * @hash: the flow's hash
 * @state: LANES_FLOW_HANDSHAKE for its first SYN, which overrules what there
 *	is of an older flow; LANES_FLOW_ESTABLISHED leaves a handshake's owner
 *
 * Context: RCU read-side section, BHs off.
 */
void lanes_flow_record(struct lanes_net *ln, u32 hash,
		       enum lanes_flow_state state)
{
	struct lanes_flows *flows = rcu_dereference(ln->flows);
	union lanes_flow_key key, new;
	enum lanes_flow_cost cost;
	struct lanes_flow *flow;
	bool known;
	int i;

	if (!flows)
		return;
	for (i = 0; i < LANES_FLOW_TRIES; i++) {
		flow = lanes_flow_pick(flows, hash, &key, &cost);
		if (!flow)
			break;
		known = key.hash == hash && key.state == LANES_FLOW_HANDSHAKE;
		if (known && state == LANES_FLOW_ESTABLISHED) {
			new = key;
		} else {
			new = (union lanes_flow_key){ .hash = hash };
			new.cpu = smp_processor_id();
		}
		new.state = state;
		if (atomic64_cmpxchg(&flow->key, key.word, new.word) !=
		    key.word)
			continue;
		lanes_flow_touch(flow);
		if (known)
			return;
		WRITE_ONCE(flow->moved, lanes_flow_now() - LANES_FLOW_REST);
		lanes_count(ln, FLOW_RECORDED);
		if (cost == LANES_FLOW_EXPIRE)
			lanes_count(ln, FLOW_AGED);
		else if (cost == LANES_FLOW_DISPLACE)
			lanes_count(ln, FLOW_REPLACED);
		return;
	}
	lanes_count(ln, FLOW_FULL);
}

/**
 * lanes_flow_end() - let others have a flow's record: it has come to its end
 * @ln: network namespace
 * @hash: the flow's hash
 *
 * Until another flow takes it the record goes on steering.
 *
 * Context: RCU read-side section.
 */
void lanes_flow_end(const struct lanes_net *ln, u32 hash)
{
	union lanes_flow_key key, new;
	struct lanes_flow *flow;

	flow = lanes_flow_find(ln, hash, &key);
	if (!flow || key.state == LANES_FLOW_ENDING)
		return;
	new = key;
	new.state = LANES_FLOW_ENDING;
	/* If it has just changed, it ages instead. */
	atomic64_cmpxchg(&flow->key, key.word, new.word);
}

static void lanes_flows_copy(struct lanes_flows *to, struct lanes_flows *from)
{
	struct lanes_flow *flow = from->flow, *copy;
	enum lanes_flow_cost cost;
	union lanes_flow_key key, old;
	u32 i;

	for (i = 0; i < from->sets * LANES_FLOW_WAYS; i++, flow++) {
		key.word = atomic64_read(&flow->key);
		if (key.state == LANES_FLOW_EMPTY)
			continue;
		copy = lanes_flow_pick(to, key.hash, &old, &cost);
		if (!copy)
			continue;
		copy->tail = READ_ONCE(flow->tail);
		copy->used = READ_ONCE(flow->used);
		copy->moved = READ_ONCE(flow->moved);
		atomic64_set(&copy->key, key.word);
	}
}

static struct lanes_flows *lanes_flows_alloc(unsigned int entries)
{
	struct lanes_flows *flows = kmalloc(sizeof(*flows), GFP_KERNEL);

	if (!flows)
		return NULL;
	flows->sets = entries / LANES_FLOW_WAYS;
	flows->flow = kvcalloc(entries, sizeof(*flows->flow), GFP_KERNEL);
	if (!flows->flow) {
		kfree(flows);
		return NULL;
	}
	return flows;
}

/**
 * lanes_flows_resize() - give a network namespace a flow table, or none
 * @ln: network namespace
 * @entries: records, a power of two; 0 for no table
 *
 * Keeps what fits. What changes meanwhile may be lost: its flow is recorded
 * again by its consumer.
 *
 * Context: process context, lanes_mutex is held.
 * Return: 0 or -ENOMEM, then nothing has changed.
 */
int lanes_flows_resize(struct lanes_net *ln, unsigned int entries)
{
	struct lanes_flows *old, *new = NULL;

	BUILD_BUG_ON(sizeof(struct lanes_flow) * LANES_FLOW_WAYS != 64);
	BUILD_BUG_ON(BIT(LANES_FLOW_CPU_BITS) < CONFIG_NR_CPUS);
	lockdep_assert_held(&lanes_mutex);
	old = rcu_dereference_protected(ln->flows,
					lockdep_is_held(&lanes_mutex));
	if (entries) {
		new = lanes_flows_alloc(entries);
		if (!new)
			return -ENOMEM;
		if (old)
			lanes_flows_copy(new, old);
	}
	rcu_assign_pointer(ln->flows, new);
	if (old) {
		kvfree_rcu_mightsleep(old->flow);
		kfree_rcu(old, rcu);
	}
	return 0;
}
