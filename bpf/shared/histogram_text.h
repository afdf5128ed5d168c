// SPDX-License-Identifier: GPL-2.0-only
#ifndef LANES_BPF_HISTOGRAM_TEXT_H
#define LANES_BPF_HISTOGRAM_TEXT_H

#include <span>
#include <string>

#include <cstdint>

#include <linux/types.h>

namespace lanes {

/** Slot 0 counts what is below 1 us, slot n from 2^(n-1) to below 2^n us, the last
 *  all that is longer.
 */
uint64_t histogram_count(std::span<const __u64> slots);

/** The upper bound, in us, of the slot in which that share of all is reached; of
 *  the last slot its lower. 0 if there is nothing.
 */
uint64_t histogram_below(std::span<const __u64> slots, double share);

/** Bars, from the first slot in use to the last. */
std::string histogram_text(std::span<const __u64> slots);

} // namespace lanes

#endif
