/* SPDX-License-Identifier: GPL-2.0-only */
/* Addresses and ports for who looks at us: as %pISpc prints them. */
#ifndef _LANES_ADDRESS_H
#define _LANES_ADDRESS_H

#include <linux/in6.h>
#include <linux/string.h>
#include <net/sock.h>

/**
 * union lanes_address - an address and a port
 * @any: the family
 * @ipv4: if that is AF_INET
 * @ipv6: if that is AF_INET6
 */
union lanes_address {
	struct sockaddr		any;
	struct sockaddr_in	ipv4;
	struct sockaddr_in6	ipv6;
};

static inline void lanes_address_set(union lanes_address *to, bool ipv6,
				     const void *addr, __be16 port)
{
	memset(to, 0, sizeof(*to));
	if (ipv6) {
		to->ipv6.sin6_family = AF_INET6;
		to->ipv6.sin6_port = port;
		memcpy(&to->ipv6.sin6_addr, addr, sizeof(to->ipv6.sin6_addr));
	} else {
		to->ipv4.sin_family = AF_INET;
		to->ipv4.sin_port = port;
		memcpy(&to->ipv4.sin_addr, addr, sizeof(to->ipv4.sin_addr));
	}
}

/* What a TCP socket is bound to. */
static inline void lanes_address_local(union lanes_address *to,
				       const struct sock *sk)
{
	__be16 port = htons(READ_ONCE(sk->sk_num));

#if IS_ENABLED(CONFIG_IPV6)
	if (sk->sk_family == AF_INET6) {
		lanes_address_set(to, true, &sk->sk_v6_rcv_saddr, port);
		return;
	}
#endif
	lanes_address_set(to, false, &sk->sk_rcv_saddr, port);
}

/* What a child is connected to. */
static inline void lanes_address_peer(union lanes_address *to,
				      const struct sock *sk)
{
#if IS_ENABLED(CONFIG_IPV6)
	if (sk->sk_family == AF_INET6) {
		lanes_address_set(to, true, &sk->sk_v6_daddr, sk->sk_dport);
		return;
	}
#endif
	lanes_address_set(to, false, &sk->sk_daddr, sk->sk_dport);
}

#endif /* _LANES_ADDRESS_H */
