// SPDX-License-Identifier: GPL-2.0-only
#ifndef LANES_HANDOFF_POOL_H
#define LANES_HANDOFF_POOL_H

#include <array>
#include <condition_variable>
#include <memory>
#include <mutex>
#include <vector>

#include <cstddef>

namespace lanes::handoff {

/** A buffer of input on its way to a worker. */
struct Buffer {
	static constexpr size_t capacity = 16384;

	Buffer *next = nullptr;
	size_t length = 0;
	std::array<std::byte, capacity> bytes;
};

/** Buffers in a fixed number; the last one given back is the first one taken,
 *  since it is warm. Any thread.
 */
class Pool {
public:
	explicit Pool(size_t buffers);

	/** Fills @to, at most to @count; waits until there is one, or stop(). */
	void take(std::vector<Buffer *> &to, size_t count);
	/** Empties @from. */
	void give(std::vector<Buffer *> &from);
	void stop();

private:
	std::unique_ptr<Buffer[]> all_;
	std::mutex mutex_;
	std::condition_variable returned_;
	std::vector<Buffer *> free_;
	bool stopped_ = false;
};

} // namespace lanes::handoff

#endif
