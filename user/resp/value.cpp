// SPDX-License-Identifier: GPL-2.0-only
#include "resp/value.h"

#include <new>

namespace lanes {

static_assert(sizeof(Value) == 40, "the head must end where the data begin");

Value *Value::make(Arena &arena, uint32_t length)
{
	const size_t size = footprint(length);
	void *memory = arena.allows(size) ? arena.take(size) : nullptr;

	if (!memory)
		return nullptr;

	auto *value = new (memory) Value(arena, length);

	value->write_frame();
	return value;
}

void Value::destroy()
{
	home_->give(this, footprint(length_));
}

void Value::resize(uint32_t length)
{
	if (length == length_)
		return;
	length_ = length;
	write_frame();
}

void Value::write_frame()
{
	char *const end = head_ + sizeof(head_);
	char *at = end;
	uint32_t left = length_;

	*--at = '\n';
	*--at = '\r';
	do {
		*--at = static_cast<char>('0' + left % 10);
		left /= 10;
	} while (left);
	*--at = '$';
	head_length_ = static_cast<uint8_t>(end - at);
	data()[length_] = '\r';
	data()[length_ + 1] = '\n';
}

void Value::leave()
{
	home_->disown(this, footprint(length_));
	home_ = nullptr;
}

void Value::enter(Arena &arena)
{
	home_ = &arena;
	arena.adopt(this, footprint(length_));
}

} // namespace lanes
