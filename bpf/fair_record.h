// SPDX-License-Identifier: GPL-2.0-only
#ifndef LANES_BPF_FAIR_RECORD_H
#define LANES_BPF_FAIR_RECORD_H

#include <chrono>
#include <string>
#include <unordered_map>
#include <vector>

#include <nlohmann/json.hpp>

#include "lanefair.h"

namespace lanes {

/** Jain's index of shares: 1 if all are equal, 1/n if one has everything; 1 of
 *  nothing.
 */
double jain_index(const std::vector<uint64_t> &shares);

/** What each connection got between the first sample and the last. */
class FairRecord {
public:
	using Clock = std::chrono::steady_clock;

	/** A connection is starving after so long. */
	explicit FairRecord(std::chrono::milliseconds patience) : patience_(patience) {}

	/** All sockets of a moment. */
	void sample(const std::vector<fair_socket> &sockets, Clock::time_point now);

	std::string text() const;
	nlohmann::ordered_json json() const;

private:
	struct Connection {
		fair_socket first;
		fair_socket last;
		/** Since when it has had unread bytes and none was read. */
		Clock::time_point stalled_since;
		std::chrono::milliseconds stalled{};

		uint64_t read() const;
		uint64_t acked() const;
		uint64_t bytes() const { return read() + acked(); }
		bool active() const { return bytes() || last.unread; }
	};
	struct Share {
		size_t connections = 0;
		std::vector<uint64_t> active;
		uint64_t bytes = 0;
	};

	Share share_of(int cpu) const;
	std::vector<const Connection *> sorted() const;
	std::vector<const Connection *> starving() const;

	std::chrono::milliseconds patience_;
	uint64_t samples_ = 0;
	std::unordered_map<uint64_t, Connection> connections_;
};

} // namespace lanes

#endif
