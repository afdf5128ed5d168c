// SPDX-License-Identifier: GPL-2.0-only
#ifndef LANES_COMMON_ERROR_H
#define LANES_COMMON_ERROR_H

#include <format>
#include <stdexcept>
#include <string>
#include <string_view>

#include <cstring>

namespace lanes {

/** What the user typed cannot work: exit status 2. */
struct UsageError : std::runtime_error {
	using std::runtime_error::runtime_error;
};

/** "object: ENAME (text); remedy" */
inline std::string describe_errno(int err, std::string_view object, std::string_view remedy = {})
{
	const char *name = strerrorname_np(err);
	std::string text = std::format("{}: {} ({})", object, name ? name : "unknown errno",
				       strerrordesc_np(err) ? strerrordesc_np(err) : "?");

	if (!remedy.empty())
		text += std::format("; {}", remedy);
	return text;
}

[[noreturn]] inline void throw_errno(int err, std::string_view object, std::string_view remedy = {})
{
	throw std::runtime_error(describe_errno(err, object, remedy));
}

} // namespace lanes

#endif
