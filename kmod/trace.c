// SPDX-License-Identifier: GPL-2.0-only
/* The tracepoints' code. */
#include "address.h"
#include "packet.h"

static void lanes_address_packet(union lanes_address *local,
				 union lanes_address *peer,
				 const struct lanes_packet *p)
{
	const struct sk_buff *skb = p->skb;

	if (p->ipv6) {
		lanes_address_set(local, true, &ipv6_hdr(skb)->daddr,
				  p->th->dest);
		lanes_address_set(peer, true, &ipv6_hdr(skb)->saddr,
				  p->th->source);
	} else {
		lanes_address_set(local, false, &ip_hdr(skb)->daddr,
				  p->th->dest);
		lanes_address_set(peer, false, &ip_hdr(skb)->saddr,
				  p->th->source);
	}
}

#define CREATE_TRACE_POINTS
#include "trace.h"
