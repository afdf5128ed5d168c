// SPDX-License-Identifier: GPL-2.0-only
#ifndef LANES_BPF_FAIR_RECORD_H
#define LANES_BPF_FAIR_RECORD_H

#include <chrono>
#include <map>
#include <string>
#include <unordered_map>
#include <vector>

#include <nlohmann/json.hpp>

#include "lanefair.h"

namespace lanes {

/** What each connection got between the first sample and the last. Of closed ones
 *  it keeps sums and the worst, so that its size depends on the open ones only.
 */
class FairRecord {
public:
	using Clock = std::chrono::steady_clock;

	/** Closed connections that are kept: so many of the longest stalled, and as many
	 *  of the poorest.
	 */
	static constexpr size_t closed_max = 1000;

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
		/** The number of that sample. */
		uint64_t seen = 0;

		uint64_t read() const;
		uint64_t acked() const;
		uint64_t bytes() const { return read() + acked(); }
		bool active() const { return bytes() || last.unread; }
	};
	struct Share {
		size_t connections = 0;
		size_t active = 0;
		size_t starving = 0;
		uint64_t bytes = 0;
		double squares = 0;

		/** 1 if all active ones have the same, 1/n if one has everything; 1 of
		 *  nothing.
		 */
		double jain() const;
		Share &operator+=(const Share &more);
	};
	using Pointers = std::vector<const Connection *>;

	static bool poorer(const Connection &a, const Connection &b);
	static bool longer_stalled(const Connection &a, const Connection &b);
	bool starving(const Connection &c) const { return c.stalled >= patience_; }
	void add(Share &share, const Connection &c) const;
	void fold_closed();
	std::map<int, Share> shares() const;
	/** All that are open or kept, the poorest first. */
	Pointers poorest() const;
	/** The starving ones of these, the longest stalled first. */
	Pointers longest_stalled() const;

	std::chrono::milliseconds patience_;
	uint64_t samples_ = 0;
	/** By cookie; those that were closed a moment ago as well. */
	std::unordered_map<uint64_t, Connection> open_;
	/** By CPU, all; and the worst of them. */
	std::map<int, Share> closed_shares_;
	std::vector<Connection> closed_;
};

} // namespace lanes

#endif
