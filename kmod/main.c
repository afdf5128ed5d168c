// SPDX-License-Identifier: GPL-2.0-only
/*
 * Init and exit. While a listener is attached there are references to the
 * module, so exit finds none.
 */
#include <linux/module.h>

#include "lanes.h"

static int __init lanes_init(void)
{
	int err;

	err = lanes_net_init();
	if (err)
		return err;
	err = lanes_ops_init();
	if (err)
		goto err_net;
	err = lanes_demux_init();
	if (err)
		goto err_net;
	err = lanes_steer_init();
	if (err)
		goto err_demux;
	err = lanes_hotplug_init();
	if (err)
		goto err_steer;
	err = lanes_detach_init();
	if (err)
		goto err_hotplug;
	lanes_listener_init();
	err = tcp_register_ulp(&lanes_ulp);
	if (err)
		goto err_detach;
	return 0;

err_detach:
	lanes_detach_exit();
err_hotplug:
	lanes_hotplug_exit();
err_steer:
	lanes_steer_exit();
err_demux:
	lanes_demux_exit();
err_net:
	lanes_net_exit();
	return err;
}

static void __exit lanes_exit(void)
{
	tcp_unregister_ulp(&lanes_ulp);
	lanes_detach_exit();
	lanes_hotplug_exit();
	/* The last hooks may still run; and sock_diag(7), which reads a
	 * socket's ULP and calls it without a lock or a reference.
	 */
	synchronize_net();
	synchronize_rcu_tasks();
	lanes_steer_exit();
	lanes_demux_exit();
	lanes_net_exit();
	/* hlist and reference callbacks of the last listener. */
	rcu_barrier();
}

module_init(lanes_init);
module_exit(lanes_exit);
MODULE_DESCRIPTION("Per-CPU bottom halves for listening TCP sockets");
MODULE_LICENSE("GPL");
MODULE_ALIAS_TCP_ULP(LANES_ULP_NAME);
