/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Why something happened to a connection: the codes in trace records. Their
 * values are stable, new ones come at the end.
 */
#ifndef _LANES_REASON_H
#define _LANES_REASON_H

/* Why a connection is in the accept queue that it is in. */
enum lanes_why {
	/* Its lane: */
	LANES_WHY_CLAIMED,	/* an acceptor will come for it */
	LANES_WHY_PULLED,	/* likewise; it was born on the top half */
	LANES_WHY_BUSY,		/* a task takes from it: until the next tick */
	/* The global queue, from birth: */
	LANES_WHY_UNCLAIMED,	/* no acceptor will come to the lane */
	LANES_WHY_STALLED,	/* the lane's has not come in time lately */
	LANES_WHY_MISSED,	/* born on the top half, could not be pulled */
	LANES_WHY_DETACH,	/* the listener is being detached */
	/* The global queue, after a wait in the lane; or DETACH: */
	LANES_WHY_LATE,		/* spill_ms have passed */
	LANES_WHY_LEFT,		/* the lane's acceptor died, stopped or left */
};

/* Whose queue a connection was accepted from, as LANES_MIB_ACCEPTED_*. */
enum lanes_from {
	LANES_FROM_LOCAL,	/* the acceptor's own lane */
	LANES_FROM_GLOBAL,
	LANES_FROM_STOLEN,	/* another CPU's lane */
};

/* Why a SYN gets no lane, as LANES_MIB_FALLBACK_*. */
enum lanes_fallback {
	LANES_FALLBACK_OTHER,
	LANES_FALLBACK_GUARDED,
	LANES_FALLBACK_FAST_OPEN,
	LANES_FALLBACK_TIME_WAIT,
	LANES_FALLBACK_ASSIGNED,
};

/* What steering does with a packet, as LANES_MIB_STEER_*. */
enum lanes_steered {
	LANES_STEERED_BEHIND,
	LANES_STEERED_HANDED_OVER,
	LANES_STEERED_DRAINED,
	LANES_STEERED_DROPPED,
	LANES_STEERED_OFFLINE,
};

/* What ended a listener's attachment. */
enum lanes_end {
	LANES_END_OPTION,	/* LANES_DETACH */
	LANES_END_STATE,	/* it left LISTEN */
	LANES_END_CLOSE,
};

#endif /* _LANES_REASON_H */
