// SPDX-License-Identifier: GPL-2.0-only
/*
 * /proc/net/lanes: a line for each listener and CPU.
 *
 * A position is made of the listener's id and the CPU, not counted, so that a
 * reader who comes back meets each line of a listener that stayed exactly once,
 * whatever was attached and detached meanwhile.
 */
#include <linux/proc_fs.h>
#include <linux/seq_file.h>

#include "address.h"
#include "lanes.h"

static loff_t lanes_proc_pos(const struct lanes_lane *lane)
{
	return 1 + ((lane->listener->id << LANES_FLOW_CPU_BITS) | lane->cpu);
}

static struct lanes_net *lanes_proc_net(struct seq_file *seq)
{
	return lanes_net(seq_file_net(seq));
}

/* The first line at @pos or behind. */
static struct lanes_lane *lanes_proc_find(struct lanes_net *ln, loff_t pos)
{
	struct lanes_listener *l;
	int cpu;

	list_for_each_entry_rcu(l, &ln->list, node)
		for_each_possible_cpu(cpu)
			if (lanes_proc_pos(l->lane[cpu]) >= pos)
				return l->lane[cpu];
	return NULL;
}

/* The line behind one; its listener may have left the list since. */
static struct lanes_lane *lanes_proc_after(struct lanes_net *ln,
					   const struct lanes_lane *lane)
{
	struct lanes_listener *l = lane->listener;
	unsigned int cpu = cpumask_next(lane->cpu, cpu_possible_mask);

	if (cpu < nr_cpu_ids)
		return l->lane[cpu];
	list_for_each_entry_continue_rcu(l, &ln->list, node)
		return l->lane[cpumask_first(cpu_possible_mask)];
	return NULL;
}

static void *lanes_proc_start(struct seq_file *seq, loff_t *pos)
	__acquires(RCU)
{
	rcu_read_lock();
	return *pos ? (void *)lanes_proc_find(lanes_proc_net(seq), *pos) :
		      SEQ_START_TOKEN;
}

static void *lanes_proc_next(struct seq_file *seq, void *v, loff_t *pos)
{
	struct lanes_net *ln = lanes_proc_net(seq);
	struct lanes_lane *lane;

	lane = v == SEQ_START_TOKEN ? lanes_proc_find(ln, 1) :
				      lanes_proc_after(ln, v);
	*pos = lane ? lanes_proc_pos(lane) : *pos + 1;
	return lane;
}

static void lanes_proc_stop(struct seq_file *seq, void *v)
	__releases(RCU)
{
	rcu_read_unlock();
}

/* The columns that are LANES_MIB_*. */
static const struct {
	const char *name;
	int mib;
} lanes_proc_column[] = {
	{ "local",	 LANES_MIB_ACCEPTED_LOCAL },
	{ "global",	 LANES_MIB_ACCEPTED_GLOBAL },
	{ "stolen",	 LANES_MIB_ACCEPTED_STOLEN },
	{ "spilled",	 LANES_MIB_SPILLED },
	{ "pulled_down", LANES_MIB_PULLED_DOWN },
	{ "overflow",	 LANES_MIB_OVERFLOW },
};

static void lanes_proc_head(struct seq_file *seq)
{
	int i;

	seq_puts(seq, "address inode cpu queued claimed");
	for (i = 0; i < ARRAY_SIZE(lanes_proc_column); i++)
		seq_printf(seq, " %s", lanes_proc_column[i].name);
	seq_puts(seq, " wait_us wait_sum_us\n");
}

static void lanes_proc_lane(struct seq_file *seq, struct lanes_lane *lane)
{
	const struct lanes_listener *l = lane->listener;
	const struct lanes_stats *stats = per_cpu_ptr(l->stats, lane->cpu);
	union lanes_address address;
	int i;

	lanes_address_local(&address, lane->sk);
	seq_printf(seq, "%pISpc %llu %d %u %d", &address.any,
		   (u64)sock_i_ino(l->top), lane->cpu, lanes_length(lane),
		   lanes_claimed(lane));
	/* Lockless: each CPU adds to its own by this_cpu_add(). */
	for (i = 0; i < ARRAY_SIZE(lanes_proc_column); i++)
		seq_printf(seq, " %llu",
			   READ_ONCE(stats->mibs[lanes_proc_column[i].mib]));
	for (i = 0; i < LANES_WAIT_SLOTS; i++)
		seq_printf(seq, "%c%llu", i ? ',' : ' ',
			   READ_ONCE(stats->wait[i]));
	seq_printf(seq, " %llu\n", READ_ONCE(stats->wait_sum_us));
}

static int lanes_proc_show(struct seq_file *seq, void *v)
{
	if (v == SEQ_START_TOKEN)
		lanes_proc_head(seq);
	else
		lanes_proc_lane(seq, v);
	return 0;
}

static const struct seq_operations lanes_proc_ops = {
	.start	= lanes_proc_start,
	.next	= lanes_proc_next,
	.stop	= lanes_proc_stop,
	.show	= lanes_proc_show,
};

/**
 * lanes_proc_enter() - make a namespace's list of lanes
 * @net: network namespace
 *
 * Context: process context.
 * Return: 0 or -ENOMEM.
 */
int lanes_proc_enter(struct net *net)
{
	return proc_create_net("lanes", 0444, net->proc_net, &lanes_proc_ops,
			       sizeof(struct seq_net_private)) ? 0 : -ENOMEM;
}

/**
 * lanes_proc_leave() - undo lanes_proc_enter()
 * @net: network namespace
 *
 * Context: process context.
 */
void lanes_proc_leave(struct net *net)
{
	remove_proc_entry("lanes", net->proc_net);
}
