// SPDX-License-Identifier: GPL-2.0-only
#ifndef LANES_HTTP_CONDITIONS_H
#define LANES_HTTP_CONDITIONS_H

#include <optional>
#include <string_view>

#include <cstdint>

namespace lanes::http {

/** A Range field with one range, before the size of the content is known. */
struct Range {
	static constexpr uint64_t open = ~uint64_t{0};

	/** open: the last @last bytes are meant. */
	uint64_t first = 0;
	/** Inclusive; open: to the end. */
	uint64_t last = open;
};

/** Nothing if the field is to be ignored: other units, malformed, or several
 *  ranges.
 */
std::optional<Range> parse_range(std::string_view value);

struct Part {
	uint64_t offset;
	uint64_t length;
};

/** The part of @size bytes that is meant; nothing if there is no such byte. */
std::optional<Part> resolve(const Range &range, uint64_t size);

/** Whether the list of If-None-Match has @etag, in the weak comparison. */
bool lists_etag(std::string_view list, std::string_view etag);

} // namespace lanes::http

#endif
