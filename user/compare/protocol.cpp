// SPDX-License-Identifier: GPL-2.0-only
#include "compare/protocol.h"

#include <algorithm>
#include <charconv>
#include <format>
#include <random>
#include <stdexcept>

#include <cstring>

namespace lanes::compare {
namespace {

constexpr size_t checked_ends = 64;
constexpr unsigned checked_in_full = 16;

std::string payload(size_t size, unsigned variant)
{
	std::mt19937 bytes(variant);
	std::string text(size, '\0');

	for (char &byte : text)
		byte = static_cast<char>(bytes());
	return text;
}

std::string resp(std::initializer_list<std::string_view> words)
{
	std::string text = std::format("*{}\r\n", words.size());

	for (std::string_view word : words)
		text += std::format("${}\r\n", word.size()).append(word).append("\r\n");
	return text;
}

/* The header's names have no case. */
size_t find_name(std::string_view head, std::string_view name)
{
	const auto found = std::search(head.begin(), head.end(), name.begin(), name.end(),
				       [](char a, char b) { return std::tolower(a) == b; });

	return found == head.end() ? head.npos : static_cast<size_t>(found - head.begin());
}

} // namespace

Exchange make_exchange(Protocol protocol, size_t size, unsigned variant)
{
	const std::string value = payload(size, variant);
	const std::string key = std::format("lanes:{}", variant);
	Exchange exchange;

	switch (protocol) {
	case Protocol::echo:
		exchange.request = exchange.reply = value;
		break;
	case Protocol::http:
		exchange.request = "GET /plaintext HTTP/1.1\r\nHost: lanes\r\n\r\n";
		exchange.reply = "HTTP/1.1 200 ";
		return exchange;
	case Protocol::resp_set:
		exchange.request = resp({"SET", key, value});
		exchange.reply = "+OK\r\n";
		break;
	case Protocol::resp_get:
		exchange.request_first = resp({"SET", key, value});
		exchange.reply_first = std::strlen("+OK\r\n");
		exchange.request = resp({"GET", key});
		exchange.reply = std::format("${}\r\n", size).append(value).append("\r\n");
		break;
	case Protocol::resp_ping:
		exchange.request = resp({"PING"});
		exchange.reply = "+PONG\r\n";
		break;
	}
	exchange.reply_length = exchange.reply.size();
	return exchange;
}

size_t http_reply_length(std::string_view reply)
{
	constexpr std::string_view end = "\r\n\r\n";
	constexpr std::string_view name = "\r\ncontent-length: ";
	const size_t head = reply.find(end);

	if (head == reply.npos)
		return 0;

	const size_t at = find_name(reply.substr(0, head), name);
	size_t length = 0;

	if (at == reply.npos ||
	    std::from_chars(reply.data() + at + name.size(), reply.data() + head, length).ec !=
		    std::errc())
		throw std::runtime_error("the HTTP reply has no Content-Length");
	return head + end.size() + length;
}

bool ReplyStream::right(std::span<const char> piece)
{
	const std::string &want = exchange_->reply;

	if (position_ >= want.size())
		return true;

	const size_t length = std::min(piece.size(), want.size() - position_);
	const char *expected = want.data() + position_;

	if (length <= 2 * checked_ends || pieces_++ % checked_in_full == 0)
		return !std::memcmp(piece.data(), expected, length);
	return !std::memcmp(piece.data(), expected, checked_ends) &&
	       !std::memcmp(piece.data() + length - checked_ends, expected + length - checked_ends,
			    checked_ends);
}

int ReplyStream::feed(std::span<const char> bytes)
{
	int ended = 0;

	while (!bytes.empty()) {
		const size_t length = std::min(bytes.size(), exchange_->reply_length - position_);

		if (!right(bytes.first(length)))
			return wrong;
		position_ += length;
		bytes = bytes.subspan(length);
		if (position_ == exchange_->reply_length) {
			position_ = 0;
			ended++;
		}
	}
	return ended;
}

} // namespace lanes::compare
