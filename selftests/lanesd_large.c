// SPDX-License-Identifier: GPL-2.0-only
/*
 * Large values do not spin: values of any size and pipelines of any depth come
 * back exact in every engine, however many shards there are, and the server is
 * at rest a second later, also beside a peer that stopped halfway.
 */
#define _GNU_SOURCE
#include "lanesd_server.h"

/* A prime, so that no misplaced block looks right. */
#define STREAM_PERIOD 1048573
#define MB 1000000

static unsigned char stream[STREAM_PERIOD];

static void make_stream(void)
{
	unsigned int x = 2463534242U;

	for (int i = 0; i < STREAM_PERIOD; i++) {
		x ^= x << 13;
		x ^= x >> 17;
		x ^= x << 5;
		stream[i] = x;
	}
}

/* A piece of the value @seed that begins at @at; how long it may be. */
static const unsigned char *piece(unsigned int seed, size_t at, size_t *len)
{
	size_t from = (seed * 7919ULL + at) % STREAM_PERIOD;

	if (*len > STREAM_PERIOD - from)
		*len = STREAM_PERIOD - from;
	return stream + from;
}

static void send_all(int fd, const void *data, size_t len, int flags)
{
	while (len) {
		ssize_t sent = MUST(send(fd, data, len, MSG_NOSIGNAL | flags));

		data = (const char *)data + sent;
		len -= sent;
	}
}

/* The bytes from @at to @end of the value @seed. */
static void send_part(int fd, unsigned int seed, size_t at, size_t end)
{
	while (at < end) {
		size_t len = end - at;
		const unsigned char *data = piece(seed, at, &len);

		send_all(fd, data, len, MSG_MORE);
		at += len;
	}
}

static int set_header(char *text, unsigned int key, size_t length)
{
	return sprintf(text, "*3\r\n$3\r\nSET\r\n$8\r\nkey%05u\r\n$%zu\r\n", key,
		       length);
}

static void send_set(int fd, unsigned int key, size_t length)
{
	char header[64];

	send_all(fd, header, set_header(header, key, length), MSG_MORE);
	send_part(fd, key, 0, length);
	send_all(fd, "\r\n", 2, 0);
}

static void send_get(int fd, unsigned int key)
{
	char text[64];

	send_all(fd, text,
		 sprintf(text, "*2\r\n$3\r\nGET\r\n$8\r\nkey%05u\r\n", key), 0);
}

/* What came, of which @at bytes were looked at. */
struct replies {
	int fd;
	size_t at, len;
	unsigned char bytes[262144];
};

static bool more(struct replies *r)
{
	ssize_t got;

	if (r->at < r->len)
		return true;
	got = recv(r->fd, r->bytes, sizeof(r->bytes), 0);
	if (got <= 0)
		return false;
	r->at = 0;
	r->len = got;
	return true;
}

/* How many bytes are @text, which is all of it if they are right. */
static size_t match(struct replies *r, const void *text, size_t length)
{
	size_t same = 0;

	while (same < length && more(r) &&
	       r->bytes[r->at] == ((const unsigned char *)text)[same]) {
		r->at++;
		same++;
	}
	return same;
}

static void expect(struct replies *r, const char *text)
{
	ASSERT_EQ(match(r, text, strlen(text)), strlen(text));
}

/* The reply to GET. */
static void expect_value(struct replies *r, unsigned int seed, size_t length)
{
	char header[32];
	size_t at = 0;

	sprintf(header, "$%zu\r\n", length);
	expect(r, header);
	while (at < length) {
		size_t len = length - at;
		const unsigned char *data = piece(seed, at, &len);

		ASSERT(more(r));
		if (len > r->len - r->at)
			len = r->len - r->at;
		if (memcmp(r->bytes + r->at, data, len)) {
			harness_diag("value %u of %zu bytes: wrong at %zu to %zu",
				     seed, length, at, at + len);
			ASSERT(!"the value is exact");
		}
		r->at += len;
		at += len;
	}
	expect(r, "\r\n");
}

static void exchange(struct replies *r, unsigned int key, size_t length)
{
	send_set(r->fd, key, length);
	expect(r, "+OK\r\n");
	send_get(r->fd, key);
	expect_value(r, key, length);
}

/* One byte less, none and one more than a limit: of the value, of the command
 * and of the reply.
 */
static int edge_sizes(size_t *sizes)
{
	/* A word with memory of its own; a buffer; what is received in place;
	 * input to hold; a connection's budget; a send and a full stream.
	 */
	static const size_t edges[] = { 1024, 2048, 16384, 32768, 65536, 262144 };
	char text[64];
	int nr = 0;

	for (size_t i = 0; i < sizeof(edges) / sizeof(edges[0]); i++)
		for (size_t size = edges[i] - 1; size <= edges[i] + 1; size++) {
			sizes[nr++] = size;
			sizes[nr++] = size - set_header(text, 0, edges[i]) - 2;
			sizes[nr++] = size - sprintf(text, "$%zu\r\n", edges[i]) - 2;
		}
	return nr;
}

/* @depth commands before the first reply is read. */
static void pipeline(struct replies *r, int depth, const size_t *sizes,
		     int nr_sizes)
{
	for (int i = 0; i < depth; i++)
		send_set(r->fd, i, sizes[i % nr_sizes]);
	for (int i = 0; i < depth; i++)
		expect(r, "+OK\r\n");
	for (int i = 0; i < depth; i++)
		send_get(r->fd, i);
	for (int i = 0; i < depth; i++)
		expect_value(r, i, sizes[i % nr_sizes]);
}

static void rests(const struct server *s, const char *after)
{
	sleep_ms(1000);
	if (!CHECK(at_rest(s)))
		harness_diag("%s", after);
}

static struct replies *talk_to(const struct server *s)
{
	struct replies *r = malloc(sizeof(*r));

	ASSERT(r);
	r->fd = MUST(dial(&s->to));
	r->at = r->len = 0;
	return r;
}

static void hang_up_all(struct replies *r)
{
	hang_up(r->fd);
	free(r);
}

static void serve_values(struct server *s, const char *engine, int shards,
			 const char *memory)
{
	char count[8];

	make_stream();
	sprintf(count, "%d", shards);
	serve(s, V4, 0, OPTIONS("--service", "resp", "--engine", engine,
				"--shards", count, "--resp-memory", memory));
}

/* On 1, 2, 4, ... shards. */
TEST_ENGINES(lanesd_large__values_and_pipelines_are_exact_then_rest, 60)
{
	static const int depths[] = { 1, 256, 384 };
	static const size_t small[] = { 1, 100, 1000 };
	size_t edges[64];
	int nr_edges = edge_sizes(edges);

	for (int shards = 1; shards <= nr_cpus(); shards *= 2) {
		struct replies *r;
		struct server s;
		char after[32];

		serve_values(&s, arg, shards, "256m");
		r = talk_to(&s);
		for (int i = 0; i < nr_edges; i++)
			exchange(r, i, edges[i]);
		/* Keys of several shards. */
		for (int i = 0; i < 3; i++)
			exchange(r, i, 10 * MB);
		for (int i = 0; i < 3; i++) {
			pipeline(r, depths[i], small, 3);
			/* More than a full stream, not more than is quick. */
			pipeline(r, depths[i], edges, nr_edges * 2 / 3);
		}
		sprintf(after, "on %d shards", shards);
		rests(&s, after);
		hang_up_all(r);
		finish(&s);
	}
}

/* Neither half a value in nor half a value out keeps a shard busy. */
TEST_ENGINES(lanesd_large__stopped_midway_rest, 60)
{
	struct replies *writer, *reader, *other;
	struct server s;
	char header[64];

	serve_values(&s, arg, nr_cpus(), "256m");
	writer = talk_to(&s);
	send_all(writer->fd, header, set_header(header, 1, 10 * MB), 0);
	send_part(writer->fd, 1, 0, 5 * MB);
	reader = talk_to(&s);
	send_set(reader->fd, 2, 10 * MB);
	expect(reader, "+OK\r\n");
	for (int i = 0; i < 4; i++)
		send_get(reader->fd, 2);
	other = talk_to(&s);
	exchange(other, 3, MB);
	rests(&s, "while two peers have stopped halfway");
	/* And then they go on. */
	send_part(writer->fd, 1, 5 * MB, 10 * MB);
	send_all(writer->fd, "\r\n", 2, 0);
	expect(writer, "+OK\r\n");
	send_get(writer->fd, 1);
	expect_value(writer, 1, 10 * MB);
	for (int i = 0; i < 4; i++)
		expect_value(reader, 2, 10 * MB);
	hang_up_all(writer);
	hang_up_all(reader);
	hang_up_all(other);
	finish(&s);
}

/* The longest that the protocol allows. */
TEST_ENGINES(lanesd_large__512_mb_are_exact_then_rest, 120)
{
	struct replies *r;
	struct server s;
	double begin;

	serve_values(&s, arg, nr_cpus() > 1 ? 2 : 1, "2g");
	r = talk_to(&s);
	begin = now_ms();
	exchange(r, 1, 512 << 20);
	harness_diag("512 MiB in and out in %.1f s", (now_ms() - begin) / 1000);
	rests(&s, "after 512 MiB");
	hang_up_all(r);
	finish(&s);
}
