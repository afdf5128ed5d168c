// SPDX-License-Identifier: GPL-2.0-only
#ifndef LANES_COMPARE_TIMETABLE_H
#define LANES_COMPARE_TIMETABLE_H

#include <cmath>
#include <cstdint>

namespace lanes::compare {

/** When requests are to be sent, whatever became of those before: request n at
 *  start + n / rate, by connection n modulo their number. In nanoseconds.
 */
class Timetable {
public:
	Timetable(int64_t start, double rate, unsigned connections)
		: start_(start), gap_(1e9 / rate), connections_(connections)
	{
	}

	int64_t time_of(uint64_t request) const
	{
		return start_ +
		       static_cast<int64_t>(std::llround(static_cast<double>(request) * gap_));
	}
	unsigned connection_of(uint64_t request) const
	{
		return static_cast<unsigned>(request % connections_);
	}
	/** The time of a connection's @nth request. */
	int64_t time_of(unsigned connection, uint64_t nth) const
	{
		return time_of(nth * connections_ + connection);
	}

private:
	int64_t start_;
	double gap_;
	unsigned connections_;
};

} // namespace lanes::compare

#endif
