/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Tracepoints; Documentation/observing.rst says what they mean.
 *
 * A lane is named by its CPU, and -1 is the global accept queue. Strings are
 * avoided, since kernels differ in how they are assigned.
 */
#undef TRACE_SYSTEM
#define TRACE_SYSTEM lanes

#if !defined(_LANES_TRACE_H) || defined(TRACE_HEADER_MULTI_READ)
#define _LANES_TRACE_H

#include <linux/tracepoint.h>

#include "address.h"
#include "reason.h"

struct lanes_packet;

TRACE_DEFINE_ENUM(LANES_WHY_CLAIMED);
TRACE_DEFINE_ENUM(LANES_WHY_PULLED);
TRACE_DEFINE_ENUM(LANES_WHY_BUSY);
TRACE_DEFINE_ENUM(LANES_WHY_UNCLAIMED);
TRACE_DEFINE_ENUM(LANES_WHY_STALLED);
TRACE_DEFINE_ENUM(LANES_WHY_MISSED);
TRACE_DEFINE_ENUM(LANES_WHY_DETACH);
TRACE_DEFINE_ENUM(LANES_WHY_LATE);
TRACE_DEFINE_ENUM(LANES_WHY_LEFT);
TRACE_DEFINE_ENUM(LANES_FROM_LOCAL);
TRACE_DEFINE_ENUM(LANES_FROM_GLOBAL);
TRACE_DEFINE_ENUM(LANES_FROM_STOLEN);
TRACE_DEFINE_ENUM(LANES_FALLBACK_OTHER);
TRACE_DEFINE_ENUM(LANES_FALLBACK_GUARDED);
TRACE_DEFINE_ENUM(LANES_FALLBACK_FAST_OPEN);
TRACE_DEFINE_ENUM(LANES_FALLBACK_TIME_WAIT);
TRACE_DEFINE_ENUM(LANES_FALLBACK_ASSIGNED);
TRACE_DEFINE_ENUM(LANES_STEERED_BEHIND);
TRACE_DEFINE_ENUM(LANES_STEERED_HANDED_OVER);
TRACE_DEFINE_ENUM(LANES_STEERED_DRAINED);
TRACE_DEFINE_ENUM(LANES_STEERED_DROPPED);
TRACE_DEFINE_ENUM(LANES_STEERED_OFFLINE);
TRACE_DEFINE_ENUM(LANES_END_OPTION);
TRACE_DEFINE_ENUM(LANES_END_STATE);
TRACE_DEFINE_ENUM(LANES_END_CLOSE);

#define lanes_show_why(why)						\
	__print_symbolic(why,						\
			 { LANES_WHY_CLAIMED,	"claimed" },		\
			 { LANES_WHY_PULLED,	"pulled" },		\
			 { LANES_WHY_BUSY,	"busy" },		\
			 { LANES_WHY_UNCLAIMED,	"unclaimed" },		\
			 { LANES_WHY_STALLED,	"stalled" },		\
			 { LANES_WHY_MISSED,	"missed" },		\
			 { LANES_WHY_DETACH,	"detach" },		\
			 { LANES_WHY_LATE,	"late" },		\
			 { LANES_WHY_LEFT,	"left" })

#define lanes_show_from(from)						\
	__print_symbolic(from,						\
			 { LANES_FROM_LOCAL,	"local" },		\
			 { LANES_FROM_GLOBAL,	"global" },		\
			 { LANES_FROM_STOLEN,	"stolen" })

#define lanes_show_fallback(why)					\
	__print_symbolic(why,						\
			 { LANES_FALLBACK_OTHER,     "other" },		\
			 { LANES_FALLBACK_GUARDED,   "guarded" },	\
			 { LANES_FALLBACK_FAST_OPEN, "fast_open" },	\
			 { LANES_FALLBACK_TIME_WAIT, "time_wait" },	\
			 { LANES_FALLBACK_ASSIGNED,  "assigned" })

#define lanes_show_steered(what)					\
	__print_symbolic(what,						\
			 { LANES_STEERED_BEHIND,      "behind" },	\
			 { LANES_STEERED_HANDED_OVER, "handed_over" },	\
			 { LANES_STEERED_DRAINED,     "drained" },	\
			 { LANES_STEERED_DROPPED,     "dropped" },	\
			 { LANES_STEERED_OFFLINE,     "offline" })

#define lanes_show_end(why)						\
	__print_symbolic(why,						\
			 { LANES_END_OPTION,	"option" },		\
			 { LANES_END_STATE,	"state" },		\
			 { LANES_END_CLOSE,	"close" })

TRACE_EVENT(lanes_attach,
	    TP_PROTO(const struct sock *sk),
	    TP_ARGS(sk),
	    TP_STRUCT__entry(__array(__u8, local, sizeof(union lanes_address))),
	    TP_fast_assign(lanes_address_local((void *)__entry->local, sk);),
	    TP_printk("local=%pISpc", __entry->local));

TRACE_EVENT(lanes_detach,
	    TP_PROTO(const struct sock *sk, enum lanes_end why),
	    TP_ARGS(sk, why),
	    TP_STRUCT__entry(__array(__u8, local, sizeof(union lanes_address))
			     __field(int, why)),
	    TP_fast_assign(lanes_address_local((void *)__entry->local, sk);
			   __entry->why = why;),
	    TP_printk("local=%pISpc why=%s", __entry->local,
		      lanes_show_end(__entry->why)));

/* lanes_enqueue: where a new connection is put. lanes_spill: which lane it is
 * taken from.
 */
DECLARE_EVENT_CLASS(lanes_queued,
		    TP_PROTO(const struct sock *child, int lane, enum lanes_why why),
		    TP_ARGS(child, lane, why),
		    TP_STRUCT__entry(__array(__u8, local, sizeof(union lanes_address))
				     __array(__u8, peer, sizeof(union lanes_address))
				     __field(int, lane)
				     __field(int, why)
				     __field(u64, waited_us)),
		    TP_fast_assign(lanes_address_local((void *)__entry->local, child);
				   lanes_address_peer((void *)__entry->peer, child);
				   __entry->lane = lane;
				   __entry->why = why;
				   __entry->waited_us = lanes_waited_us(child);),
		    TP_printk("local=%pISpc peer=%pISpc lane=%d why=%s waited_us=%llu",
			      __entry->local, __entry->peer, __entry->lane,
			      lanes_show_why(__entry->why), __entry->waited_us));

DEFINE_EVENT(lanes_queued, lanes_enqueue,
	     TP_PROTO(const struct sock *child, int lane, enum lanes_why why),
	     TP_ARGS(child, lane, why));

DEFINE_EVENT(lanes_queued, lanes_spill,
	     TP_PROTO(const struct sock *child, int lane, enum lanes_why why),
	     TP_ARGS(child, lane, why));

TRACE_EVENT(lanes_accept,
	    TP_PROTO(const struct sock *child, enum lanes_from from, int lane,
		     u64 waited_us),
	    TP_ARGS(child, from, lane, waited_us),
	    TP_STRUCT__entry(__array(__u8, local, sizeof(union lanes_address))
			     __array(__u8, peer, sizeof(union lanes_address))
			     __field(int, from)
			     __field(int, lane)
			     __field(int, cpu)
			     __field(int, rx_cpu)
			     __field(u64, waited_us)),
	    TP_fast_assign(lanes_address_local((void *)__entry->local, child);
			   lanes_address_peer((void *)__entry->peer, child);
			   __entry->from = from;
			   __entry->lane = lane;
			   __entry->cpu = raw_smp_processor_id();
			   __entry->rx_cpu = READ_ONCE(child->sk_incoming_cpu);
			   __entry->waited_us = waited_us;),
	    TP_printk("local=%pISpc peer=%pISpc from=%s lane=%d cpu=%d rx_cpu=%d waited_us=%llu",
		      __entry->local, __entry->peer,
		      lanes_show_from(__entry->from), __entry->lane, __entry->cpu,
		      __entry->rx_cpu, __entry->waited_us));

TRACE_EVENT(lanes_steer,
	    TP_PROTO(const struct lanes_packet *p, enum lanes_steered what, int to),
	    TP_ARGS(p, what, to),
	    TP_STRUCT__entry(__array(__u8, local, sizeof(union lanes_address))
			     __array(__u8, peer, sizeof(union lanes_address))
			     __field(int, what)
			     __field(int, from)
			     __field(int, to)),
	    TP_fast_assign(lanes_address_packet((void *)__entry->local,
						(void *)__entry->peer, p);
			   __entry->what = what;
			   __entry->from = smp_processor_id();
			   __entry->to = to;),
	    TP_printk("local=%pISpc peer=%pISpc what=%s from=%d to=%d",
		      __entry->local, __entry->peer,
		      lanes_show_steered(__entry->what), __entry->from,
		      __entry->to));

TRACE_EVENT(lanes_fallback,
	    TP_PROTO(const struct lanes_packet *p, enum lanes_fallback why),
	    TP_ARGS(p, why),
	    TP_STRUCT__entry(__array(__u8, local, sizeof(union lanes_address))
			     __array(__u8, peer, sizeof(union lanes_address))
			     __field(int, why)),
	    TP_fast_assign(lanes_address_packet((void *)__entry->local,
						(void *)__entry->peer, p);
			   __entry->why = why;),
	    TP_printk("local=%pISpc peer=%pISpc why=%s", __entry->local,
		      __entry->peer, lanes_show_fallback(__entry->why)));

TRACE_EVENT(lanes_overflow,
	    TP_PROTO(const struct lanes_packet *p, int lane, u32 backlog),
	    TP_ARGS(p, lane, backlog),
	    TP_STRUCT__entry(__array(__u8, local, sizeof(union lanes_address))
			     __array(__u8, peer, sizeof(union lanes_address))
			     __field(int, lane)
			     __field(u32, backlog)),
	    TP_fast_assign(lanes_address_packet((void *)__entry->local,
						(void *)__entry->peer, p);
			   __entry->lane = lane;
			   __entry->backlog = backlog;),
	    TP_printk("local=%pISpc peer=%pISpc lane=%d backlog=%u",
		      __entry->local, __entry->peer, __entry->lane,
		      __entry->backlog));

#endif /* _LANES_TRACE_H */

#undef TRACE_INCLUDE_PATH
#define TRACE_INCLUDE_PATH .
#undef TRACE_INCLUDE_FILE
#define TRACE_INCLUDE_FILE trace
#include <trace/define_trace.h>
