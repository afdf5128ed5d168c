// SPDX-License-Identifier: GPL-2.0-only
/*
 * The operations of an attached listening socket, as its struct proto_ops
 * gives them to accept(2), poll(2), epoll, select(2) and io_uring.
 *
 * Everything not named here is the stock operation. There is one table per
 * address family, not one per listener: do_accept() may sleep between reading
 * a table's address and calling through it.
 */
#include <linux/sched/signal.h>

#include "lanes.h"

/* IPv4 and IPv6; written by lanes_ops_init() only. Without IPv6 the second
 * stays empty.
 */
static struct {
	const struct proto_ops *stock;
	struct proto_ops ours;
} lanes_family[2];

static void (*lanes_stock_data_ready)(struct sock *sk) __ro_after_init;
static void (*lanes_stock_state_change)(struct sock *sk) __ro_after_init;

/**
 * lanes_ops_stock() - the stock operations for a TCP socket's family
 * @sk: a TCP socket
 */
const struct proto_ops *lanes_ops_stock(const struct sock *sk)
{
	return lanes_family[sk->sk_family == AF_INET6].stock;
}

/**
 * lanes_ops_ours() - the operations of an attached socket of that family
 * @sk: a TCP socket
 */
const struct proto_ops *lanes_ops_ours(const struct sock *sk)
{
	return &lanes_family[sk->sk_family == AF_INET6].ours;
}

/**
 * lanes_ops_supported() - is this a plain TCP socket?
 * @sk: any TCP socket; its lock is held
 *
 * Return: false if somebody else (sockmap, MPTCP, SMC, another module) has
 * replaced a part of it.
 */
bool lanes_ops_supported(const struct sock *sk)
{
	const struct proto *prot = READ_ONCE(sk->sk_prot);

	if (prot != &tcp_prot) {
#if IS_ENABLED(CONFIG_IPV6)
		if (prot != &tcpv6_prot)
#endif
			return false;
	}
	return sk->sk_socket->ops == lanes_ops_stock(sk) &&
	       sk->sk_data_ready == lanes_stock_data_ready &&
	       sk->sk_state_change == lanes_stock_state_change;
}

/**
 * lanes_ops_stock_ready() - tell a top half's sleepers the stock way
 * @sk: a top half
 *
 * Context: any but hard interrupt.
 */
void lanes_ops_stock_ready(struct sock *sk)
{
	lanes_stock_data_ready(sk);
}

/* A top half leaves LISTEN: by shutdown(2) or connect(2), where we take part,
 * or by tcp_abort(), where nobody asks us.
 */
static void lanes_top_state_change(struct sock *sk)
{
	struct lanes_listener *l;

	rcu_read_lock();
	l = rcu_dereference(inet_csk(sk)->icsk_ulp_data);
	if (l && inet_sk_state_load(sk) != TCP_LISTEN) {
		if (!READ_ONCE(l->leaving))
			lanes_lose(l);
		lanes_wake_all(l, EPOLLHUP | LANES_READY);
	}
	rcu_read_unlock();
	lanes_stock_state_change(sk);
}

/**
 * lanes_ops_top() - set a top half's callbacks
 * @sk: top half, its lock is held
 */
void lanes_ops_top(struct sock *sk)
{
	write_lock_bh(&sk->sk_callback_lock);
	WRITE_ONCE(sk->sk_data_ready, lanes_top_ready);
	sk->sk_state_change = lanes_top_state_change;
	write_unlock_bh(&sk->sk_callback_lock);
}

/**
 * lanes_ops_child() - give a socket the stock callbacks
 * @sk: a new child, or a top half at its detach with sk_callback_lock held
 */
void lanes_ops_child(struct sock *sk)
{
	WRITE_ONCE(sk->sk_data_ready, lanes_stock_data_ready);
	sk->sk_state_change = lanes_stock_state_change;
}

static bool lanes_listens(const struct lanes_listener *l)
{
	return inet_sk_state_load(l->top) == TCP_LISTEN &&
	       !READ_ONCE(l->draining);
}

/*
 * Sleep until there is something to take. The caller's affinity may change
 * while it sleeps, so the queue to sleep on is chosen anew each time.
 */
static int lanes_wait(struct lanes_listener *l, long *timeo)
{
	struct lanes_lane *own;
	wait_queue_head_t *wq;
	DEFINE_WAIT(wait);
	int err = 0;

	for (;;) {
		own = lanes_own(l);
		if (own) {
			lanes_come(own, true);
			wq = &own->wq;
		} else {
			if (!READ_ONCE(l->unbound))
				WRITE_ONCE(l->unbound, true);
			wq = sk_sleep(l->top);
		}
		/* Its barrier pairs with the wakers'. */
		prepare_to_wait_exclusive(wq, &wait, TASK_INTERRUPTIBLE);
		if (!lanes_listens(l) || lanes_available(l, own))
			break;
		err = sock_intr_errno(*timeo);
		if (signal_pending(current))
			break;
		err = -EAGAIN;
		if (!*timeo)
			break;
		err = 0;
		*timeo = schedule_timeout(*timeo);
		finish_wait(wq, &wait);
	}
	finish_wait(wq, &wait);
	return err;
}

static int __lanes_accept(const struct proto_ops *stock, struct socket *sock,
			  struct socket *newsock, struct proto_accept_arg *arg)
{
	bool block = !(arg->flags & O_NONBLOCK);
	struct lanes_listener *l;
	struct lanes_lane *own;
	long timeo;
	int err;

	l = lanes_get(sock->sk);
	if (!l)
		return lanes_ops_accept(stock, sock, newsock, arg);

	timeo = sock_rcvtimeo(sock->sk, !block);
	for (;;) {
		if (!lanes_listens(l)) {
			lanes_put(l);
			return lanes_ops_accept(stock, sock, newsock, arg);
		}
		own = lanes_own(l);
		if (own)
			lanes_come(own, timeo);
		arg->flags |= O_NONBLOCK;
		err = lanes_take(l, own, newsock, arg);
		if (!err && own) {
			rcu_read_lock();
			lanes_consumer(own->ln, newsock->sk, true);
			rcu_read_unlock();
		}
		if (!block)
			break;
		arg->flags &= ~O_NONBLOCK;
		if (err != -EAGAIN)
			break;
		err = timeo ? lanes_wait(l, &timeo) : -EAGAIN;
		if (err)
			break;
	}
	arg->is_empty = !lanes_available(l, own);
	/* Whoever woke us for the global queue counts on us, and we may have
	 * taken from our lane instead.
	 */
	if (block && !lanes_queue_empty(l->top))
		lanes_wake_global(l);
	lanes_put(l);
	return err;
}

/**
 * lanes_accept() - accept(2) and its like on an attached socket
 * @sock: the top half's
 * @newsock: the socket to be connected
 * @arg: as of proto_ops.accept
 *
 * Context: process context, no lock held.
 * Return: 0 or what a stock listener would say.
 */
int lanes_accept(struct socket *sock, struct socket *newsock,
		 struct proto_accept_arg *arg)
{
	const struct proto_ops *stock = lanes_ops_stock(sock->sk);
	int err;

	/* do_accept() gave the new socket our table and a reference to us,
	 * unless an old kernel's read sock->ops before the attach. We keep one
	 * until we return: after a detach the stock accept sleeps in our frame.
	 */
	if (newsock->ops == lanes_ops_ours(sock->sk)) {
		newsock->ops = stock;
		__module_get(stock->owner);
	} else {
		__module_get(THIS_MODULE);
	}
	err = __lanes_accept(stock, sock, newsock, arg);
	module_put(THIS_MODULE);
	return err;
}

static __poll_t lanes_op_poll(struct file *file, struct socket *sock,
			      struct poll_table_struct *table)
{
	const struct proto_ops *stock = lanes_ops_stock(sock->sk);
	bool arms = table && table->_qproc;
	struct lanes_listener *l;
	struct lanes_lane *own;
	__poll_t mask;

	l = lanes_get(sock->sk);
	if (!l)
		return stock->poll(file, sock, table);

	own = lanes_own(l);
	if (own) {
		/* First the lane's queue, then (by the stock operation) the
		 * top half's: io_uring takes two. The second outlives a
		 * detach.
		 */
		poll_wait(file, &own->wq, table);
		lanes_come(own, arms);
	} else if (arms && !READ_ONCE(l->unbound)) {
		WRITE_ONCE(l->unbound, true);
	}
	mask = stock->poll(file, sock, table);
	if (lanes_listens(l))
		mask = lanes_available(l, own) ? LANES_READY : 0;
	lanes_put(l);
	return mask;
}

/* Around an operation that may change the state or the backlog: if the socket
 * leaves LISTEN, it is stock when the operation returns.
 */
static void lanes_leave(struct socket *sock, bool leaving)
{
	struct lanes_listener *l = lanes_get(sock->sk);

	if (!l)
		return;
	WRITE_ONCE(l->leaving, leaving);
	lanes_backlog(l);
	lanes_put(l);
	if (!leaving && inet_sk_state_load(sock->sk) != TCP_LISTEN)
		lanes_detach(sock);
}

static int lanes_op_listen(struct socket *sock, int backlog)
{
	int err = lanes_ops_stock(sock->sk)->listen(sock, backlog);

	lanes_leave(sock, false);
	return err;
}

static int lanes_op_shutdown(struct socket *sock, int how)
{
	int err;

	lanes_leave(sock, true);
	err = lanes_ops_stock(sock->sk)->shutdown(sock, how);
	lanes_leave(sock, false);
	return err;
}

static int lanes_op_connect(struct socket *sock, struct sockaddr_unsized *addr,
			    int len, int flags)
{
	int err;

	lanes_leave(sock, true);
	err = lanes_ops_stock(sock->sk)->connect(sock, addr, len, flags);
	lanes_leave(sock, false);
	return err;
}

static int lanes_op_release(struct socket *sock)
{
	const struct proto_ops *stock;

	/* A new socket, of an accept that failed before it came to us. */
	if (!sock->sk)
		return 0;
	stock = lanes_ops_stock(sock->sk);
	lanes_close(sock);
	return stock->release(sock);
}

static int lanes_set_spill_ms(struct lanes_listener *l, sockptr_t val,
			      unsigned int len)
{
	u32 ms;

	if (len < sizeof(ms))
		return -EINVAL;
	if (copy_from_sockptr(&ms, val, sizeof(ms)))
		return -EFAULT;
	if (!ms || ms > LANES_SPILL_MS_MAX)
		return -EINVAL;
	WRITE_ONCE(l->spill_ms, ms);
	return 0;
}

static int lanes_op_setsockopt(struct socket *sock, int level, int name,
			       sockptr_t val, unsigned int len)
{
	const struct proto_ops *stock = lanes_ops_stock(sock->sk);
	struct lanes_listener *l;
	int err;

	if (level == SOL_LANES && name == LANES_DETACH)
		return len ? -EINVAL : lanes_detach(sock);

	l = lanes_get(sock->sk);
	if (!l)
		return stock->setsockopt(sock, level, name, val, len);

	if (level != SOL_LANES) {
		err = stock->setsockopt(sock, level, name, val, len);
		if (!err)
			err = lanes_options_changed(l);
	} else if (name == LANES_SPILL_MS) {
		err = lanes_set_spill_ms(l, val, len);
	} else {
		err = -ENOPROTOOPT;
	}
	lanes_put(l);
	return err;
}

static int lanes_op_getsockopt(struct socket *sock, int level, int name,
			       char __user *val, int __user *lenp)
{
	struct lanes_listener *l;
	int err;

	l = level == SOL_LANES ? lanes_get(sock->sk) : NULL;
	if (!l)
		return lanes_ops_stock(sock->sk)->getsockopt(sock, level, name,
							     val, lenp);
	err = lanes_info_option(l, name, val, lenp);
	lanes_put(l);
	return err;
}

static int lanes_family_init(int index, int family)
{
	struct proto_ops *ours = &lanes_family[index].ours;
	struct socket *sock;
	int err;

	/* inet6_stream_ops is exported by the newest kernels only, the
	 * callbacks by none: a socket knows them.
	 */
	err = sock_create_kern(&init_net, family, SOCK_STREAM, IPPROTO_TCP,
			       &sock);
	if (err)
		return err;
	lanes_stock_data_ready = sock->sk->sk_data_ready;
	lanes_stock_state_change = sock->sk->sk_state_change;
	lanes_family[index].stock = sock->ops;
	*ours = *sock->ops;
	sock_release(sock);

	ours->owner = THIS_MODULE;
	ours->release = lanes_op_release;
	ours->accept = lanes_op_accept;
	ours->poll = lanes_op_poll;
	ours->listen = lanes_op_listen;
	ours->shutdown = lanes_op_shutdown;
	ours->connect = lanes_op_connect;
	ours->setsockopt = lanes_op_setsockopt;
	ours->getsockopt = lanes_op_getsockopt;
	return 0;
}

/**
 * lanes_ops_init() - learn the stock operations and make ours from them
 *
 * Return: 0 or a negative errno. A kernel that runs without IPv6 is fine.
 */
int __init lanes_ops_init(void)
{
	int err = lanes_family_init(0, AF_INET);

	if (err)
		return err;
	err = lanes_family_init(1, AF_INET6);
	return err == -EAFNOSUPPORT ? 0 : err;
}
