// SPDX-License-Identifier: GPL-2.0-only
#ifndef LANES_ENGINE_SEND_THREADS_H
#define LANES_ENGINE_SEND_THREADS_H

#include <memory>
#include <vector>

#include <liburing.h>

namespace lanes {

/** The first ring of each kernel thread, to which the others attach. Nothing is
 *  submitted to it.
 */
class SendThreads {
public:
	/** Throws if the kernel refuses. */
	explicit SendThreads(unsigned count);

	unsigned count() const { return static_cast<unsigned>(rings_.size()); }
	/** For RingSetup::attach_fd. */
	int fd(unsigned index) const { return rings_[index]->ring_fd; }

private:
	struct Exit {
		void operator()(io_uring *ring) const
		{
			io_uring_queue_exit(ring);
			delete ring;
		}
	};

	std::vector<std::unique_ptr<io_uring, Exit>> rings_;
};

} // namespace lanes

#endif
