// SPDX-License-Identifier: GPL-2.0-only
/* Kernel TLS, another ULP, goes on what a listener with lanes accepted. */
#define _GNU_SOURCE
#include "serve.h"

#include <linux/tls.h>
#include <stdlib.h>
#include <unistd.h>

#ifndef SOL_TLS
#define SOL_TLS 282
#endif

static void start_tls(int fd, int direction)
{
	struct tls12_crypto_info_aes_gcm_128 keys = {
		.info = { .version = TLS_1_2_VERSION,
			  .cipher_type = TLS_CIPHER_AES_GCM_128 },
		.key = "0123456789abcde",
	};

	MUST(setsockopt(fd, SOL_TLS, direction, &keys, sizeof(keys)));
}

static void start_both(int fd)
{
	start_tls(fd, TLS_TX);
	start_tls(fd, TLS_RX);
}

static void talk(int fd, const struct endpoint *to, int cpu)
{
	int client = dial_on(cpu, to), child;
	char text[6] = "";

	child = MUST(accept_within(fd, 1000));
	if (setsockopt(child, IPPROTO_TCP, TCP_ULP, "tls", 3)) {
		if (errno == ENOENT)
			SKIP("the tls module is not there");
		CHECK_EQ(errno, 0);
		return;
	}
	MUST(setsockopt(client, IPPROTO_TCP, TCP_ULP, "tls", 3));
	start_both(child);
	start_both(client);
	CHECK_EQ(send(client, "hello", 5, 0), 5);
	CHECK_EQ(recv(child, text, 5, MSG_WAITALL), 5);
	CHECK_EQ(strcmp(text, "hello"), 0);
	CHECK_EQ(send(child, "world", 5, 0), 5);
	CHECK_EQ(recv(client, text, 5, MSG_WAITALL), 5);
	CHECK_EQ(strcmp(text, "world"), 0);
	hang_up(client);
	close(child);
}

TEST(ktls__on_children)
{
	for (enum family family = V4; family <= DUAL; family++) {
		struct endpoint to;
		int fd = listen_lanes(family, 8, &to);

		for (int i = 0; i < 4; i++)
			talk(fd, &to, i % nr_cpus());
		close(fd);
	}
}

/* The tables that kTLS built from those children outlive the lanes. */
TEST(ktls__after_detach)
{
	struct endpoint to;
	int fd = listen_lanes(V4, 8, &to);

	talk(fd, &to, 0);
	MUST(lanes_detach(fd));
	talk(fd, &to, 0);
	close(fd);
	fd = listen_stock(V6, 8, &to);
	talk(fd, &to, 0);
}

/* A listener takes one ULP only. */
TEST(ktls__on_listener)
{
	struct endpoint to;
	int fd;

	need_lanes();
	fd = listen_lanes(V4, 8, &to);
	CHECK_ERRNO(setsockopt(fd, IPPROTO_TCP, TCP_ULP, "tls", 3), EEXIST);
	talk(fd, &to, 0);
}
