// SPDX-License-Identifier: GPL-2.0-only
/*
 * The established cache: sockets in front of the kernel's established hash.
 *
 * Each CPU has a direct-mapped table, touched by that CPU alone with BHs off,
 * so that looking up and changing it takes no lock. A consumer puts its socket
 * there when it takes or waits for data on that CPU, and there the socket
 * stays between rounds. An entry holds a reference, which goes with the FIN or
 * RST, with the consumer's own close, or with a sweep that finds the socket
 * unhashed.
 *
 * It is asked last of PRE_ROUTING, after NAT, and does what early demux does.
 */
#include <linux/slab.h>

#include "packet.h"

#define LANES_CACHE_SWEEPS	4	/* for all slots, one a period */
#define LANES_CACHE_PERIOD	(HZ / LANES_CACHE_SWEEPS)

/**
 * struct lanes_cache_slot - one socket
 * @sk: holds a reference; or NULL
 * @hash: its sk_hash
 * @served: a packet was served since another socket wanted the slot last
 */
struct lanes_cache_slot {
	struct sock		*sk;
	u32			hash;
	bool			served;
};

/**
 * struct lanes_cache_table - one CPU's sockets
 * @ln: network namespace
 * @cpu: whose; only that CPU touches what follows, with BHs off, unless it is
 *	offline or nobody finds the table any more
 * @entries: slots, a power of two
 * @count: of them in use
 * @cursor: where the next sweep begins
 * @sweep: runs while @count is not 0
 * @slot: the slots; apart, as @entries of them are a power of two in bytes
 */
struct lanes_cache_table {
	struct lanes_net	*ln;
	unsigned int		cpu;
	u32			entries;
	u32			count;
	u32			cursor;
	struct timer_list	sweep;
	struct lanes_cache_slot	*slot;
} ____cacheline_aligned;

/**
 * struct lanes_cache - one network namespace's tables
 * @node: in lanes_caches
 * @table: nr_cpu_ids pointers, NULL for impossible CPUs; constant
 */
struct lanes_cache {
	struct list_head	node;
	struct lanes_cache_table *table[];
};

/* For a CPU that goes offline. A leaf. */
static DEFINE_MUTEX(lanes_cache_mutex);
static LIST_HEAD(lanes_caches);

static struct lanes_cache_table *lanes_cache_here(const struct lanes_net *ln)
{
	struct lanes_cache *cache = rcu_dereference(ln->cache);

	return cache ? cache->table[smp_processor_id()] : NULL;
}

static struct lanes_cache_slot *
lanes_cache_slot(struct lanes_cache_table *table, u32 hash)
{
	return &table->slot[hash & (table->entries - 1)];
}

static struct sock *lanes_cache_remove(struct lanes_cache_table *table,
				       struct lanes_cache_slot *slot)
{
	struct sock *sk = slot->sk;

	slot->sk = NULL;
	table->count--;
	return sk;
}

/* @mib is why: LANES_MIB_CACHE_*. */
static void lanes_cache_evict(struct lanes_cache_table *table,
			      struct lanes_cache_slot *slot, int mib)
{
	sock_put(lanes_cache_remove(table, slot));
	this_cpu_inc(table->ln->mib->mibs[mib]);
}

/* Out of the established hash: closed, or replaced by a TIME_WAIT socket. */
static bool lanes_cache_closed(const struct sock *sk)
{
	/* Pairs with the WRITE_ONCE() of hlist_nulls_del_init_rcu(). */
	return !READ_ONCE(sk->sk_nulls_node.pprev);
}

static bool lanes_cache_match(const struct lanes_packet *p,
			      const struct sock *sk)
{
	__portpair ports = INET_COMBINED_PORTS(p->th->source, p->port);
	int dif = p->skb->skb_iif;

#if IS_ENABLED(CONFIG_IPV6)
	if (p->ipv6)
		return inet6_match(p->net, sk, &ipv6_hdr(p->skb)->saddr,
				   &ipv6_hdr(p->skb)->daddr, ports, dif, 0);
#endif
	INET_ADDR_COOKIE(cookie, ip_hdr(p->skb)->saddr, ip_hdr(p->skb)->daddr);

	return inet_match(p->net, sk, cookie, ports, dif, 0);
}

/* The route that the socket's last packet took, as early demux does. */
static void lanes_cache_route(const struct lanes_packet *p, struct sock *sk)
{
	struct sk_buff *skb = p->skb;
	struct dst_entry *dst;

	if (skb_dst(skb))
		return;
	dst = rcu_dereference(sk->sk_rx_dst);
	if (dst)
		dst = dst_check(dst, p->ipv6 ? sk->sk_rx_dst_cookie : 0);
	if (dst && sk->sk_rx_dst_ifindex == skb->skb_iif)
		skb_dst_set_noref(skb, dst);
}

/**
 * lanes_cache_serve() - look a packet's socket up in this CPU's table
 * @p: a packet to an attached port, with its hash
 *
 * Context: BHs off, RCU read-side section, of PRE_ROUTING.
 */
void lanes_cache_serve(const struct lanes_packet *p)
{
	struct lanes_cache_table *table = lanes_cache_here(p->ln);
	struct lanes_cache_slot *slot;
	struct sock *sk;

	/* Where a VRF may be between, the look-up has rules of its own. */
	if (!table || p->skb->sk || p->th->syn ||
	    netif_is_l3_master(p->skb->dev) || netif_is_l3_slave(p->skb->dev))
		return;
	slot = lanes_cache_slot(table, p->hash);
	sk = slot->sk;
	if (!sk || slot->hash != p->hash || !lanes_cache_match(p, sk) ||
	    lanes_cache_closed(sk)) {
		lanes_count(p->ln, CACHE_MISS);
		return;
	}
	lanes_count(p->ln, CACHE_HIT);
	if (p->th->fin || p->th->rst) {
		lanes_cache_remove(table, slot);
		lanes_count(p->ln, CACHE_FINISHED);
	} else {
		slot->served = true;
		sock_hold(sk);
	}
	p->skb->sk = sk;
	p->skb->destructor = sock_edemux;
	lanes_cache_route(p, sk);
}

/**
 * lanes_cache_insert() - the consumer of a socket is on this CPU
 * @ln: network namespace
 * @sk: an established socket of that
 *
 * Of two sockets that want one slot, the one that is served keeps it for
 * another round.
 *
 * Context: BHs off, RCU read-side section.
 */
void lanes_cache_insert(struct lanes_net *ln, struct sock *sk)
{
	struct lanes_cache_table *table = lanes_cache_here(ln);
	struct lanes_cache_slot *slot;

	if (!table)
		return;
	slot = lanes_cache_slot(table, sk->sk_hash);
	if (slot->sk == sk)
		return;
	if (slot->sk) {
		if (slot->served && !lanes_cache_closed(slot->sk)) {
			slot->served = false;
			return;
		}
		lanes_cache_evict(table, slot, LANES_MIB_CACHE_COLLIDED);
	}
	sock_hold(sk);
	slot->sk = sk;
	slot->hash = sk->sk_hash;
	slot->served = false;
	table->count++;
	lanes_count(ln, CACHE_INSERTED);
	if (!timer_pending(&table->sweep))
		mod_timer(&table->sweep, jiffies + LANES_CACHE_PERIOD);
}

/**
 * lanes_cache_drop() - the consumer on this CPU has closed a socket
 * @ln: network namespace
 * @sk: a socket of that; the caller holds a reference
 *
 * Context: BHs off, RCU read-side section.
 */
void lanes_cache_drop(struct lanes_net *ln, struct sock *sk)
{
	struct lanes_cache_table *table = lanes_cache_here(ln);
	struct lanes_cache_slot *slot;

	if (!table)
		return;
	slot = lanes_cache_slot(table, sk->sk_hash);
	if (slot->sk == sk)
		lanes_cache_evict(table, slot, LANES_MIB_CACHE_FINISHED);
}

static void lanes_cache_sweep(struct timer_list *timer)
{
	struct lanes_cache_table *table;
	struct lanes_cache_slot *slot;
	u32 left;

	table = container_of(timer, struct lanes_cache_table, sweep);
	/* Moved here from a CPU that went offline: lanes_cache_cpu_dead() is
	 * about to see to the table, or has.
	 */
	if (table->cpu != smp_processor_id())
		return;
	for (left = table->entries / LANES_CACHE_SWEEPS; left; left--) {
		slot = &table->slot[table->cursor++ & (table->entries - 1)];
		if (slot->sk && lanes_cache_closed(slot->sk))
			lanes_cache_evict(table, slot, LANES_MIB_CACHE_SWEPT);
	}
	if (table->count)
		mod_timer(timer, jiffies + LANES_CACHE_PERIOD);
}

/* Nobody else touches the table. */
static void lanes_cache_flush(struct lanes_cache_table *table)
{
	u32 i;

	timer_delete_sync(&table->sweep);
	for (i = 0; i < table->entries; i++)
		if (table->slot[i].sk)
			lanes_cache_evict(table, &table->slot[i],
					  LANES_MIB_CACHE_FLUSHED);
}

/**
 * lanes_cache_cpu_dead() - empty the tables of a CPU that went offline
 * @cpu: it
 *
 * Context: process context, holding back the CPU's return.
 */
void lanes_cache_cpu_dead(unsigned int cpu)
{
	struct lanes_cache *cache;

	mutex_lock(&lanes_cache_mutex);
	list_for_each_entry(cache, &lanes_caches, node)
		lanes_cache_flush(cache->table[cpu]);
	mutex_unlock(&lanes_cache_mutex);
}

static void lanes_cache_free(struct lanes_cache *cache)
{
	int cpu;

	for_each_possible_cpu(cpu) {
		if (!cache->table[cpu])
			continue;
		lanes_cache_flush(cache->table[cpu]);
		kvfree(cache->table[cpu]->slot);
		kfree(cache->table[cpu]);
	}
	kfree(cache);
}

static struct lanes_cache_table *
lanes_cache_table_alloc(struct lanes_net *ln, unsigned int entries, int cpu)
{
	struct lanes_cache_table *table;

	table = kzalloc_node(sizeof(*table), GFP_KERNEL, cpu_to_node(cpu));
	if (!table)
		return NULL;
	table->slot = kvzalloc_node(array_size(entries, sizeof(*table->slot)),
				    GFP_KERNEL, cpu_to_node(cpu));
	if (!table->slot) {
		kfree(table);
		return NULL;
	}
	table->ln = ln;
	table->cpu = cpu;
	table->entries = entries;
	timer_setup(&table->sweep, lanes_cache_sweep, TIMER_PINNED);
	return table;
}

static struct lanes_cache *lanes_cache_alloc(struct lanes_net *ln,
					     unsigned int entries)
{
	struct lanes_cache_table *table;
	struct lanes_cache *cache;
	int cpu;

	cache = kzalloc(struct_size(cache, table, nr_cpu_ids), GFP_KERNEL);
	if (!cache)
		return NULL;
	for_each_possible_cpu(cpu) {
		table = lanes_cache_table_alloc(ln, entries, cpu);
		if (!table) {
			lanes_cache_free(cache);
			return NULL;
		}
		cache->table[cpu] = table;
	}
	return cache;
}

/**
 * lanes_cache_resize() - give a network namespace an empty cache, or none
 * @ln: network namespace
 * @entries: slots for each CPU, a power of two; 0 for no cache
 *
 * Context: process context, lanes_mutex is held.
 * Return: 0 or -ENOMEM, then nothing has changed.
 */
int lanes_cache_resize(struct lanes_net *ln, unsigned int entries)
{
	struct lanes_cache *old, *new = NULL;

	lockdep_assert_held(&lanes_mutex);
	if (entries) {
		new = lanes_cache_alloc(ln, entries);
		if (!new)
			return -ENOMEM;
	}
	if (new) {
		mutex_lock(&lanes_cache_mutex);
		list_add(&new->node, &lanes_caches);
		mutex_unlock(&lanes_cache_mutex);
	}
	old = rcu_replace_pointer(ln->cache, new, lockdep_is_held(&lanes_mutex));
	if (!old)
		return 0;
	/* Who fills or asks the old one does so in a read-side section. */
	synchronize_net();
	mutex_lock(&lanes_cache_mutex);
	list_del(&old->node);
	mutex_unlock(&lanes_cache_mutex);
	lanes_cache_free(old);
	return 0;
}
