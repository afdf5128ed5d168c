/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Lanes: per-CPU bottom halves for a listening TCP socket.
 *
 * Words
 *
 * The top half is the application's own listening socket. For each possible
 * CPU there is a lane: a bottom half (a kernel listener with the same address
 * and port that is in no listening hash), whose icsk_accept_queue is the
 * CPU's local accept queue, and a wait queue. The top half's
 * icsk_accept_queue is the global accept queue.
 *
 * Locks, outer first
 *
 * 1. lock_sock(top): attach, detach, the copying of options. Its owner is the
 *    only writer of the top half's ops, callbacks and icsk_ulp_*.
 * 2. lanes_mutex: the per-CPU listener tables; of each netns the hooks, and
 *    which flow table and cache it has.
 * 3. lock_sock(lane->sk): the lock class is that of kernel sockets, so it
 *    nests in 1. Never take 1 from here.
 *
 * In softirq, under the bh lock of the child that is being born:
 *
 * 4. The bh lock of a bottom half or of a top half, if no user owns it: needed
 *    to take a connection out of its queue, see lanes_move(). Never two.
 * 5. rskq_lock of either: the accept queue and sk_ack_backlog. To append it
 *    is enough. Never two, never with another child's lock.
 * 6. lane->lock: who waits. A leaf, not nested in 4 or 5.
 * 7. The lock of a wait queue: after 4 to 6 are dropped.
 * 8. The lock of a steering queue: the packets, and the moving of the flows
 *    that its CPU owns. A leaf; taken by consumers too.
 *
 * Without a lock
 *
 * - A flow's record is found under RCU and taken or changed by exchanging its
 *   key. It changes its owner under the lock of the old one's queue.
 * - A table of the established cache is its CPU's own, with BHs off. The mutex
 *   that lists the caches, for CPUs that go offline, is a leaf below 2.
 * - Demux reads its own CPU's table and a lane's bottom half under RCU.
 *   A lane leaves the tables, then a grace period passes, then its bottom
 *   half is released, then another, then it is freed.
 * - A reader of /proc or sock_diag(7) finds the listener in its namespace's
 *   list or by the top half, under RCU. It leaves both before a grace period
 *   of its detach, and is freed after the last.
 * - An operation of an attached socket (accept, poll, ...) finds its listener
 *   under RCU and holds lanes_listener.users while it uses it, asleep or not.
 *   Detach kills that reference, wakes the sleepers and waits.
 * - A waker adds to a queue, then looks for sleepers; a sleeper enters the
 *   wait queue, then looks at the queues. Both have a full barrier between
 *   (wq_has_sleeper(), set_current_state(), poll_wait()).
 *
 * Module text
 *
 * A reference for the ULP, one for the top half's ops, one per bottom half.
 * do_accept() takes another for the new socket, which accept drops when it
 * returns: whom a detach wakes sleeps on in the stock accept, called by ours,
 * and holds the module until then. After a detach a task can still be between
 * reading sock->ops and entering, or between leaving and returning: it is
 * not asleep there, so synchronize_rcu_tasks() waits for it before the last
 * references go; exit waits so for sock_diag(7), which has none. No child
 * carries a pointer to the module's text or data.
 */
#ifndef _LANES_H
#define _LANES_H

#include <linux/percpu-refcount.h>
#include <linux/poll.h>
#include <linux/spinlock.h>
#include <linux/wait.h>
#include <linux/workqueue.h>
#include <net/inet_connection_sock.h>
#include <net/request_sock.h>
#include <net/transp_v6.h>
#include <net/tcp.h>

#include "compat.h"
#include "flow.h"
#include "stats.h"
#include <linux/lanes.h>

#define LANES_SPILL_MS_DEFAULT	80
#define LANES_NR_ACCEPTORS	4
#define LANES_TABLE_BITS	8
#define LANES_READY		(EPOLLIN | EPOLLRDNORM)

struct lanes_listener;

/**
 * struct lanes_lane - one CPU's share of a listener
 * @node: entry of @cpu's table; written under lanes_mutex, read under RCU
 * @listener: what it belongs to; constant
 * @net: of @top, constant; a table entry's key
 * @ln: what we know of @net; constant
 * @top: the top half, constant; likewise
 * @sk: the bottom half, constant; holds a reference
 * @sock: its socket, NULL once released; written by attach, detach and reap,
 *	read by users of @listener
 * @cpu: constant
 * @port: host order, constant; likewise
 * @wq: acceptors bound to @cpu, asleep or polling
 * @lock: protects @acceptor and @next
 * @acceptor: who accepts here: the last LANES_NR_ACCEPTORS bound callers;
 *	each holds a reference
 * @next: the entry of @acceptor to be replaced next when all are alive
 * @stalled: a connection waited spill_ms here while the acceptor slept
 *	elsewhere; set by the timer, cleared by an acceptor that comes.
 *	Lockless: a stale value costs locality only
 * @timer: runs while the local accept queue is not empty
 * @last_tick: jiffies of the last run; timer only, or whoever starts it
 * @skew: jiffies during which this CPU did not run its timers; they are not
 *	the acceptor's fault and do not count as waiting. Timer only; lockless
 *	readers get an older or a newer clock
 */
struct lanes_lane {
	struct hlist_node	node;
	struct lanes_listener	*listener;
	const struct net	*net;
	struct lanes_net	*ln;
	struct sock		*top;
	struct sock		*sk;
	struct socket		*sock;
	int			cpu;
	u16			port;

	wait_queue_head_t	wq ____cacheline_aligned_in_smp;
	spinlock_t		lock; /* see above */
	u8			next;
	bool			stalled;
	struct pid		*acceptor[LANES_NR_ACCEPTORS];
	struct timer_list	timer;
	unsigned long		last_tick;
	u32			skew;
};

/**
 * struct lanes_listener - an attached listening socket
 * @node: of lanes_net.list; written under lanes_mutex, read under RCU
 * @id: grows along that list; constant once in it
 * @ln: what we know of the network namespace; constant
 * @top: the top half; holds a reference
 * @lane: nr_cpu_ids pointers, NULL for impossible CPUs; constant
 * @users: operations under way; killed by detach
 * @idle: completes when @users is zero
 * @spill_ms: see LANES_SPILL_MS; lockless
 * @draining: detach has begun; every connection goes to the top half.
 *	Written under lock_sock(top), read locklessly
 * @leaving: an operation of ours makes the top half leave LISTEN and detaches
 *	it then; lockless hint to lanes_top_state_change()
 * @unbound: an acceptor that is not bound has been seen; lockless hint
 * @crowded: a queue may hold more than its share of the backlog, so that
 *	admission must sum them all; lockless, see lanes_full()
 * @rotor: where the next search for a willing lane begins; lockless hint
 * @timer: runs while the global accept queue is not empty
 * @stats: per CPU
 * @lost: work that detaches a top half which left LISTEN behind our back
 * @reap: work that frees what a detach had to leave
 * @reap_ends: jiffies after which half-open handshakes are given up
 * @module_refs: how many references to the module @reap drops: the ULP's and,
 *	unless __sock_release() drops it, the ops'
 * @late: bit per CPU: at a tick its local accept queue had a connection that
 *	had waited for a tick
 */
struct lanes_listener {
	struct list_head	node;
	u64			id;
	struct lanes_net	*ln;
	struct sock		*top;
	struct lanes_lane	**lane;
	struct percpu_ref	users;
	struct completion	idle;
	u32			spill_ms;
	bool			draining;
	bool			leaving;
	bool			unbound;
	bool			crowded;
	unsigned int		rotor;
	struct timer_list	timer;
	struct lanes_stats __percpu *stats;
	struct work_struct	lost;
	struct delayed_work	reap;
	unsigned long		reap_ends;
	int			module_refs;
	unsigned long		late[];
};

/**
 * struct lanes_net - a network namespace
 * @listeners: attached in it; the hooks are registered and the tables there
 *	while it is not zero. Protected by lanes_mutex
 * @list: of these, in the order of their attach; under lanes_mutex or RCU
 * @next_id: of the next listener; under lanes_mutex
 * @spill_ms: net.lanes.spill_ms, the default for new listeners
 * @steer: net.lanes.steer, LANES_STEER_*; lockless
 * @steer_backlog: net.lanes.steer_backlog; lockless
 * @flow_entries: net.lanes.flow_entries; written under lanes_mutex
 * @cache_entries: net.lanes.cache_entries; written under lanes_mutex
 * @flows: the flow table, NULL without listeners; written under lanes_mutex
 * @cache: the established cache, NULL if off or without listeners; likewise
 * @mib: counters
 * @sysctl: its table's registration
 * @table: the table
 */
struct lanes_net {
	unsigned int		listeners;
	struct list_head	list;
	u64			next_id;
	unsigned int		spill_ms;
	unsigned int		steer;
	unsigned int		steer_backlog;
	unsigned int		flow_entries;
	unsigned int		cache_entries;
	struct lanes_flows __rcu *flows;
	struct lanes_cache __rcu *cache;
	struct lanes_mib __percpu *mib;
	struct ctl_table_header	*sysctl;
	struct ctl_table	*table;
};

/* net.lanes.steer */
enum {
	LANES_STEER_OFF,
	LANES_STEER_HANDSHAKE,
	LANES_STEER_DATA,
};

/**
 * struct lanes_flow - who processes a flow's packets
 * @key: union lanes_flow_key
 * @tail: of a moving flow, lanes_steer_queue.queued of its old owner after its
 *	last packet there; under that queue's lock
 * @used: when a packet was seen, in units of BIT(LANES_FLOW_SHIFT) jiffies;
 *	lockless hint
 * @moved: when it moved last, likewise
 */
struct lanes_flow {
	atomic64_t		key;
	u32			tail;
	u16			used;
	u16			moved;
};

/* Count @nr more of LANES_MIB_* @mib, for a listener and for its namespace. */
static inline void lanes_count_listener(const struct lanes_listener *l, int mib,
					unsigned int nr)
{
	this_cpu_add(l->stats->mibs[mib], nr);
	this_cpu_add(l->ln->mib->mibs[mib], nr);
}

/* The queues. */

static inline struct request_sock_queue *lanes_queue(const struct sock *sk)
{
	return (struct request_sock_queue *)&inet_csk(sk)->icsk_accept_queue;
}

/* Lockless: pairs with the WRITE_ONCE() of whoever adds or removes. */
static inline bool lanes_queue_empty(const struct sock *sk)
{
	return reqsk_queue_empty(lanes_queue(sk));
}

/* In a stamp: only its own CPU may take it, see lanes_top_ready(). */
#define LANES_RESERVED		1U

static inline bool lanes_reserved(const struct request_sock *req)
{
	return READ_ONCE(tcp_rsk(req)->last_oow_ack_time) & LANES_RESERVED;
}

/* Not below 0: the lane's clock may have been put back since the stamp. */
static inline u32 lanes_age(const struct request_sock *req, u32 clock)
{
	u32 stamp = READ_ONCE(tcp_rsk(req)->last_oow_ack_time);
	s32 age = clock - (stamp & ~LANES_RESERVED);

	return max(age, 0);
}

void lanes_queue_birth(const struct request_sock *req, const struct sock *child,
		       u32 clock, bool reserved);
void lanes_lane_ready(struct sock *sk);
void lanes_top_ready(struct sock *sk);
void lanes_lane_tick(struct timer_list *timer);
void lanes_global_tick(struct timer_list *timer);
void lanes_spill_all(struct lanes_listener *l);

/*
 * How many connections wait in a lane. Its sk_ack_backlog is one more, so that
 * a limit of 0 makes the bottom half full even while its queue is empty: then
 * the stock code refuses what comes, its way.
 */
static inline u32 lanes_length(const struct lanes_lane *lane)
{
	return READ_ONCE(lane->sk->sk_ack_backlog) - 1;
}

/*
 * How long ago a connection's handshake ended, in microseconds. The stock code
 * notes it in the child and touches it again when data is read, so that it is
 * there for nothing until somebody has accepted the child; 0 if the softirq
 * that made the child is not that far.
 */
static inline u64 lanes_waited_us(const struct sock *child)
{
	u64 since = READ_ONCE(tcp_sk(child)->rcvq_space.time);
	u64 now = tcp_clock_us();

	return since && since < now ? now - since : 0;
}

/* The time in jiffies as @lane's CPU has seen it pass. */
static inline u32 lanes_clock(const struct lanes_lane *lane)
{
	return tcp_jiffies32 - READ_ONCE(lane->skew);
}

/* What an acceptor takes. */
bool lanes_available(struct lanes_listener *l, const struct lanes_lane *own);
int lanes_take(struct lanes_listener *l, struct lanes_lane *own,
	       struct socket *newsock, struct proto_accept_arg *arg);

/* Wake-ups. */
void lanes_wake(wait_queue_head_t *wq);
void lanes_wake_global(struct lanes_listener *l);
void lanes_wake_all(struct lanes_listener *l, __poll_t key);

/* The backlog. */
bool lanes_full(struct lanes_listener *l, const struct lanes_lane *lane);
bool lanes_admits(struct lanes_lane *lane);
void lanes_backlog_note(struct lanes_listener *l);
void lanes_backlog(struct lanes_listener *l);

/* Who waits. */
struct lanes_lane *lanes_own(struct lanes_listener *l);
void lanes_come(struct lanes_lane *lane, bool waits);
bool lanes_claimed(struct lanes_lane *lane);
bool lanes_idle(struct lanes_lane *lane);
void lanes_forget(struct lanes_lane *lane);

/* A listener. */
struct lanes_listener *lanes_get(const struct sock *sk);
void lanes_put(struct lanes_listener *l);
int lanes_attach(struct sock *sk);
void lanes_lane_release(struct lanes_lane *lane);
void lanes_free(struct lanes_listener *l);
void lanes_listener_init(void);

/* Its end. */
int lanes_detach(struct socket *sock);
void lanes_close(struct socket *sock);
void lanes_lose(struct lanes_listener *l);
void lanes_lost(struct work_struct *work);
void lanes_reap(struct work_struct *work);
int lanes_detach_init(void);
void lanes_detach_exit(void);

/* Options. */
bool lanes_plain(const struct sock *sk);
int lanes_options_copy(struct lanes_lane *lane);
int lanes_options_changed(struct lanes_listener *l);
void lanes_options_syn(struct lanes_lane *lane);
void lanes_options_socket(const struct sock *from, struct sock *to);

/* What it tells. */
int lanes_info_option(struct lanes_listener *l, int name, char __user *val,
		      int __user *lenp);
int lanes_proc_enter(struct net *net);
void lanes_proc_leave(struct net *net);

/* Operations. */
const struct proto_ops *lanes_ops_stock(const struct sock *sk);
const struct proto_ops *lanes_ops_ours(const struct sock *sk);
void lanes_ops_child(struct sock *sk);
void lanes_ops_stock_ready(struct sock *sk);
void lanes_ops_top(struct sock *sk);
bool lanes_ops_supported(const struct sock *sk);
int lanes_ops_init(void);

/* ULP. */
extern struct tcp_ulp_ops lanes_ulp;
extern struct tcp_ulp_ops lanes_lane_ulp;

/* Demux. */
struct lanes_lane *lanes_lookup(const struct net *net, u16 port,
				const struct sock *top);
bool lanes_demux_wants(const struct sock *sk);
void lanes_demux_add(struct lanes_listener *l);
void lanes_demux_del(struct lanes_listener *l);
int lanes_demux_init(void);
void lanes_demux_exit(void);

/* The flow table. */
struct lanes_flow *lanes_flow_find(const struct lanes_net *ln, u32 hash,
				   union lanes_flow_key *key);
void lanes_flow_touch(struct lanes_flow *flow);
bool lanes_flow_rests(const struct lanes_flow *flow);
void lanes_flow_moved(struct lanes_flow *flow);
void lanes_flow_record(struct lanes_net *ln, u32 hash,
		       enum lanes_flow_state state);
void lanes_flow_end(const struct lanes_net *ln, u32 hash);
int lanes_flows_resize(struct lanes_net *ln, unsigned int entries);

/* Steering. */
bool lanes_steer_follow(struct lanes_net *ln, u32 hash, bool accepted);
int lanes_steer_init(void);
void lanes_steer_exit(void);

/* The established cache. */
void lanes_cache_insert(struct lanes_net *ln, struct sock *sk);
void lanes_cache_drop(struct lanes_net *ln, struct sock *sk);
void lanes_cache_cpu_dead(unsigned int cpu);
int lanes_cache_resize(struct lanes_net *ln, unsigned int entries);

/* Consumers. */
void lanes_consumer(struct lanes_net *ln, struct sock *sk, bool accepted);

/* Hooks. */
int lanes_hooks_register(struct net *net);
void lanes_hooks_unregister(struct net *net);

/* CPU hotplug. */
int lanes_hotplug_init(void);
void lanes_hotplug_exit(void);

/* Namespaces. */
extern struct mutex lanes_mutex;
struct lanes_net *lanes_net(const struct net *net);
int lanes_net_attach(struct net *net);
void lanes_net_show(struct lanes_listener *l);
void lanes_net_detach(struct lanes_listener *l);
int lanes_net_init(void);
void lanes_net_exit(void);

#endif /* _LANES_H */
