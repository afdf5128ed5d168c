// SPDX-License-Identifier: GPL-2.0-only
#ifndef LANES_BENCH_SHARED_MEMORY_H
#define LANES_BENCH_SHARED_MEMORY_H

#include <new>
#include <utility>

#include <cerrno>

#include <sys/mman.h>

#include "common/error.h"

namespace lanes {

/** What processes have in common: made before they are. */
template <typename Content> class SharedMemory {
public:
	SharedMemory(const SharedMemory &) = delete;
	SharedMemory &operator=(const SharedMemory &) = delete;
	template <typename... Arguments> explicit SharedMemory(Arguments &&...arguments)
	{
		void *memory = mmap(nullptr, sizeof(Content), PROT_READ | PROT_WRITE,
				    MAP_SHARED | MAP_ANONYMOUS, -1, 0);

		if (memory == MAP_FAILED)
			throw_errno(errno, "mmap");
		content_ = new (memory) Content(std::forward<Arguments>(arguments)...);
	}
	~SharedMemory() { munmap(content_, sizeof(Content)); }

	Content &get() { return *content_; }

private:
	Content *content_;
};

} // namespace lanes

#endif
