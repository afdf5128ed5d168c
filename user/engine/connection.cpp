// SPDX-License-Identifier: GPL-2.0-only
#include "engine/connection.h"

#include <new>

namespace lanes {

Connections::Connections(uint32_t count)
	: memory_(size_t{count} * sizeof(Connection), "use fewer with --connections"),
	  slots_(reinterpret_cast<Connection *>(memory_.data())), count_(count)
{
}

uint32_t Connections::take(int fd)
{
	uint32_t slot = free_;
	uint32_t generation = 0;

	if (slot != Connection::none) {
		free_ = slots_[slot].next;
		generation = slots_[slot].generation;
	} else if (touched_ < count_) {
		slot = touched_++;
	} else {
		return slot;
	}

	Connection &connection = *new (&slots_[slot]) Connection;

	connection.fd = fd;
	connection.generation = generation;
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
