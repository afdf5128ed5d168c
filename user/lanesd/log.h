// SPDX-License-Identifier: GPL-2.0-only
#ifndef LANES_LANESD_LOG_H
#define LANES_LANESD_LOG_H

#include <string>
#include <string_view>
#include <vector>

#include <cstdio>

namespace lanes {

/** At once, so that a reader on a pipe sees a line when it is true. */
void print(FILE *stream, const std::string &text);

/** A line on stderr. */
void log(std::string_view text);

/** With commas. */
std::string join(const std::vector<std::string> &words);

} // namespace lanes

#endif
