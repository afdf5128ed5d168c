// SPDX-License-Identifier: GPL-2.0-only
#include "engine/send_threads.h"

#include "common/error.h"
#include "engine/ring.h"

namespace lanes {

SendThreads::SendThreads(unsigned count)
{
	/* The thread polls as long as the most patient of its rings wants. */
	const RingSetup setup = {
		.flags = IORING_SETUP_SQPOLL, .submissions = 1, .completions = 2, .idle_ms = 1};

	for (unsigned n = 0; n < count; n++) {
		auto ring = std::make_unique<io_uring>();

		if (const int error = set_up_ring(*ring, setup))
			throw_errno(error, "io_uring_setup with a kernel thread",
				    ring_remedy(error));
		rings_.emplace_back(ring.release());
	}
}

} // namespace lanes
