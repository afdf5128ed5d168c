// SPDX-License-Identifier: GPL-2.0-only
#ifndef LANES_DEMO_TABLE_H
#define LANES_DEMO_TABLE_H

#include <string>
#include <vector>

#include "demo/experiment.h"

namespace lanes {

std::string table_header(const std::vector<Setup> &setups);

/** The rows of one trouble, a column for each set-up. */
std::string table_rows(Trouble trouble, const std::vector<Outcome> &outcomes);

} // namespace lanes

#endif
