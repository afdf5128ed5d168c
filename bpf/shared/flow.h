/* SPDX-License-Identifier: GPL-2.0-only */
/* What BPF programs and tools share of a connection; in C and C++. */
#ifndef LANES_BPF_FLOW_H
#define LANES_BPF_FLOW_H

#ifndef __VMLINUX_H__
#include <linux/types.h>
#endif

#define FLOW_COMM 16

/* An address and a port in network order. IPv4 is mapped into IPv6, so that a
 * connection to a dual-stack listener has one name.
 */
struct flow_end {
	__u8 address[16];
	__be16 port;
};

struct flow_key {
	struct flow_end local;
	struct flow_end peer;
};

#endif
