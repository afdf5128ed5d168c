// SPDX-License-Identifier: GPL-2.0-only
#ifndef LANES_HTTP_REQUEST_H
#define LANES_HTTP_REQUEST_H

#include <array>
#include <span>
#include <string_view>

#include <cstddef>
#include <cstdint>
#include <ctime>

#include <llhttp.h>

#include "engine/memory.h"
#include "http/conditions.h"
#include "http/files.h"
#include "http/snapshot.h"

namespace lanes::http {

/** Header fields that matter here, besides those that llhttp minds. */
enum class Field : uint8_t {
	other,
	host,
	expect,
	range,
	if_range,
	if_none_match,
	if_modified_since,
};

/** What is remembered of a connection. Fine if all zero, but for open(). */
struct Request {
	llhttp_t parser;

	/* Of the present request, by the parser. */
	/** Bytes of its head, then of its trailers, in former input. */
	uint32_t head_bytes;
	uint32_t body_bytes;
	/** As they came, with what chunks add; in former input. */
	uint64_t raw_bytes;
	/** A part of a name, a value or a target, while the rest is to come:
	 *  in @small, or if it is longer, in a buffer.
	 */
	uint32_t token_bytes;
	uint32_t token_buffer;
	bool token_in_buffer;
	bool name_too_long;
	Field field;
	/** A byte of it was there. */
	bool begun;
	bool in_head;
	bool in_body;
	bool has_target;
	uint8_t version_bytes;
	/** The last bytes of former input. */
	std::array<char, 3> before;

	/* Of the present request, by the exchange. */
	/** What to reply, if it is decided: an error. */
	uint16_t status;
	uint8_t hosts;
	bool expects_continue;
	bool none_match;
	bool none_match_found;
	bool has_modified_since;
	bool has_range;
	bool range_void;
	bool plaintext;
	/** No request will follow. */
	bool last;
	/** refused(), or its last reply is written. */
	bool over;
	time_t modified_since;
	Range range;
	/** Keeps @file, until the reply is queued. */
	Snapshot *snapshot;
	const File *file;

	/** Of the reply to the former request: still to be queued. */
	std::span<const std::byte> rest;

	std::array<char, 64> small;

	bool keeps_alive() const { return llhttp_should_keep_alive(&parser); }
	bool head_only() const { return has_target && parser.method == HTTP_HEAD; }
	bool has_body() const { return parser.content_length || (parser.flags & F_CHUNKED); }
};

struct RequestLimits {
	/** Bytes from the first of the method to the last of the header
	 *  fields.
	 */
	uint32_t head = 8192;
	uint32_t target = 4096;
	uint32_t body = 1048576;
	/** Tokens of more than Request::small that may lie between two inputs. */
	uint32_t buffers = 256;
};

/**
 * Feeds the input of a shard's connections to llhttp. What lies whole in the
 * input is not copied.
 */
class RequestParser {
public:
	explicit RequestParser(const RequestLimits &limits);

	void open(Request &request) const;
	/** Gives back what the request has of the parser. */
	void close(Request &request);
	/** Returns how many bytes are done with: all, unless done() said so or
	 *  after refused().
	 */
	size_t parse(Request &request, std::span<const std::byte> input);

protected:
	~RequestParser() = default;

	/* In this order; views are valid during the call. */
	virtual void target(Request &request, std::string_view text) = 0;
	/** Not for Field::other. */
	virtual void header(Request &request, Field field, std::string_view value) = 0;
	/** 0, or the status to refuse the request with. */
	virtual unsigned head_complete(Request &request) = 0;
	/** Returns whether to go on with the next request. */
	virtual bool done(Request &request) = 0;

	/** The last call for a connection: it cannot go on. */
	virtual void refused(Request &request, unsigned status) = 0;

private:
	struct Callbacks;
	friend struct Callbacks;

	void begin(Request &request, const char *at);
	int head_data(Request &request, const char *at, size_t length);
	int add(Request &request, const char *at, size_t length);
	int save(Request &request, const char *at, size_t length);
	std::string_view token(const Request &request) const;
	void drop_token(Request &request);
	int fail(unsigned status);
	char byte_before(const Request &request, const char *at, size_t distance) const;
	unsigned failure(const Request &request, llhttp_errno_t error) const;
	/** At the end of the input. */
	unsigned keep(Request &request, std::span<const char> input);

	const RequestLimits limits_;
	BufferPool buffers_;

	/* During parse(). */
	/** The present token, if all of it lies in the input. */
	std::string_view token_;
	const char *input_ = nullptr;
	/** Where in it the head begins or goes on. */
	const char *head_ = nullptr;
	/** Why a callback refuses. */
	unsigned status_ = 0;
};

} // namespace lanes::http

#endif
