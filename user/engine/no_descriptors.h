// SPDX-License-Identifier: GPL-2.0-only
/* For tests: a process whose descriptors have run out. */
#ifndef LANES_ENGINE_NO_DESCRIPTORS_H
#define LANES_ENGINE_NO_DESCRIPTORS_H

#include <sys/resource.h>

namespace lanes {

/** While it lives, this process can open nothing; what is open stays so. */
class NoDescriptors {
public:
	NoDescriptors()
	{
		getrlimit(RLIMIT_NOFILE, &before_);

		/* Not 0: poll(2) takes no more entries than this. */
		const rlimit few{.rlim_cur = 3, .rlim_max = before_.rlim_max};

		setrlimit(RLIMIT_NOFILE, &few);
	}
	~NoDescriptors() { setrlimit(RLIMIT_NOFILE, &before_); }
	NoDescriptors(const NoDescriptors &) = delete;
	NoDescriptors &operator=(const NoDescriptors &) = delete;

private:
	rlimit before_{};
};

} // namespace lanes

#endif
