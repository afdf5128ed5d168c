// SPDX-License-Identifier: GPL-2.0-only
/*
 * Network namespaces: the sysctl defaults of each.
 */
#include <linux/slab.h>
#include <net/netns/generic.h>

#include "lanes.h"

static unsigned int lanes_net_id __read_mostly;
static unsigned int lanes_spill_ms_min = 1;
static unsigned int lanes_spill_ms_max = LANES_SPILL_MS_MAX;

/* Ends with an empty entry, see lanes_register_net_sysctl(). */
static const struct ctl_table lanes_sysctls[] = {
	{
		.procname	= "spill_ms",
		.maxlen		= sizeof(unsigned int),
		.mode		= 0644,
		.proc_handler	= proc_douintvec_minmax,
		.extra1		= &lanes_spill_ms_min,
		.extra2		= &lanes_spill_ms_max,
	},
	{}
};

/**
 * lanes_net() - what we know of a network namespace
 * @net: network namespace
 */
struct lanes_net *lanes_net(const struct net *net)
{
	return net_generic(net, lanes_net_id);
}

static int __net_init lanes_net_enter(struct net *net)
{
	struct lanes_net *ln = lanes_net(net);

	ln->spill_ms = LANES_SPILL_MS_DEFAULT;
	ln->table = kmemdup(lanes_sysctls, sizeof(lanes_sysctls), GFP_KERNEL);
	if (!ln->table)
		return -ENOMEM;
	ln->table[0].data = &ln->spill_ms;
	ln->sysctl = lanes_register_net_sysctl(net, "net/lanes", ln->table);
	if (!ln->sysctl) {
		kfree(ln->table);
		return -ENOMEM;
	}
	return 0;
}

static void __net_exit lanes_net_leave(struct net *net)
{
	struct lanes_net *ln = lanes_net(net);

	/* Each listener and each of its lanes holds the namespace. */
	WARN_ON_ONCE(ln->listeners);
	unregister_net_sysctl_table(ln->sysctl);
	kfree(ln->table);
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
