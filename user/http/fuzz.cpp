// SPDX-License-Identifier: GPL-2.0-only
/* libFuzzer: any bytes, in any pieces, from a peer that reads at any pace.
 *
 * The first byte of the input: how much the stream takes; 0: the pieces must be
 * replied to as the whole is. Then follow steps: a byte n below 224: n bytes of
 * input; others: something else happens.
 */
#include <cstdlib>

#include "http/exchange.h"
#include "http/test_peer.h"

using namespace lanes::http;

namespace {

std::shared_ptr<const Files> make_files()
{
	char root[] = "/tmp/http-fuzz-XXXXXX";

	if (!mkdtemp(root))
		abort();

	const std::string base = root;
	const std::string script = "cd " + base +
				   " && mkdir d && echo index > d/index.html && echo small > a.txt"
				   " && : > empty && head -c 100000 /dev/zero > big";

	if (std::system(script.c_str()))
		abort();

	auto files = std::make_shared<const Files>(base, 1 << 20);

	if (std::system(("rm -r " + base).c_str()))
		abort();
	return files;
}

void require(bool fact)
{
	if (!fact)
		abort();
}

void compare(const std::shared_ptr<const Files> &files, std::string_view steps)
{
	static Exchange exchange(files, {}, 0);
	TestPeer pieces(exchange);
	TestPeer whole(exchange);
	std::string all;
	std::string text;

	while (!steps.empty()) {
		const size_t step = static_cast<unsigned char>(steps.front());
		const std::string_view piece = steps.substr(1, step);

		text += pieces.ask(piece);
		all += piece;
		steps.remove_prefix(1 + piece.size());
	}
	require(text == whole.ask(all));
	require(pieces.sink.finished() == whole.sink.finished());
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const std::shared_ptr<const Files> files = make_files();
	static Exchange exchange(files, {.head = 512, .target = 128, .body = 256, .buffers = 2}, 0);

	if (!size)
		return 0;

	const size_t high = size_t{data[0]} * 512;
	std::string_view rest(reinterpret_cast<const char *>(data) + 1, size - 1);

	if (!high) {
		compare(files, rest);
		return 0;
	}
	/* Two, so that buffers run out and views of one are not the other's. */
	TestPeer first(exchange, high);
	TestPeer second(exchange, high);
	TestPeer *peer = &first;

	while (!rest.empty()) {
		const size_t step = static_cast<unsigned char>(rest.front());

		rest.remove_prefix(1);
		if (step < 224) {
			const std::string_view piece = rest.substr(0, step);

			if (!peer->sink.finished() && !piece.empty())
				peer->send(piece);
			rest.remove_prefix(piece.size());
		} else if (step < 240) {
			peer->read();
		} else if (step < 248) {
			peer = peer == &first ? &second : &first;
		} else if (step < 252) {
			exchange.use(files);
		} else {
			peer->sink.drains = true;
		}
		/* A peer that does not read is not given more and more. */
		require(peer->sink.queued() <= high + 16384);
	}
	for (TestPeer *each : {&first, &second})
		exchange.input_ended(each->request, each->sink);
	for (TestPeer *each : {&first, &second}) {
		while (each->sink.queued())
			each->read();
		require(each->sink.finished() && each->request.rest.empty());
		require(!each->request.snapshot || each->request.begun || each->request.in_head ||
			each->request.in_body);
	}
	return 0;
}
