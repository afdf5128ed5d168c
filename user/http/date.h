// SPDX-License-Identifier: GPL-2.0-only
#ifndef LANES_HTTP_DATE_H
#define LANES_HTTP_DATE_H

#include <array>
#include <optional>
#include <string_view>

#include <ctime>

namespace lanes::http {

/** "Sun, 06 Nov 1994 08:49:37 GMT", of seconds since 1970. */
using Date = std::array<char, 29>;
Date format_date(time_t time);

/** Any of the three formats of RFC 9110, 5.6.7. */
std::optional<time_t> parse_date(std::string_view text);

inline std::string_view view(const Date &date)
{
	return {date.data(), date.size()};
}

} // namespace lanes::http

#endif
