// SPDX-License-Identifier: GPL-2.0-only
#include "handoff/connection.h"

#include <utility>

namespace lanes::handoff {

bool Connection::claim()
{
	return !std::exchange(busy_, true);
}

bool Connection::append(Buffer *buffer)
{
	const std::lock_guard lock(mutex_);

	buffer->next = nullptr;
	(first_ ? last_->next : first_) = buffer;
	last_ = buffer;
	return claim();
}

bool Connection::end()
{
	const std::lock_guard lock(mutex_);

	ended_ = true;
	return claim();
}

Buffer *Connection::take(bool &ended)
{
	const std::lock_guard lock(mutex_);

	ended = ended_;
	if (!first_ && !ended_)
		busy_ = false;
	return std::exchange(first_, nullptr);
}

} // namespace lanes::handoff
