// SPDX-License-Identifier: GPL-2.0-only
/* For tests: requests, and the replies to them, as a peer sends and gets them. */
#ifndef LANES_RESP_REQUEST_H
#define LANES_RESP_REQUEST_H

#include <format>
#include <string>
#include <string_view>
#include <vector>

namespace lanes {

inline std::string bulk(std::string_view text)
{
	return std::format("${}\r\n{}\r\n", text.size(), text);
}

inline std::string command(const std::vector<std::string> &words)
{
	std::string text = std::format("*{}\r\n", words.size());

	for (const std::string &word : words)
		text += bulk(word);
	return text;
}

} // namespace lanes

#endif
