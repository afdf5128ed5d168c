// SPDX-License-Identifier: GPL-2.0-only
#include "lanesd/log.h"

#include <format>

namespace lanes {

void print(FILE *stream, const std::string &text)
{
	std::fputs(text.c_str(), stream);
	std::fflush(stream);
}

void log(std::string_view text)
{
	print(stderr, std::format("lanesd: {}\n", text));
}

std::string join(const std::vector<std::string> &words)
{
	std::string text;

	for (const std::string &word : words)
		text += (text.empty() ? "" : ", ") + word;
	return text;
}

} // namespace lanes
