// SPDX-License-Identifier: GPL-2.0-only
#include "lanectl/table.h"

#include <algorithm>
#include <format>

namespace lanes::ctl {

std::string format_table(const std::vector<Row> &rows)
{
	std::vector<size_t> widths(rows.front().size());
	std::string text;

	for (const Row &row : rows)
		for (size_t i = 0; i < row.size(); i++)
			widths[i] = std::max(widths[i], row[i].size());
	for (const Row &row : rows) {
		for (size_t i = 0; i < row.size(); i++) {
			if (i + 1 == row.size())
				text += row[i];
			else if (i == 0)
				text += std::format("{:<{}}  ", row[i], widths[i]);
			else
				text += std::format("{:>{}}  ", row[i], widths[i]);
		}
		text += '\n';
	}
	return text;
}

std::string format_json(const nlohmann::ordered_json &json, Style style)
{
	using Json = nlohmann::ordered_json;

	/* Names of processes may be any bytes. */
	return json.dump(style == Style::pretty ? 4 : -1, ' ', false,
			 Json::error_handler_t::replace) +
	       "\n";
}

} // namespace lanes::ctl
