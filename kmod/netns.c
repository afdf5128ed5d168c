// SPDX-License-Identifier: GPL-2.0-only
/*
 * Network namespaces: the sysctls of each, and what it has while a listener is
 * attached in it.
 */
#include <linux/slab.h>
#include <net/netns/generic.h>

#include "lanes.h"

/* Of a table that is not off. */
#define LANES_ENTRIES_MIN	16

static unsigned int lanes_net_id __read_mostly;
static unsigned int lanes_one = 1;
static unsigned int lanes_spill_ms_max = LANES_SPILL_MS_MAX;
static unsigned int lanes_steer_max = LANES_STEER_DATA;
static unsigned int lanes_steer_backlog_max = 1000000;

DEFINE_MUTEX(lanes_mutex); /* see lanes.h */

/**
 * struct lanes_size - the size of a table, a sysctl
 * @min: entries at the least
 * @max: at the most
 * @offset: of the sysctl's value in struct lanes_net
 * @resize: makes the table of a namespace that has listeners
 */
struct lanes_size {
	unsigned int min;
	unsigned int max;
	size_t offset;
	int (*resize)(struct lanes_net *ln, unsigned int entries);
};

/* ctl_table.extra1 points to @min. */
static struct lanes_size lanes_flow_size = {
	256, BIT(22), offsetof(struct lanes_net, flow_entries),
	lanes_flows_resize,
};

static struct lanes_size lanes_cache_size = {
	0, BIT(16), offsetof(struct lanes_net, cache_entries),
	lanes_cache_resize,
};

/* The number of entries of a table, which is there while listeners are. */
static int lanes_entries(lanes_ctl_table *table, int write, void *buffer,
			 size_t *lenp, loff_t *ppos)
{
	struct lanes_size *size = container_of((unsigned int *)table->extra1,
					       struct lanes_size, min);
	struct lanes_net *ln = table->data - size->offset;
	unsigned int *entries = table->data, wanted = READ_ONCE(*entries);
	struct ctl_table copy = *table;
	int err;

	copy.data = &wanted;
	err = proc_douintvec_minmax(&copy, write, buffer, lenp, ppos);
	if (err || !write)
		return err;
	if (wanted && (!is_power_of_2(wanted) || wanted < LANES_ENTRIES_MIN))
		return -EINVAL;

	mutex_lock(&lanes_mutex);
	if (ln->listeners && wanted != *entries)
		err = size->resize(ln, wanted);
	if (!err)
		WRITE_ONCE(*entries, wanted);
	mutex_unlock(&lanes_mutex);
	return err;
}

#define LANES_SYSCTL(name, handler, min, max) {				\
	.procname	= #name,					\
	/* An offset until the namespace adds its address. */		\
	.data		= (void *)offsetof(struct lanes_net, name),	\
	.maxlen		= sizeof(unsigned int),				\
	.mode		= 0644,						\
	.proc_handler	= handler,					\
	.extra1		= min,						\
	.extra2		= max,						\
}

/* Ends with an empty entry, see lanes_register_net_sysctl(). */
static const struct ctl_table lanes_sysctls[] = {
	LANES_SYSCTL(spill_ms, proc_douintvec_minmax, &lanes_one,
		     &lanes_spill_ms_max),
	LANES_SYSCTL(steer, proc_douintvec_minmax, NULL, &lanes_steer_max),
	LANES_SYSCTL(steer_backlog, proc_douintvec_minmax, &lanes_one,
		     &lanes_steer_backlog_max),
	LANES_SYSCTL(flow_entries, lanes_entries, &lanes_flow_size.min,
		     &lanes_flow_size.max),
	LANES_SYSCTL(cache_entries, lanes_entries, &lanes_cache_size.min,
		     &lanes_cache_size.max),
	{}
};

#define LANES_NR_SYSCTLS (ARRAY_SIZE(lanes_sysctls) - 1)

/**
 * lanes_net() - what we know of a network namespace
 * @net: network namespace
 */
struct lanes_net *lanes_net(const struct net *net)
{
	return net_generic(net, lanes_net_id);
}

/* The first listener of a namespace. */
static int lanes_net_open(struct net *net)
{
	struct lanes_net *ln = lanes_net(net);
	int err;

	err = lanes_flows_resize(ln, ln->flow_entries);
	if (err)
		return err;
	err = lanes_cache_resize(ln, ln->cache_entries);
	if (err)
		goto err_flows;
	err = lanes_hooks_register(net);
	if (err)
		goto err_cache;
	return 0;

err_cache:
	lanes_cache_resize(ln, 0);
err_flows:
	lanes_flows_resize(ln, 0);
	return err;
}

/* The last one goes. */
static void lanes_net_close(struct net *net)
{
	struct lanes_net *ln = lanes_net(net);

	lanes_hooks_unregister(net);
	lanes_cache_resize(ln, 0);
	lanes_flows_resize(ln, 0);
}

/**
 * lanes_net_attach() - count a listener in
 * @net: its network namespace
 *
 * Context: process context.
 * Return: 0 or a negative errno.
 */
int lanes_net_attach(struct net *net)
{
	struct lanes_net *ln = lanes_net(net);
	int err = 0;

	mutex_lock(&lanes_mutex);
	if (!ln->listeners)
		err = lanes_net_open(net);
	if (!err)
		ln->listeners++;
	mutex_unlock(&lanes_mutex);
	return err;
}

/**
 * lanes_net_show() - let packets and readers find a listener that is counted in
 * @l: listener
 *
 * Context: process context.
 */
void lanes_net_show(struct lanes_listener *l)
{
	mutex_lock(&lanes_mutex);
	l->id = l->ln->next_id++;
	list_add_tail_rcu(&l->node, &l->ln->list);
	lanes_demux_add(l);
	mutex_unlock(&lanes_mutex);
}

/**
 * lanes_net_detach() - undo lanes_net_attach() and lanes_net_show()
 * @l: listener
 *
 * Context: process context. A packet may be on its way to a lane, and a reader
 * at the listener, until the next grace period.
 */
void lanes_net_detach(struct lanes_listener *l)
{
	struct net *net = sock_net(l->top);

	mutex_lock(&lanes_mutex);
	lanes_demux_del(l);
	list_del_rcu(&l->node);
	if (!--l->ln->listeners)
		lanes_net_close(net);
	mutex_unlock(&lanes_mutex);
}

static int __net_init lanes_net_enter(struct net *net)
{
	struct lanes_net *ln = lanes_net(net);
	unsigned int i;
	int err;

	INIT_LIST_HEAD(&ln->list);
	ln->spill_ms = LANES_SPILL_MS_DEFAULT;
	ln->steer = LANES_STEER_DATA;
	ln->steer_backlog = 1000;
	ln->flow_entries = 32768;
	ln->cache_entries = 1024;
	err = lanes_stats_enter(net);
	if (err)
		return err;
	err = lanes_proc_enter(net);
	if (err)
		goto err_stats;
	err = -ENOMEM;
	ln->table = kmemdup(lanes_sysctls, sizeof(lanes_sysctls), GFP_KERNEL);
	if (!ln->table)
		goto err_proc;
	for (i = 0; i < LANES_NR_SYSCTLS; i++)
		ln->table[i].data += (unsigned long)ln;
	ln->sysctl = lanes_register_net_sysctl(net, "net/lanes", ln->table,
					       LANES_NR_SYSCTLS);
	if (!ln->sysctl)
		goto err_table;
	return 0;

err_table:
	kfree(ln->table);
err_proc:
	lanes_proc_leave(net);
err_stats:
	lanes_stats_leave(net);
	return err;
}

static void __net_exit lanes_net_leave(struct net *net)
{
	struct lanes_net *ln = lanes_net(net);

	/* Each listener and each of its lanes holds the namespace. */
	WARN_ON_ONCE(ln->listeners);
	unregister_net_sysctl_table(ln->sysctl);
	kfree(ln->table);
	lanes_proc_leave(net);
	lanes_stats_leave(net);
}

static struct pernet_operations lanes_net_ops = {
	.init	= lanes_net_enter,
	.exit	= lanes_net_leave,
	.id	= &lanes_net_id,
	.size	= sizeof(struct lanes_net),
};

/**
 * lanes_net_init() - enter every network namespace
 *
 * Return: 0 or a negative errno.
 */
int __init lanes_net_init(void)
{
	return register_pernet_subsys(&lanes_net_ops);
}

/**
 * lanes_net_exit() - leave every network namespace
 */
void lanes_net_exit(void)
{
	unregister_pernet_subsys(&lanes_net_ops);
}
