// SPDX-License-Identifier: GPL-2.0-only
#ifndef LANES_LANECTL_SETTINGS_H
#define LANES_LANECTL_SETTINGS_H

#include <filesystem>
#include <string>
#include <vector>

namespace lanes::ctl {

/** Of a file in /proc or /sys; empty if it cannot be read. */
std::string first_line(const std::filesystem::path &path);

/** "NAME=VALUE" of each file in @folder that can be read, sorted by name. */
std::vector<std::string> settings_in(const std::filesystem::path &folder);

} // namespace lanes::ctl

#endif
