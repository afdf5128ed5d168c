// SPDX-License-Identifier: GPL-2.0-only
/*
 * Steering: a packet that arrives elsewhere is handed to its flow's owner.
 *
 * The owner of a flow is the CPU of its first SYN, then that of its consumer.
 * The hook is the first of PRE_ROUTING, so behind GRO and the taps; a packet
 * that goes to another CPU is stolen there, queued, and goes on with the next
 * hook on the owner.
 *
 * Order. A packet that arrives at its owner while others wait in the owner's
 * queue goes behind them. When a flow moves, its packets go to the old owner
 * until that one has processed all that it has of them, as with RFS; whoever
 * queues a packet looks under the queue's lock whether the flow is still its.
 */
#include <linux/smp.h>

#include "packet.h"
#include "trace.h"

#define LANES_STEER_TRIES	4

typedef int (*lanes_okfn_t)(struct net *net, struct sock *sk,
			    struct sk_buff *skb);

/**
 * struct lanes_steer_queue - packets handed to a CPU
 * @waiting: its lock protects the list, @queued, and lanes_flow.tail of the
 *	flows that this CPU owns
 * @queued: how many were ever put here
 * @processed: how many of them have been processed to the end; written by the
 *	poll only, with release. Its readers' acquire makes what the flow's
 *	packets did visible before the next one
 * @batch: what the poll has taken; poll only
 * @napi: schedules the poll
 * @csd: schedules @napi on its CPU; its user is whoever has just set @napi's
 *	SCHED bit
 * @cpu: constant
 */
struct lanes_steer_queue {
	struct sk_buff_head	waiting;
	u32			queued;
	int			cpu;

	u32			processed ____cacheline_aligned_in_smp;
	struct sk_buff_head	batch;
	struct napi_struct	napi;
	call_single_data_t	csd;
};

static DEFINE_PER_CPU(struct lanes_steer_queue *, lanes_steer_queues);
static struct net_device *lanes_steer_dev;

/* Where IPv4 and IPv6 go on after PRE_ROUTING, learned from the first packet:
 * it is exported by nobody.
 */
static lanes_okfn_t lanes_steer_okfn[2];

static struct lanes_steer_queue *lanes_steer_queue(unsigned int cpu)
{
	return per_cpu(lanes_steer_queues, cpu);
}

static bool lanes_steer_idle(const struct lanes_steer_queue *q)
{
	/* Pairs with the release of the poll. */
	return smp_load_acquire(&q->processed) == READ_ONCE(q->queued);
}

/* Go on behind our hook, on the CPU that owns the flow. */
static void lanes_steer_deliver(struct sk_buff *skb)
{
	bool ipv6 = skb->protocol == htons(ETH_P_IPV6);
	lanes_okfn_t okfn = READ_ONCE(lanes_steer_okfn[ipv6]);
	const struct nf_hook_entries *hooks;
	struct net_device *dev = skb->dev;
	struct net *net = dev_net(dev);
	struct nf_hook_state state;
	unsigned int i, next = 0;
	int verdict = 1;

	if (unlikely(!netif_running(dev))) {
		kfree_skb(skb);
		dev_put(dev);
		return;
	}
	rcu_read_lock();
	if (ipv6)
		hooks = rcu_dereference(net->nf.hooks_ipv6[NF_INET_PRE_ROUTING]);
	else
		hooks = rcu_dereference(net->nf.hooks_ipv4[NF_INET_PRE_ROUTING]);
	if (hooks) {
		/* No longer there after the last detach: then from the start. */
		for (i = 0; i < hooks->num_hook_entries; i++)
			if (hooks->hooks[i].hook == lanes_hook_steer)
				next = i + 1;
		nf_hook_state_init(&state, NF_INET_PRE_ROUTING,
				   ipv6 ? NFPROTO_IPV6 : NFPROTO_IPV4, dev,
				   NULL, NULL, net, okfn);
		/* What our hook would have done on this CPU. */
		if (next && lanes_hooks_alone(&state))
			lanes_hook_serve(skb, &state);
		else if (next < hooks->num_hook_entries)
			verdict = nf_hook_slow(skb, &state, hooks, next);
	}
	if (verdict == 1)
		okfn(net, NULL, skb);
	rcu_read_unlock();
	dev_put(dev);
}

static int lanes_steer_poll(struct napi_struct *napi, int budget)
{
	struct lanes_steer_queue *q;
	struct sk_buff *skb;
	int done = 0;

	q = container_of(napi, struct lanes_steer_queue, napi);
	for (;;) {
		while ((skb = __skb_dequeue(&q->batch))) {
			lanes_steer_deliver(skb);
			/* Pairs with lanes_steer_idle(). */
			smp_store_release(&q->processed, q->processed + 1);
			if (++done == budget)
				return budget;
		}
		spin_lock(&q->waiting.lock);
		skb_queue_splice_tail_init(&q->waiting, &q->batch);
		spin_unlock(&q->waiting.lock);
		if (skb_queue_empty(&q->batch))
			break;
	}
	napi_complete_done(napi, done);
	return done;
}

/* On the owner, in hard interrupt. */
static void lanes_steer_schedule(void *info)
{
	struct lanes_steer_queue *q = info;

	__napi_schedule_irqoff(&q->napi);
}

/* See to it that @q is polled: by its CPU, or by this one if that is offline.
 * What goes offline with its poll scheduled hands that on to another CPU.
 */
static void lanes_steer_kick(struct lanes_steer_queue *q)
{
	if (!napi_schedule_prep(&q->napi))
		return;
	if (q->cpu == smp_processor_id() ||
	    smp_call_function_single_async(q->cpu, &q->csd))
		__napi_schedule(&q->napi);
}

/*
 * Is this packet one that may wait and go on later? Not what belongs to a
 * passage through the stack with another continuation (bridge netfilter, the
 * second pass of a VRF, IPsec), nor what has a socket without a reference.
 */
static bool lanes_steer_may(const struct lanes_packet *p,
			    const struct nf_hook_state *state)
{
	lanes_okfn_t *okfn = &lanes_steer_okfn[p->ipv6];
	const struct sk_buff *skb = p->skb;

	if (skb->sk || state->in != skb->dev || skb_sec_path(skb) ||
	    lanes_nf_bridge(skb) || netif_is_l3_master(skb->dev) ||
	    netif_is_l3_slave(skb->dev))
		return false;
	if (unlikely(!READ_ONCE(*okfn)))
		cmpxchg(okfn, NULL, state->okfn);
	return READ_ONCE(*okfn) == state->okfn;
}

/*
 * A SYN begins a new flow, whose owner is the CPU that it arrives at, unless
 * it is one of a handshake under way.
 */
static bool lanes_steer_wants(const struct lanes_packet *p,
			      union lanes_flow_key key, unsigned int mode)
{
	if (key.state == LANES_FLOW_HANDSHAKE)
		return true;
	return mode == LANES_STEER_DATA && (p->th->ack || !p->th->syn);
}

static unsigned int lanes_steer_enqueue(const struct lanes_packet *p,
					struct lanes_steer_queue *q,
					struct lanes_flow *flow, bool moving)
{
	lockdep_assert_held(&q->waiting.lock);
	if (q->queued - READ_ONCE(q->processed) >=
	    READ_ONCE(p->ln->steer_backlog)) {
		lanes_count(p->ln, STEER_DROPPED);
		trace_lanes_steer(p, LANES_STEERED_DROPPED, q->cpu);
		return NF_DROP;
	}
	dev_hold(p->skb->dev);
	__skb_queue_tail(&q->waiting, p->skb);
	WRITE_ONCE(q->queued, q->queued + 1);
	if (moving) {
		WRITE_ONCE(flow->tail, q->queued);
		lanes_count(p->ln, STEER_DRAINED);
		trace_lanes_steer(p, LANES_STEERED_DRAINED, q->cpu);
	} else if (q->cpu == smp_processor_id()) {
		lanes_count(p->ln, STEER_BEHIND);
		trace_lanes_steer(p, LANES_STEERED_BEHIND, q->cpu);
	} else {
		lanes_count(p->ln, STEER_HANDED_OVER);
		trace_lanes_steer(p, LANES_STEERED_HANDED_OVER, q->cpu);
	}
	return NF_STOLEN;
}

/* Under the lock of the owner's queue: is it still the owner, has it still to
 * be? False if not, and @key is the new one.
 */
static bool lanes_steer_owned(struct lanes_steer_queue *q,
			      struct lanes_flow *flow, union lanes_flow_key *key)
{
	union lanes_flow_key old = *key, new = *key;
	u32 processed;

	lockdep_assert_held(&q->waiting.lock);
	key->word = atomic64_read(&flow->key);
	if (key->word != old.word)
		return false;
	if (!key->moving)
		return true;
	/* Pairs with the release of the poll. */
	processed = smp_load_acquire(&q->processed);
	if (!lanes_flow_drained(flow->tail, processed, q->queued))
		return true;
	new.cpu = old.next;
	new.moving = false;
	key->word = atomic64_cmpxchg(&flow->key, old.word, new.word);
	if (key->word == old.word)
		*key = new;
	return false;
}

/* Hand a packet over to the owner by @key. False if @key was outdated: then
 * it is the new one.
 */
static bool lanes_steer_hand_over(const struct lanes_packet *p,
				  struct lanes_flow *flow,
				  union lanes_flow_key *key,
				  unsigned int *verdict)
{
	struct lanes_steer_queue *q = lanes_steer_queue(key->cpu);
	bool owned;

	spin_lock(&q->waiting.lock);
	owned = lanes_steer_owned(q, flow, key);
	if (owned)
		*verdict = lanes_steer_enqueue(p, q, flow, key->moving);
	spin_unlock(&q->waiting.lock);
	if (owned && *verdict == NF_STOLEN)
		lanes_steer_kick(q);
	return owned;
}

static unsigned int lanes_steer_flow(const struct lanes_packet *p,
				     struct lanes_flow *flow,
				     union lanes_flow_key key)
{
	unsigned int cpu = smp_processor_id(), verdict;
	union lanes_flow_key new;
	int i;

	for (i = 0; i < LANES_STEER_TRIES; i++) {
		if (key.cpu == cpu && !key.moving &&
		    lanes_steer_idle(lanes_steer_queue(cpu))) {
			lanes_count(p->ln, STEER_LOCAL);
			return NF_ACCEPT;
		}
		if (unlikely(!cpu_online(key.cpu))) {
			new = key;
			new.cpu = cpu;
			new.moving = false;
			atomic64_cmpxchg(&flow->key, key.word, new.word);
			lanes_count(p->ln, STEER_OFFLINE);
			trace_lanes_steer(p, LANES_STEERED_OFFLINE, cpu);
			return NF_ACCEPT;
		}
		/* What it refers to must outlive this read-side section. */
		if (skb_dst(p->skb) && !skb_dst_force(p->skb))
			return NF_DROP;
		if (lanes_steer_hand_over(p, flow, &key, &verdict))
			return verdict;
		/* Another flow has taken the record. */
		if (key.hash != p->hash || key.state == LANES_FLOW_EMPTY)
			break;
	}
	return NF_ACCEPT;
}

/**
 * lanes_steer() - see to it that a packet is processed by its flow's owner
 * @p: a packet to an attached port, with its hash
 * @state: the hook's, of PRE_ROUTING
 *
 * Context: BHs off, RCU read-side section.
 * Return: a netfilter verdict.
 */
unsigned int lanes_steer(const struct lanes_packet *p,
			 const struct nf_hook_state *state)
{
	bool ends = p->th->fin || p->th->rst;
	union lanes_flow_key key;
	struct lanes_flow *flow;
	unsigned int verdict;

	if (!lanes_steer_may(p, state)) {
		lanes_count(p->ln, STEER_LEFT);
		return NF_ACCEPT;
	}
	flow = lanes_flow_find(p->ln, p->hash, &key);
	if (!flow) {
		lanes_count(p->ln, STEER_UNKNOWN);
		return NF_ACCEPT;
	}
	if (!lanes_steer_wants(p, key, READ_ONCE(p->ln->steer)))
		return NF_ACCEPT;
	lanes_flow_touch(flow);
	verdict = lanes_steer_flow(p, flow, key);
	/* The packet may be gone by now. */
	if (ends)
		lanes_flow_end(p->ln, p->hash);
	return verdict;
}

/**
 * lanes_steer_follow() - the flow's consumer is on this CPU
 * @ln: network namespace
 * @hash: the flow's hash
 * @accepted: it has just been accepted; else a flow that has moved lately
 *	stays, so that consumers on two CPUs do not send it to and fro
 *
 * Context: process context, bound to this CPU, BHs off, RCU read-side section.
 * Return: whether this CPU is the owner now, or will be.
 */
bool lanes_steer_follow(struct lanes_net *ln, u32 hash, bool accepted)
{
	unsigned int cpu = smp_processor_id();
	union lanes_flow_key key, new;
	struct lanes_steer_queue *q;
	struct lanes_flow *flow;
	bool moved;

	flow = lanes_flow_find(ln, hash, &key);
	if (!flow) {
		lanes_flow_record(ln, hash, LANES_FLOW_ESTABLISHED);
		return true;
	}
	if ((key.moving ? key.next : key.cpu) == cpu)
		return true;
	if (key.state == LANES_FLOW_ENDING ||
	    (!accepted && lanes_flow_rests(flow)))
		return false;

	new = key;
	new.state = LANES_FLOW_ESTABLISHED;
	q = lanes_steer_queue(key.cpu);
	spin_lock(&q->waiting.lock);
	new.moving = !lanes_steer_idle(q);
	if (new.moving) {
		WRITE_ONCE(flow->tail, q->queued);
		new.next = cpu;
	} else {
		new.cpu = cpu;
	}
	moved = atomic64_cmpxchg(&flow->key, key.word, new.word) == key.word;
	spin_unlock(&q->waiting.lock);
	if (moved) {
		lanes_flow_moved(flow);
		lanes_count(ln, FLOW_MOVED);
	}
	return moved;
}

static void lanes_steer_free(struct lanes_steer_queue *q)
{
	struct sk_buff *skb;

	if (!q)
		return;
	/* Waits for a poll that is scheduled. One that used up its budget may
	 * have left some.
	 */
	napi_disable(&q->napi);
	netif_napi_del(&q->napi);
	skb_queue_splice_tail(&q->waiting, &q->batch);
	local_bh_disable();
	while ((skb = __skb_dequeue(&q->batch)))
		lanes_steer_deliver(skb);
	local_bh_enable();
	kfree(q);
}

static struct lanes_steer_queue *lanes_steer_alloc(int cpu)
{
	struct lanes_steer_queue *q;

	q = kzalloc_node(sizeof(*q), GFP_KERNEL, cpu_to_node(cpu));
	if (!q)
		return NULL;
	q->cpu = cpu;
	skb_queue_head_init(&q->waiting);
	__skb_queue_head_init(&q->batch);
	INIT_CSD(&q->csd, lanes_steer_schedule, q);
	set_bit(NAPI_STATE_NO_BUSY_POLL, &q->napi.state);
	netif_napi_add(lanes_steer_dev, &q->napi, lanes_steer_poll);
	napi_enable(&q->napi);
	return q;
}

/**
 * lanes_steer_init() - make the queues
 *
 * Return: 0 or -ENOMEM.
 */
int __init lanes_steer_init(void)
{
	int cpu;

	lanes_steer_dev = lanes_alloc_netdev_dummy();
	if (!lanes_steer_dev)
		return -ENOMEM;
	for_each_possible_cpu(cpu) {
		per_cpu(lanes_steer_queues, cpu) = lanes_steer_alloc(cpu);
		if (!lanes_steer_queue(cpu)) {
			lanes_steer_exit();
			return -ENOMEM;
		}
	}
	return 0;
}

/**
 * lanes_steer_exit() - undo lanes_steer_init()
 *
 * Context: process context; no hook is registered and none runs.
 */
void lanes_steer_exit(void)
{
	int cpu;

	for_each_possible_cpu(cpu)
		lanes_steer_free(lanes_steer_queue(cpu));
	lanes_free_netdev_dummy(lanes_steer_dev);
}
