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
	uint32_t before = last_;

	if (!connection.place)
		connection.place = ++last_place_;
	while (before != Connection::none && connections_[before].place > connection.place)
		before = connections_[before].previous;

	const uint32_t after = before == Connection::none ? first_ : connections_[before].next;

	connection.parked = true;
	connection.previous = before;
	connection.next = after;
	if (before == Connection::none)
		first_ = slot;
	else
		connections_[before].next = slot;
	if (after == Connection::none)
		last_ = slot;
	else
		connections_[after].previous = slot;
}

void BufferLine::remove(uint32_t slot)
{
	Connection &connection = connections_[slot];

	if (!connection.parked)
		return;
	connection.parked = false;
	connection.place = 0;
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
	const uint64_t place = connections_[slot].place;

	remove(slot);
	connections_[slot].place = place;
	return slot;
}

} // namespace lanes
