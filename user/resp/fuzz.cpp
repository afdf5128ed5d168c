// SPDX-License-Identifier: GPL-2.0-only
/* Two shards and two peers do what the fuzzer's bytes say. */
#include <cstdlib>

#include "resp/fake.h"

namespace {

using namespace lanes;

/* Cuts a byte off; 0 when there are none. */
unsigned next(std::string_view &script)
{
	if (script.empty())
		return 0;

	const auto byte = static_cast<unsigned char>(script.front());

	script.remove_prefix(1);
	return byte;
}

void step(FakeShards &shards, std::array<std::unique_ptr<FakePeer>, 2> &peers,
	  std::string_view &script)
{
	const unsigned what = next(script);
	auto &peer = peers[what & 1];

	switch (what >> 1 & 7) {
	case 0:
		shards.turn(what >> 4 & 1, what >> 5);
		return;
	case 1:
		peer->take();
		return;
	case 2:
		peer->stuck = what >> 4 & 1;
		return;
	case 3:
		/* Rarely, since it ends what was built up. */
		if (what >> 4 == 15) {
			peer.reset();
			peer = shards.connect(what & 1);
		} else if (what >> 4 == 14) {
			peer->end();
		} else {
			shards.now += what >> 4;
		}
		return;
	default:
		break;
	}

	const std::string_view text = script.substr(0, next(script));

	script.remove_prefix(text.size() > script.size() ? script.size() : text.size());
	peer->piece = 1 + (what >> 4) * 9;
	if (peer->finished || peer->aborted)
		return;
	peer->send(text);
	/* What a fuzzer would hardly write: a value with memory of its own. */
	if ((what >> 1 & 7) == 7)
		peer->send("$20000\r\n" + std::string(20'000, 'v') + "\r\n");
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	std::string_view script{reinterpret_cast<const char *>(data), size};
	FakeShards shards(2, size_t{1} << 20);
	std::array<std::unique_ptr<FakePeer>, 2> peers = {shards.connect(0), shards.connect(1)};

	while (!script.empty())
		step(shards, peers, script);

	/* Whatever it was, all memory comes back. */
	for (auto &peer : peers)
		peer.reset();
	shards.settle();

	const auto last = shards.connect(0);

	last->send("*1\r\n$8\r\nFLUSHALL\r\n");
	shards.settle();
	if (last->take() != "+OK\r\n" || shards.left_over())
		std::abort();
	return 0;
}
