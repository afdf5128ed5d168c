// SPDX-License-Identifier: GPL-2.0-only
/* Lists the TCP sockets of the reader's network namespace. */
#include "vmlinux.h"

#include "lanefair.h"
#include "shared/flow.bpf.h"

SEC("iter/tcp")
int list(struct bpf_iter__tcp *ctx)
{
	struct sock_common *common = ctx->sk_common;
	struct fair_socket s = {};
	struct tcp_sock *tp;
	__u8 state;

	if (!common)
		return 0;
	state = common->skc_state;
	if (state != TCP_ESTABLISHED && state != TCP_CLOSE_WAIT && state != TCP_LISTEN)
		return 0;
	tp = bpf_skc_to_tcp_sock(common);
	if (!tp || !flow_of_sock(&s.key, (struct sock *)tp))
		return 0;
	s.cookie = bpf_get_socket_cookie(tp);
	s.listens = state == TCP_LISTEN;
	if (!s.listens) {
		s.received = BPF_CORE_READ(tp, bytes_received);
		s.acked = BPF_CORE_READ(tp, bytes_acked);
		s.unread = BPF_CORE_READ(tp, rcv_nxt) - BPF_CORE_READ(tp, copied_seq);
		/* The FIN counts as a byte that came, and until it is read. */
		if (state == TCP_CLOSE_WAIT) {
			s.received--;
			if (s.unread)
				s.unread--;
		}
		s.cpu = common->skc_incoming_cpu;
	}
	bpf_seq_write(ctx->meta->seq, &s, sizeof(s));
	return 0;
}

char LICENSE[] SEC("license") = "GPL";
