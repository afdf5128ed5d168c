// SPDX-License-Identifier: GPL-2.0-only
#ifndef LANES_ENGINE_FEATURES_H
#define LANES_ENGINE_FEATURES_H

#include <array>
#include <optional>
#include <string>
#include <string_view>

#include <cstdint>

namespace lanes {

enum class EngineKind : uint8_t { uring, uring_sqpoll, uring_hybrid, epoll };

/** As in --engine. */
constexpr std::array<std::string_view, 4> engine_names = {"uring", "uring-sqpoll", "uring-hybrid",
							  "epoll"};

enum class Feature : uint8_t {
	/** SINGLE_ISSUER and DEFER_TASKRUN, buffer rings: the least that the
	 *  io_uring engines need.
	 */
	uring,
	sqpoll,
	multishot_accept,
	/** Accepted connections take no descriptor of the process: all that is
	 *  done with them goes through the ring.
	 */
	direct,
	multishot_receive,
	/** The kernel ends a pass of a multishot receive by itself, so that one
	 *  connection cannot take all buffers.
	 */
	bounded_multishot,
	bundle,
	min_wait,
	zero_copy,
	nr,
};

/** As in --disable and in the start-up report. */
constexpr std::array<std::string_view, static_cast<size_t>(Feature::nr)> feature_names = {
	"uring",
	"sqpoll",
	"multishot-accept",
	"direct",
	"multishot-receive",
	"bounded-multishot",
	"bundle",
	"min-wait",
	"zero-copy"};

/** What this kernel lets this process do. */
struct Features {
	struct Finding {
		bool works = false;
		/** What blocks it, with the remedy; empty if it works. */
		std::string why;
	};

	std::array<Finding, static_cast<size_t>(Feature::nr)> findings;

	bool has(Feature feature) const { return findings[static_cast<size_t>(feature)].works; }
	void disable(Feature feature);

	/** Tries each: no versions are compared. Takes some milliseconds.
	 *  @connections: for how many a shard must have room.
	 */
	static Features probe(uint32_t connections);
};

/** The engine to use: @wanted (nothing: the best), or what takes its place
 *  where it cannot work.
 */
struct EngineChoice {
	EngineKind kind;
	/** One line for the start-up report: what was chosen and why. */
	std::string reason;
};
EngineChoice choose_engine(std::optional<EngineKind> wanted, const Features &features);

/** The start-up report: a line for each feature. */
std::string describe_features(const Features &features);

} // namespace lanes

#endif
