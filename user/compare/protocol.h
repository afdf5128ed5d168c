// SPDX-License-Identifier: GPL-2.0-only
#ifndef LANES_COMPARE_PROTOCOL_H
#define LANES_COMPARE_PROTOCOL_H

#include <span>
#include <string>
#include <string_view>

#include <cstddef>
#include <cstdint>

namespace lanes::compare {

enum class Protocol : uint8_t { echo, http, resp_set, resp_get, resp_ping };

/** One request and its reply, the same ones again and again. */
struct Exchange {
	/** Sent once, before all others; its reply has the length of @reply_first. */
	std::string request_first;
	size_t reply_first = 0;

	std::string request;
	/** What each reply begins with: all of it, if the protocol says so. */
	std::string reply;
	/** 0: must be learned from the first reply. */
	size_t reply_length = 0;
};

/** @variant makes payloads differ, so that a reply to another one is wrong. */
Exchange make_exchange(Protocol protocol, size_t size, unsigned variant);

/** Of a reply that may be incomplete: its length, 0 if the header has not
 *  ended; throws if it has no Content-Length.
 */
size_t http_reply_length(std::string_view reply);

/** Cuts a stream into replies and compares them, most of them at the ends of
 *  what is fed, every 16th piece in full: the client shall not be what is slow.
 */
class ReplyStream {
public:
	static constexpr int wrong = -1;

	/** @exchange outlives it. */
	explicit ReplyStream(const Exchange &exchange) : exchange_(&exchange) {}

	/** How many replies ended in @bytes, or wrong. */
	int feed(std::span<const char> bytes);
	bool between() const { return position_ == 0; }

private:
	bool right(std::span<const char> piece);

	const Exchange *exchange_;
	/* In the reply. */
	size_t position_ = 0;
	unsigned pieces_ = 0;
};

} // namespace lanes::compare

#endif
