// SPDX-License-Identifier: GPL-2.0-only
#ifndef LANES_BENCH_PING_PONG_H
#define LANES_BENCH_PING_PONG_H

#include <cstdint>

namespace lanes {

/** Marked windows of which it is known what moves between caches: threads on two
 *  CPUs hand a flag to and fro @turns times, and before each hand-over add to a
 *  counter with a locked instruction. Each hand-over is a dirty read and an
 *  upgrade of the flag's line, and a dirty write of the counter's.
 */
void ping_pong(uint32_t turns, uint32_t windows);

} // namespace lanes

#endif
