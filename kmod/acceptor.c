// SPDX-License-Identifier: GPL-2.0-only
/*
 * Who waits: which tasks accept on a lane, and whether they will come.
 *
 * A task counts as a lane's acceptor once it has slept in accept or armed a
 * poll while bound to the lane's CPU. It stays one, however busy, while it
 * lives, runs or sleeps there; not while it is stopped, traced, dying or
 * bound elsewhere. How long ago it came is no criterion here: the age of the
 * connections is, see lanes_lane_tick().
 */
#include <linux/pid.h>
#include <linux/sched.h>

#include "lanes.h"

/**
 * lanes_own() - the lane of the calling task
 * @l: listener; the caller is a user of it
 *
 * Return: the lane of the CPU that the caller is bound to, NULL if it may run
 * on several.
 */
struct lanes_lane *lanes_own(struct lanes_listener *l)
{
	if (current->nr_cpus_allowed != 1)
		return NULL;
	return l->lane[raw_smp_processor_id()];
}

static bool lanes_known(const struct lanes_lane *lane, const struct pid *pid)
{
	int i;

	/* Only compared: an entry that is our own pid cannot be stale, we
	 * live. Pairs with the WRITE_ONCE() in lanes_come().
	 */
	for (i = 0; i < LANES_NR_ACCEPTORS; i++)
		if (READ_ONCE(lane->acceptor[i]) == pid)
			return true;
	return false;
}

static bool lanes_task_comes(const struct task_struct *task, int cpu)
{
	return !(READ_ONCE(task->flags) & PF_EXITING) &&
	       READ_ONCE(task->nr_cpus_allowed) == 1 &&
	       cpumask_test_cpu(cpu, task->cpus_ptr) &&
	       !(READ_ONCE(task->__state) & (__TASK_STOPPED | __TASK_TRACED));
}

/* The first acceptor of @lane that will come, of those that sleep if @asleep. */
static struct task_struct *lanes_find(struct lanes_lane *lane, bool asleep)
{
	struct task_struct *task;
	int i;

	lockdep_assert_held(&lane->lock);
	for (i = 0; i < LANES_NR_ACCEPTORS; i++) {
		task = pid_task(lane->acceptor[i], PIDTYPE_PID);
		if (task && lanes_task_comes(task, lane->cpu) &&
		    !(asleep && task_is_running(task)))
			return task;
	}
	return NULL;
}

/**
 * lanes_come() - the calling task accepts or polls on its own lane
 * @lane: from lanes_own()
 * @waits: it has armed a poll or may sleep in accept
 *
 * A call that neither sleeps nor arms anything says little about the next
 * one, so it makes nobody an acceptor, unless somebody polls the lane: then
 * the call is that poll's consequence.
 *
 * Context: process context, BHs on.
 */
void lanes_come(struct lanes_lane *lane, bool waits)
{
	struct pid *pid = task_pid(current), *old;
	struct task_struct *task;
	int i;

	if (READ_ONCE(lane->stalled))
		WRITE_ONCE(lane->stalled, false);
	/* A hint needs no barrier. */
	if (lanes_known(lane, pid) || !(waits || waitqueue_active(&lane->wq)))
		return;

	spin_lock_bh(&lane->lock);
	rcu_read_lock();
	for (i = 0; i < LANES_NR_ACCEPTORS; i++) {
		task = pid_task(lane->acceptor[i], PIDTYPE_PID);
		if (!task || !lanes_task_comes(task, lane->cpu))
			break;
	}
	rcu_read_unlock();
	if (i == LANES_NR_ACCEPTORS)
		i = lane->next++ % LANES_NR_ACCEPTORS;
	old = lane->acceptor[i];
	WRITE_ONCE(lane->acceptor[i], get_pid(pid));
	spin_unlock_bh(&lane->lock);
	put_pid(old);
}

static bool lanes_comes(struct lanes_lane *lane, bool asleep)
{
	bool comes;

	if (READ_ONCE(lane->stalled) || READ_ONCE(lane->listener->draining))
		return false;

	spin_lock_bh(&lane->lock);
	rcu_read_lock();
	comes = lanes_find(lane, asleep);
	rcu_read_unlock();
	spin_unlock_bh(&lane->lock);
	return comes;
}

/**
 * lanes_claimed() - will an acceptor come for what is queued on this lane?
 * @lane: any CPU's lane
 *
 * Context: any but hard interrupt.
 */
bool lanes_claimed(struct lanes_lane *lane)
{
	return lanes_comes(lane, false);
}

/**
 * lanes_idle() - is an acceptor of this lane asleep, with nothing to do?
 * @lane: any CPU's lane
 *
 * Context: any but hard interrupt.
 */
bool lanes_idle(struct lanes_lane *lane)
{
	return lanes_comes(lane, true);
}

/**
 * lanes_forget() - drop the references to a lane's acceptors
 * @lane: nobody else uses it any more
 */
void lanes_forget(struct lanes_lane *lane)
{
	int i;

	for (i = 0; i < LANES_NR_ACCEPTORS; i++)
		put_pid(lane->acceptor[i]);
}
