// SPDX-License-Identifier: GPL-2.0-only
#include "handoff/pool.h"

namespace lanes::handoff {

Pool::Pool(size_t buffers) : all_(new Buffer[buffers])
{
	free_.reserve(buffers);
	for (size_t i = 0; i < buffers; i++)
		free_.push_back(&all_[i]);
}

void Pool::take(std::vector<Buffer *> &to, size_t count)
{
	std::unique_lock lock(mutex_);

	returned_.wait(lock, [this] { return stopped_ || !free_.empty(); });
	while (to.size() < count && !free_.empty()) {
		to.push_back(free_.back());
		free_.pop_back();
	}
}

void Pool::give(std::vector<Buffer *> &from)
{
	bool was_empty;

	if (from.empty())
		return;
	{
		const std::lock_guard lock(mutex_);

		was_empty = free_.empty();
		free_.insert(free_.end(), from.begin(), from.end());
	}
	from.clear();
	if (was_empty)
		returned_.notify_one();
}

void Pool::stop()
{
	const std::lock_guard lock(mutex_);

	stopped_ = true;
	returned_.notify_all();
}

} // namespace lanes::handoff
