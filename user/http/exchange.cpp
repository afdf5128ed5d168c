// SPDX-License-Identifier: GPL-2.0-only
#include "http/exchange.h"

#include <algorithm>
#include <optional>

namespace lanes::http {

namespace {

/** Shorter content is copied to its head, so that both are one piece. */
constexpr size_t copy_max = 2048;
/** What a stream that was not full takes in any case, but for a head. */
constexpr size_t first_max = 8192;
constexpr size_t piece_max = 16384;

/** The path of a target in origin or absolute form. */
std::string_view path_of(std::string_view target)
{
	if (!target.starts_with('/')) {
		const size_t authority = target.find("://");

		if (authority == target.npos)
			return target;

		const size_t path = target.find_first_of("/?#", authority + 3);

		if (path == target.npos || target[path] != '/')
			return "/";
		target.remove_prefix(path);
	}
	return target.substr(0, target.find_first_of("?#"));
}

int hex(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	if (c >= 'A' && c <= 'F')
		return c - 'A' + 10;
	return -1;
}

/** Nothing if @path is malformed, has a NUL, or is too long for a file. */
std::optional<std::string_view> decode(std::string_view path, std::span<char> to)
{
	size_t size = 0;

	for (size_t i = 0; i < path.size() && size < to.size(); i++) {
		if (path[i] != '%') {
			to[size++] = path[i];
			continue;
		}
		if (path.size() - i < 3)
			return {};

		const int high = hex(path[i + 1]);
		const int low = hex(path[i + 2]);

		if (high < 0 || low < 0 || !(high | low))
			return {};
		to[size++] = static_cast<char>(high << 4 | low);
		i += 2;
	}
	return std::string_view(to.data(), size);
}

bool is_continue(std::string_view expectation)
{
	static constexpr std::string_view word = "100-continue";

	return std::ranges::equal(expectation, word,
				  [](char a, char b) { return a == b || (a | 0x20) == b; });
}

} // namespace

Exchange::Exchange(std::shared_ptr<const Files> files, const RequestLimits &limits, time_t now)
	: RequestParser(limits), common_(now), snapshot_(Snapshot::make(std::move(files)))
{
}

Exchange::~Exchange()
{
	snapshot_->give_back();
}

void Exchange::use(std::shared_ptr<const Files> files)
{
	snapshot_->give_back();
	snapshot_ = Snapshot::make(std::move(files));
}

size_t Exchange::received(Request &request, Sink &sink, std::span<const std::byte> input)
{
	send_rest(request, sink);
	if (request.over)
		return input.size();
	if (sink.full() || !request.rest.empty())
		return 0;
	sink_ = &sink;

	const size_t length = parse(request, input);

	sink_ = nullptr;
	return length;
}

void Exchange::input_ended(Request &request, Sink &sink)
{
	request.last = true;
	if (request.rest.empty())
		finish(request, sink);
}

void Exchange::writable(Request &request, Sink &sink)
{
	send_rest(request, sink);
}

void Exchange::closed(Request &request)
{
	close(request);
	next(request);
}

/** Forgets what is of one request only. */
void Exchange::next(Request &request)
{
	if (request.snapshot)
		request.snapshot->give_back();
	request.snapshot = nullptr;
	request.file = nullptr;
	request.rest = {};
	request.status = 0;
	request.hosts = 0;
	request.expects_continue = false;
	request.none_match = false;
	request.none_match_found = false;
	request.has_modified_since = false;
	request.has_range = false;
	request.range_void = false;
	request.plaintext = false;
}

void Exchange::target(Request &request, std::string_view text)
{
	const std::string_view path = path_of(text);

	if (path == "/plaintext") {
		request.plaintext = true;
		return;
	}
	if (path.find('%') == path.npos) {
		find(request, path);
		return;
	}

	std::array<char, Files::path_max + 1> decoded;
	const auto plain = decode(path, decoded);

	if (plain)
		find(request, *plain);
	else
		request.status = 400;
}

void Exchange::find(Request &request, std::string_view path)
{
	request.file = snapshot_->files().find(path);
	if (request.file)
		request.snapshot = snapshot_->hold();
	else
		request.status = 404;
}

void Exchange::header(Request &request, Field field, std::string_view value)
{
	switch (field) {
	case Field::other:
		return;
	case Field::host:
		request.hosts = static_cast<uint8_t>(std::min(request.hosts + 1, 2));
		return;
	case Field::expect:
		if (is_continue(value))
			request.expects_continue = true;
		else if (!request.status)
			request.status = 417;
		return;
	case Field::range:
		if (const auto range = parse_range(value); range && !request.has_range) {
			request.range = *range;
			request.has_range = true;
		} else {
			request.range_void = true;
		}
		return;
	case Field::if_range:
		if (!request.file)
			return;
		if (value.starts_with('"'))
			request.range_void |= value != request.file->etag();
		else
			request.range_void |= parse_date(value) != request.file->modified();
		return;
	case Field::if_none_match:
		request.none_match = true;
		if (request.file)
			request.none_match_found |= lists_etag(value, request.file->etag());
		return;
	case Field::if_modified_since:
		if (const auto date = parse_date(value)) {
			request.modified_since = *date;
			request.has_modified_since = true;
		}
		return;
	}
}

unsigned Exchange::head_complete(Request &request)
{
	const uint8_t method = request.parser.method;

	if (request.hosts > 1 || (!request.hosts && request.parser.http_minor == 1))
		return 400;
	if (method != HTTP_GET && method != HTTP_HEAD)
		request.status = 405;
	/* What it calls is not HTTP from here on. */
	if (method == HTTP_CONNECT)
		return 405;
	if (!request.expects_continue || !request.has_body() || !request.parser.http_minor)
		return 0;
	/* The peer need not send a body for nothing, and might do so or not. */
	if (request.status)
		return request.status;
	sink_->write("HTTP/1.1 100 Continue\r\n\r\n");
	return 0;
}

bool Exchange::done(Request &request)
{
	request.last = !request.keeps_alive() || sink_->draining();
	reply(request);
	if (!request.rest.empty()) {
		send_rest(request, *sink_);
		return !request.over && request.rest.empty() && !sink_->full();
	}
	next(request);
	if (request.last) {
		finish(request, *sink_);
		return false;
	}
	return !sink_->full();
}

void Exchange::refused(Request &request, unsigned status)
{
	request.last = true;
	reply_error(request, status);
	next(request);
	finish(request, *sink_);
}

void Exchange::reply(Request &request)
{
	if (request.status) {
		reply_error(request, request.status);
		return;
	}
	if (!request.plaintext) {
		reply_file(request);
		return;
	}
	/* Connection says nothing in the usual case: all is made. */
	if (!request.last && request.parser.http_minor) {
		sink_->write(request.head_only() ? common_.plaintext_head() : common_.plaintext());
		return;
	}
	start(request, 200) << Common::plaintext_fields;
	if (!request.head_only())
		reply_ << Common::plaintext_content;
	sink_->write(reply_.text());
}

/** Begins reply_. */
Reply &Exchange::start(const Request &request, unsigned status)
{
	reply_.clear();
	reply_ << "HTTP/1.1 " << status_text(status) << "\r\n" << common_.fields();
	if (request.last)
		reply_ << "Connection: close\r\n";
	else if (!request.parser.http_minor)
		reply_ << "Connection: keep-alive\r\n";
	return reply_;
}

void Exchange::reply_error(const Request &request, unsigned status)
{
	const std::string_view text = status_text(status);

	start(request, status);
	if (status == 405)
		reply_ << "Allow: GET, HEAD\r\n";
	reply_ << "Content-Type: text/plain\r\nContent-Length: " << uint64_t{text.size() + 1}
	       << "\r\n\r\n";
	if (!request.head_only())
		reply_ << text << "\n";
	sink_->write(reply_.text());
}

bool Exchange::unmodified(const Request &request)
{
	if (request.none_match)
		return request.none_match_found;
	return request.has_modified_since && request.file->modified() <= request.modified_since;
}

void Exchange::reply_file(Request &request)
{
	const File &file = *request.file;
	const uint64_t size = file.content().size();
	std::optional<Part> part;

	if (!file.location().empty()) {
		start(request, 301)
			<< "Location: " << file.location() << "\r\nContent-Length: 0\r\n\r\n";
		sink_->write(reply_.text());
		return;
	}
	if (unmodified(request)) {
		start(request, 304) << file.validators();
		sink_->write(reply_.text());
		return;
	}
	if (!request.has_range || request.range_void || request.head_only()) {
		start(request, 200) << file.fields();
		reply_content(request, {0, size});
		return;
	}
	part = resolve(request.range, size);
	if (!part) {
		start(request, 416)
			<< "Content-Range: bytes */" << size << "\r\nContent-Length: 0\r\n\r\n";
		sink_->write(reply_.text());
		return;
	}
	start(request, 206) << "Content-Range: bytes " << part->offset << "-"
			    << part->offset + part->length - 1 << "/" << size
			    << "\r\nContent-Length: " << part->length << "\r\n"
			    << file.fields_but_length();
	reply_content(request, *part);
}

/** After the head. */
void Exchange::reply_content(Request &request, Part part)
{
	const auto content = request.file->content().subspan(part.offset, part.length);

	if (request.head_only()) {
		sink_->write(reply_.text());
		return;
	}
	if (content.size() <= copy_max) {
		reply_ << std::string_view(reinterpret_cast<const char *>(content.data()),
					   content.size());
		sink_->write(reply_.text());
		return;
	}
	sink_->write(reply_.text());

	const auto first = content.first(std::min(content.size(), first_max));

	sink_->lend(first, *request.snapshot->hold());
	request.rest = content.subspan(first.size());
}

/** As much as the stream takes; if that is all, what was to follow it. */
void Exchange::send_rest(Request &request, Sink &sink)
{
	if (request.rest.empty())
		return;
	while (!request.rest.empty() && !sink.full()) {
		const auto piece = request.rest.first(std::min(request.rest.size(), piece_max));

		sink.lend(piece, *request.snapshot->hold());
		request.rest = request.rest.subspan(piece.size());
	}
	if (!request.rest.empty())
		return;
	next(request);
	if (request.last)
		finish(request, sink);
}

void Exchange::finish(Request &request, Sink &sink)
{
	request.over = true;
	sink.finish();
}

} // namespace lanes::http
