// SPDX-License-Identifier: GPL-2.0-only
#ifndef LANES_HANDOFF_QUEUE_H
#define LANES_HANDOFF_QUEUE_H

#include <algorithm>
#include <condition_variable>
#include <deque>
#include <mutex>
#include <vector>

#include "handoff/connection.h"

namespace lanes::handoff {

/** Connections with work, from the poller to the workers. A worker is woken
 *  only if one sleeps, and then for a whole batch, as a scheduler does.
 */
class Queue {
public:
	/** Empties @batch. */
	void push(std::vector<Connection *> &batch)
	{
		size_t wake;

		if (batch.empty())
			return;
		{
			const std::lock_guard lock(mutex_);

			waiting_.insert(waiting_.end(), batch.begin(), batch.end());
			wake = std::min(sleepers_, batch.size());
		}
		batch.clear();
		while (wake--)
			work_.notify_one();
	}

	/** Up to @count into @to, which is empty; waits for one. False: stopped. */
	bool pop(std::vector<Connection *> &to, size_t count)
	{
		std::unique_lock lock(mutex_);

		while (waiting_.empty() && !stopped_) {
			sleepers_++;
			work_.wait(lock);
			sleepers_--;
		}
		while (!waiting_.empty() && to.size() < count) {
			to.push_back(waiting_.front());
			waiting_.pop_front();
		}
		return !stopped_;
	}

	void stop()
	{
		const std::lock_guard lock(mutex_);

		stopped_ = true;
		work_.notify_all();
	}

private:
	std::mutex mutex_;
	std::condition_variable work_;
	std::deque<Connection *> waiting_;
	size_t sleepers_ = 0;
	bool stopped_ = false;
};

} // namespace lanes::handoff

#endif
