// SPDX-License-Identifier: GPL-2.0-only
#ifndef LANES_BPF_FLOW_MATRIX_H
#define LANES_BPF_FLOW_MATRIX_H

#include <array>
#include <string>
#include <vector>

#include <nlohmann/json.hpp>

#include "laneflow.h"

namespace lanes {

/** Connections by the CPUs of their SYN, accept and first data. */
class FlowMatrix {
public:
	void add(const flow_cell &cell, uint64_t count);

	std::string text(bool lanes) const;
	nlohmann::ordered_json json() const;

	std::array<uint64_t, FLOW_TOTALS> totals{};

private:
	struct Cell {
		flow_cell at;
		uint64_t count;
	};
	struct Sums;

	Sums sums() const;
	std::string table(const char *rows, const char *columns, __s32 flow_cell::*row,
			  __s32 flow_cell::*column, const std::vector<Cell> &cells) const;

	/** All that were accepted; and of these, what had data. */
	std::vector<Cell> accepted_;
	std::vector<Cell> with_data_;
};

} // namespace lanes

#endif
