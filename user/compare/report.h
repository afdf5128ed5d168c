// SPDX-License-Identifier: GPL-2.0-only
#ifndef LANES_COMPARE_REPORT_H
#define LANES_COMPARE_REPORT_H

#include <string>

#include "compare/options.h"
#include "compare/statistics.h"

namespace lanes::compare {

/** Tables in Markdown, each server a column, a table for each number of
 *  connections and regime; then what became of the goals.
 */
std::string format_report(const Options &options, const Results &results);

/** The same as one JSON object. */
std::string format_json(const Options &options, const Results &results);

} // namespace lanes::compare

#endif
