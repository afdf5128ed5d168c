// SPDX-License-Identifier: GPL-2.0-only
#include "lanesd/connection.h"

namespace lanes {

Connections::Connections(uint32_t count) : slots_(count)
{
	for (uint32_t slot = count; slot-- > 0;) {
		slots_[slot].next = free_;
		free_ = slot;
	}
}

uint32_t Connections::take(int fd)
{
	const uint32_t slot = free_;

	if (slot == Connection::none)
		return slot;
	free_ = slots_[slot].next;

	const uint32_t generation = slots_[slot].generation;

	slots_[slot] = Connection{};
	slots_[slot].generation = generation;
	slots_[slot].fd = fd;
	active_++;
	return slot;
}

void Connections::release(uint32_t slot)
{
	Connection &connection = slots_[slot];

	connection.fd = -1;
	connection.generation = (connection.generation + 1) & Token::generation_mask;
	connection.next = free_;
	free_ = slot;
	active_--;
}

void BufferLine::push(uint32_t slot)
{
	Connection &connection = connections_[slot];

	connection.parked = true;
	connection.previous = last_;
	connection.next = Connection::none;
	if (last_ == Connection::none)
		first_ = slot;
	else
		connections_[last_].next = slot;
	last_ = slot;
}

void BufferLine::remove(uint32_t slot)
{
	Connection &connection = connections_[slot];

	if (!connection.parked)
		return;
	connection.parked = false;
	if (connection.previous == Connection::none)
		first_ = connection.next;
	else
		connections_[connection.previous].next = connection.next;
	if (connection.next == Connection::none)
		last_ = connection.previous;
	else
		connections_[connection.next].previous = connection.previous;
	connection.next = connection.previous = Connection::none;
}

uint32_t BufferLine::pop()
{
	const uint32_t slot = first_;

	remove(slot);
	return slot;
}

} // namespace lanes
