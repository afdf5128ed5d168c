// SPDX-License-Identifier: GPL-2.0-only
#ifndef LANES_BENCH_MEETING_H
#define LANES_BENCH_MEETING_H

#include <cstddef>
#include <cstdint>

#include <pthread.h>

#include "bench/mark.h"

namespace lanes {

/** Where the client processes of a window wait for each other: in memory that is
 *  shared.
 */
class Meeting {
public:
	explicit Meeting(size_t processes)
	{
		pthread_barrierattr_t attributes;

		pthread_barrierattr_init(&attributes);
		pthread_barrierattr_setpshared(&attributes, PTHREAD_PROCESS_SHARED);
		pthread_barrier_init(&barrier_, &attributes, static_cast<unsigned>(processes));
	}

	void wait() { pthread_barrier_wait(&barrier_); }

private:
	pthread_barrier_t barrier_;
};

/** What a client does in the marked window of all, and before it. */
struct Turns {
	uint32_t warmup = 0;
	uint32_t counted = 0;
};

/** Each client's part of a window. The @first one's holds those of all: it calls
 *  @before and @after, outside of the marks.
 */
template <typename Turn, typename Before, typename After>
void take_part(Meeting &meeting, bool first, const Turns &turns, Turn turn, Before before,
	       After after)
{
	for (uint32_t i = 0; i < turns.warmup; i++)
		turn();
	meeting.wait();
	if (first) {
		before();
		mark_begin();
	}
	meeting.wait();
	for (uint32_t i = 0; i < turns.counted; i++)
		turn();
	meeting.wait();
	if (first) {
		mark_end();
		after();
	}
}

} // namespace lanes

#endif
