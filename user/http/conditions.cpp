// SPDX-License-Identifier: GPL-2.0-only
#include "http/conditions.h"

#include <algorithm>
#include <charconv>

namespace lanes::http {

namespace {

/** Takes digits off @text; nothing if there are none or they are too many. */
std::optional<uint64_t> take_number(std::string_view &text)
{
	uint64_t value = 0;
	const auto result = std::from_chars(text.data(), text.data() + text.size(), value);

	if (result.ec != std::errc{})
		return {};
	text.remove_prefix(static_cast<size_t>(result.ptr - text.data()));
	return value;
}

} // namespace

std::optional<Range> parse_range(std::string_view value)
{
	static constexpr std::string_view unit = "bytes=";
	Range range;

	if (!value.starts_with(unit))
		return {};
	value.remove_prefix(unit.size());

	const bool suffix = value.starts_with('-');

	if (suffix) {
		range.first = Range::open;
	} else {
		const auto first = take_number(value);

		if (!first || *first == Range::open || !value.starts_with('-'))
			return {};
		range.first = *first;
	}
	value.remove_prefix(1);
	if (suffix || !value.empty()) {
		const auto last = take_number(value);

		if (!last || (!suffix && *last < range.first))
			return {};
		range.last = *last;
	}
	if (!value.empty())
		return {};
	return range;
}

std::optional<Part> resolve(const Range &range, uint64_t size)
{
	if (range.first == Range::open) {
		const uint64_t length = std::min(range.last, size);

		if (!length)
			return {};
		return Part{size - length, length};
	}
	if (range.first >= size)
		return {};
	return Part{range.first, std::min(range.last, size - 1) - range.first + 1};
}

bool lists_etag(std::string_view list, std::string_view etag)
{
	if (list == "*")
		return true;
	for (;;) {
		list.remove_prefix(std::min(list.find_first_not_of(", \t"), list.size()));
		if (list.starts_with("W/"))
			list.remove_prefix(2);
		if (!list.starts_with('"'))
			return false;

		const size_t end = list.find('"', 1);

		if (end == list.npos)
			return false;
		if (list.substr(0, end + 1) == etag)
			return true;
		list.remove_prefix(end + 1);
	}
}

} // namespace lanes::http
