// SPDX-License-Identifier: GPL-2.0-only
#include "http/request.h"

#include <algorithm>

#include <cstring>

namespace lanes::http {

namespace {

/** Longer than any name that matters. */
constexpr size_t name_max = 20;

/** @lower: letters in lower case, and hyphens. */
bool equals(std::string_view name, std::string_view lower)
{
	return std::ranges::equal(name, lower, [](char a, char b) {
		return (a >= 'A' && a <= 'Z' ? a + ('a' - 'A') : a) == b;
	});
}

Field find_field(std::string_view name)
{
	switch (name.size()) {
	case 4:
		return equals(name, "host") ? Field::host : Field::other;
	case 5:
		return equals(name, "range") ? Field::range : Field::other;
	case 6:
		return equals(name, "expect") ? Field::expect : Field::other;
	case 8:
		return equals(name, "if-range") ? Field::if_range : Field::other;
	case 13:
		return equals(name, "if-none-match") ? Field::if_none_match : Field::other;
	case 17:
		return equals(name, "if-modified-since") ? Field::if_modified_since : Field::other;
	default:
		return Field::other;
	}
}

std::string_view trim_end(std::string_view value)
{
	const size_t last = value.find_last_not_of(" \t");

	return value.substr(0, last == value.npos ? 0 : last + 1);
}

bool is_token(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
	       (c && std::strchr("!#$%&'*+-.^_`|~", c));
}

} // namespace

/** What llhttp calls. llhttp_t::data is the parser during parse(). */
struct RequestParser::Callbacks {
	static RequestParser &parser(llhttp_t *from)
	{
		return *static_cast<RequestParser *>(from->data);
	}
	static Request &request(llhttp_t *from)
	{
		static_assert(offsetof(Request, parser) == 0);
		return *reinterpret_cast<Request *>(from);
	}

	static int method(llhttp_t *from, const char *at, size_t)
	{
		if (!request(from).in_head)
			parser(from).begin(request(from), at);
		return HPE_OK;
	}
	static int url(llhttp_t *from, const char *at, size_t length)
	{
		return parser(from).add(request(from), at, length);
	}
	static int url_complete(llhttp_t *from)
	{
		Request &r = request(from);

		r.has_target = true;
		parser(from).target(r, parser(from).token(r));
		parser(from).drop_token(r);
		return HPE_OK;
	}
	static int version(llhttp_t *from, const char *at, size_t length)
	{
		Request &r = request(from);

		/* llhttp takes RTSP/1.0 and ICE/1.0, too. */
		if (!r.version_bytes && parser(from).byte_before(r, at, 3) != 'T')
			return parser(from).fail(400);
		r.version_bytes = static_cast<uint8_t>(r.version_bytes + length);
		return HPE_OK;
	}
	static int name(llhttp_t *from, const char *at, size_t length)
	{
		Request &r = request(from);

		if (r.name_too_long ||
		    r.token_bytes + parser(from).token_.size() + length > name_max) {
			r.name_too_long = true;
			return parser(from).head_data(r, at, length);
		}
		return parser(from).add(r, at, length);
	}
	static int name_complete(llhttp_t *from)
	{
		Request &r = request(from);

		/* In trailers nothing matters. */
		r.field = r.name_too_long || r.in_body ? Field::other
						       : find_field(parser(from).token(r));
		r.name_too_long = false;
		parser(from).drop_token(r);
		return HPE_OK;
	}
	static int value(llhttp_t *from, const char *at, size_t length)
	{
		Request &r = request(from);

		if (r.field == Field::other)
			return parser(from).head_data(r, at, length);
		return parser(from).add(r, at, length);
	}
	static int value_complete(llhttp_t *from)
	{
		Request &r = request(from);

		if (r.field != Field::other)
			parser(from).header(r, r.field, trim_end(parser(from).token(r)));
		parser(from).drop_token(r);
		return HPE_OK;
	}
	static int head_complete(llhttp_t *from)
	{
		Request &r = request(from);
		unsigned status;

		/* Of HTTP/1.0 no framing but Content-Length is known. */
		if (from->http_major != 1 || from->http_minor > 1)
			status = 505;
		else if (from->http_minor == 0 && (from->flags & F_TRANSFER_ENCODING))
			status = 400;
		else if (from->content_length > parser(from).limits_.body)
			status = 413;
		else
			status = parser(from).head_complete(r);
		r.in_body = true;
		r.head_bytes = 0;
		return status ? parser(from).fail(status) : HPE_OK;
	}
	static int body(llhttp_t *from, const char *, size_t length)
	{
		Request &r = request(from);

		if (length > parser(from).limits_.body - r.body_bytes)
			return parser(from).fail(413);
		r.body_bytes += static_cast<uint32_t>(length);
		return HPE_OK;
	}
	static int extension(llhttp_t *from, const char *at, size_t length)
	{
		return parser(from).head_data(request(from), at, length);
	}
	static int done(llhttp_t *from)
	{
		Request &r = request(from);

		r.begun = false;
		r.in_head = false;
		r.in_body = false;

		const bool go_on = parser(from).done(r);

		r.has_target = false;
		return go_on ? HPE_OK : HPE_PAUSED;
	}
	static int message_begin(llhttp_t *from)
	{
		request(from).begun = true;
		return HPE_OK;
	}

	static const llhttp_settings_t *settings()
	{
		static const llhttp_settings_t settings = [] {
			llhttp_settings_t s;

			llhttp_settings_init(&s);
			s.on_message_begin = message_begin;
			s.on_method = method;
			s.on_url = url;
			s.on_url_complete = url_complete;
			s.on_version = version;
			s.on_header_field = name;
			s.on_header_field_complete = name_complete;
			s.on_header_value = value;
			s.on_header_value_complete = value_complete;
			s.on_headers_complete = head_complete;
			s.on_body = body;
			s.on_chunk_extension_name = extension;
			s.on_chunk_extension_value = extension;
			s.on_message_complete = done;
			return s;
		}();

		return &settings;
	}
};

RequestParser::RequestParser(const RequestLimits &limits)
	: limits_(limits), buffers_(limits.buffers, limits.head)
{
}

void RequestParser::open(Request &request) const
{
	llhttp_init(&request.parser, HTTP_REQUEST, Callbacks::settings());
}

void RequestParser::close(Request &request)
{
	drop_token(request);
}

void RequestParser::begin(Request &request, const char *at)
{
	request.in_head = true;
	request.head_bytes = 0;
	request.body_bytes = 0;
	request.raw_bytes = 0;
	request.has_target = false;
	request.version_bytes = 0;
	head_ = at;
}

int RequestParser::fail(unsigned status)
{
	status_ = status;
	return HPE_USER;
}

/** Counts what may be no more than limits_.head. */
int RequestParser::head_data(Request &request, const char *at, size_t length)
{
	if (request.in_body) {
		request.head_bytes += static_cast<uint32_t>(length);
		return request.head_bytes > limits_.head ? fail(431) : HPE_OK;
	}

	const size_t bytes = request.head_bytes + static_cast<size_t>(at + length - head_);

	return bytes > limits_.head ? fail(431) : HPE_OK;
}

int RequestParser::add(Request &request, const char *at, size_t length)
{
	if (!request.has_target && request.token_bytes + token_.size() + length > limits_.target)
		return fail(414);

	const int result = head_data(request, at, length);

	if (result != HPE_OK)
		return result;
	if (request.token_bytes)
		return save(request, at, length);
	if (token_.empty())
		token_ = {at, length};
	else
		token_ = {token_.data(), token_.size() + length};
	return HPE_OK;
}

int RequestParser::save(Request &request, const char *at, size_t length)
{
	const uint32_t bytes = request.token_bytes + static_cast<uint32_t>(length);

	if (!request.token_in_buffer && bytes > request.small.size()) {
		const uint32_t id = buffers_.take();

		if (id == BufferPool::none)
			return fail(503);
		std::memcpy(buffers_.data(id), request.small.data(), request.token_bytes);
		request.token_buffer = id;
		request.token_in_buffer = true;
	}

	char *to = request.token_in_buffer
			   ? reinterpret_cast<char *>(buffers_.data(request.token_buffer))
			   : request.small.data();

	std::memcpy(to + request.token_bytes, at, length);
	request.token_bytes = bytes;
	return HPE_OK;
}

std::string_view RequestParser::token(const Request &request) const
{
	if (!request.token_bytes)
		return token_;
	if (!request.token_in_buffer)
		return {request.small.data(), request.token_bytes};
	return {reinterpret_cast<const char *>(buffers_.data(request.token_buffer)),
		request.token_bytes};
}

void RequestParser::drop_token(Request &request)
{
	if (request.token_in_buffer)
		buffers_.release(request.token_buffer);
	request.token_in_buffer = false;
	request.token_bytes = 0;
	token_ = {};
}

char RequestParser::byte_before(const Request &request, const char *at, size_t distance) const
{
	const size_t offset = static_cast<size_t>(at - input_);

	if (offset >= distance)
		return at[-static_cast<ptrdiff_t>(distance)];
	return request.before[request.before.size() - (distance - offset)];
}

unsigned RequestParser::failure(const Request &request, llhttp_errno_t error) const
{
	switch (error) {
	case HPE_USER:
	case HPE_CB_HEADERS_COMPLETE:
		return status_;
	case HPE_PAUSED_H2_UPGRADE:
		return 505;
	case HPE_INVALID_VERSION:
		/* Or something is wrong after a version that is known. */
		return request.version_bytes == 3 && (request.parser.http_major != 1 ||
						      request.parser.http_minor > 1)
			       ? 505
			       : 400;
	case HPE_INVALID_METHOD:
		return is_token(*llhttp_get_error_pos(&request.parser)) ? 501 : 400;
	default:
		return 400;
	}
}

unsigned RequestParser::keep(Request &request, std::span<const char> input)
{
	if (!token_.empty()) {
		const std::string_view token = token_;

		token_ = {};
		if (save(request, token.data(), token.size()) != HPE_OK)
			return status_;
	}
	if (!request.begun)
		return 0;
	for (const char c : input.last(std::min(input.size(), request.before.size()))) {
		std::ranges::copy(std::span(request.before).subspan(1), request.before.begin());
		request.before.back() = c;
	}
	if (request.in_body) {
		/* Far more than chunks of one byte add: something idles. */
		if (input.size() > 8 * size_t{limits_.body} + limits_.head - request.raw_bytes)
			return 413;
		request.raw_bytes += input.size();
	} else if (request.in_head) {
		request.head_bytes += static_cast<uint32_t>(input.data() + input.size() - head_);
		/* The empty line does not count. */
		if (request.head_bytes > limits_.head + 4)
			return 431;
	}
	return 0;
}

size_t RequestParser::parse(Request &request, std::span<const std::byte> bytes)
{
	const std::span input(reinterpret_cast<const char *>(bytes.data()), bytes.size());
	const char *const end = input.data() + input.size();
	const char *at = input.data();
	unsigned status = 0;

	request.parser.data = this;
	token_ = {};
	input_ = at;
	head_ = at;
	while (at != end) {
		const llhttp_errno_t error =
			llhttp_execute(&request.parser, at, static_cast<size_t>(end - at));

		if (error == HPE_OK) {
			status = keep(request, input);
			at = end;
			break;
		}
		at = llhttp_get_error_pos(&request.parser);
		/* Nothing is upgraded: what follows are requests, as before. */
		if (error == HPE_PAUSED_UPGRADE) {
			llhttp_resume_after_upgrade(&request.parser);
			continue;
		}
		if (error == HPE_PAUSED) {
			llhttp_resume(&request.parser);
			break;
		}
		status = failure(request, error);
		break;
	}
	request.parser.data = nullptr;
	if (status) {
		request.begun = false;
		drop_token(request);
		refused(request, status);
		return bytes.size();
	}
	return static_cast<size_t>(at - input.data());
}

} // namespace lanes::http
