// SPDX-License-Identifier: GPL-2.0-only
#ifndef LANES_BENCH_MARK_H
#define LANES_BENCH_MARK_H

#include <cstdint>

#include "scripts/plugin/marks.h"

#define LANES_MARK_TEXT(...)  #__VA_ARGS__
#define LANES_MARK_BYTES(...) ".byte " LANES_MARK_TEXT(__VA_ARGS__) "\n\t"
#define LANES_MARK(which)     LANES_MARK_BYTES(MARK_BYTES, which)

namespace lanes {

/** Without the plugin, and on real CPUs, these do nothing. */
inline void mark_begin()
{
	asm volatile(LANES_MARK(MARK_BEGIN)::: "memory");
}

inline void mark_end()
{
	asm volatile(LANES_MARK(MARK_END)::: "memory");
}

/** A window of exactly 2 * @turns + 2 instructions, if no interrupt falls in:
 *  the mark that begins it, one to load the counter, two a turn.
 */
inline void marked_loop(uint64_t turns)
{
	asm volatile(LANES_MARK(MARK_BEGIN) "mov %0, %%rcx\n"
					    "1:\tdec %%rcx\n\t"
					    "jnz 1b\n\t" LANES_MARK(MARK_END)
		     :
		     : "r"(turns)
		     : "rcx", "cc", "memory");
}

} // namespace lanes

#endif
