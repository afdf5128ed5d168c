// SPDX-License-Identifier: GPL-2.0-only
#ifndef LANES_LANECTL_TABLE_H
#define LANES_LANECTL_TABLE_H

#include <string>
#include <vector>

#include <nlohmann/json.hpp>

#include "lanectl/options.h"

namespace lanes::ctl {

using Row = std::vector<std::string>;

/** Columns as wide as need be: the first to the left, the others to the right,
 *  but the last as it is. All rows have as many columns as the first.
 */
std::string format_table(const std::vector<Row> &rows);

/** In one line, or in many if @style is pretty, with a newline at the end. */
std::string format_json(const nlohmann::ordered_json &json, Style style);

} // namespace lanes::ctl

#endif
