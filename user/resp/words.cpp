// SPDX-License-Identifier: GPL-2.0-only
#include "resp/words.h"

#include <charconv>

namespace lanes {
namespace {

bool blank(char byte)
{
	return byte == ' ' || (byte >= '\t' && byte <= '\r') || !byte;
}

int hex(char byte)
{
	if (byte >= '0' && byte <= '9')
		return byte - '0';
	byte |= 0x20;
	return byte >= 'a' && byte <= 'f' ? byte - 'a' + 10 : -1;
}

/* What follows a backslash at line[at]; moves @at behind it. */
char escaped(std::span<const char> line, size_t &at)
{
	const char byte = line[at++];

	switch (byte) {
	case 'n':
		return '\n';
	case 'r':
		return '\r';
	case 't':
		return '\t';
	case 'b':
		return '\b';
	case 'a':
		return '\a';
	case 'x':
		if (at + 1 < line.size() && hex(line[at]) >= 0 && hex(line[at + 1]) >= 0) {
			at += 2;
			return static_cast<char>(hex(line[at - 2]) << 4 | hex(line[at - 1]));
		}
		return byte;
	default:
		return byte;
	}
}

} // namespace

bool parse_integer(std::string_view text, int64_t &number)
{
	const char *const end = text.data() + text.size();
	const std::string_view digits = text.substr(text.starts_with('-'));

	if (digits.empty() || (digits[0] == '0' && text.size() > 1))
		return false;

	const auto result = std::from_chars(text.data(), end, number);

	return result.ec == std::errc() && result.ptr == end;
}

size_t most_words(std::string_view line)
{
	size_t words = 0;
	bool before = true;

	for (const char byte : line) {
		words += before && !blank(byte);
		before = blank(byte);
	}
	return words;
}

int next_word(std::span<char> &line, std::string_view &word)
{
	size_t at = 0;
	size_t to;
	char quote = 0;

	while (at < line.size() && blank(line[at]))
		at++;
	if (at == line.size())
		return 0;

	const size_t begin = at;

	to = begin;
	while (at < line.size()) {
		const char byte = line[at];

		if (!quote && blank(byte))
			break;
		at++;
		if (!quote && (byte == '"' || byte == '\'')) {
			quote = byte;
		} else if (quote && byte == quote) {
			/* A quoted word ends with its quote. */
			if (at < line.size() && !blank(line[at]))
				return -1;
			quote = 0;
		} else if (quote == '"' && byte == '\\' && at < line.size()) {
			line[to++] = escaped(line, at);
		} else if (quote == '\'' && byte == '\\' && at < line.size() && line[at] == '\'') {
			line[to++] = '\'';
			at++;
		} else {
			line[to++] = byte;
		}
	}
	if (quote)
		return -1;
	word = {line.data() + begin, to - begin};
	line = line.subspan(at);
	return 1;
}

} // namespace lanes
