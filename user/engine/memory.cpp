// SPDX-License-Identifier: GPL-2.0-only
#include "engine/memory.h"

#include <algorithm>

#include <cerrno>
#include <cstring>

#include <sys/mman.h>

#include "common/error.h"

namespace lanes {

Pages::Pages(size_t size, const char *remedy) : size_(size)
{
	void *memory = mmap(nullptr, size, PROT_READ | PROT_WRITE,
			    MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	if (memory == MAP_FAILED)
		throw_errno(errno, std::format("mmap of {} bytes", size), remedy);
	data_ = static_cast<std::byte *>(memory);
}

Pages::~Pages()
{
	munmap(data_, size_);
}

BufferPool::BufferPool(uint32_t count, uint32_t size)
	: size_(size), memory_(size_t{count} * size, "use fewer with --buffers"), references_(count)
{
	free_.reserve(count);
	for (uint32_t id = count; id-- > 0;)
		free_.push_back(id);
}

Memory::Memory(const MemorySizes &sizes)
	: buffers(sizes.buffers, sizes.buffer_size), blocks(sizes.blocks, sizes.block_size),
	  segments_(sizes.segments)
{
	for (uint32_t index = sizes.segments; index-- > 0;) {
		segments_[index].next = free_;
		free_ = index;
	}
	free_count_ = sizes.segments;
}

void Memory::release(const Segment &segment)
{
	switch (segment.owner) {
	case Segment::Owner::nobody:
		return;
	case Segment::Owner::buffer:
		buffers.release(segment.id);
		return;
	case Segment::Owner::block:
		blocks.release(segment.id);
		return;
	case Segment::Owner::loan:
		segment.loan->give_back();
		return;
	}
}

bool Memory::push(SegmentQueue &queue, const Segment &segment)
{
	const uint32_t index = free_;

	if (index == Segment::none || !segment.length) {
		release(segment);
		return !segment.length;
	}
	free_ = segments_[index].next;
	free_count_--;
	segments_[index] = segment;
	segments_[index].next = Segment::none;
	if (queue.empty())
		queue.head = index;
	else
		segments_[queue.tail].next = index;
	queue.tail = index;
	queue.bytes += segment.length;
	queue.segments++;
	return true;
}

bool Memory::write(SegmentQueue &queue, std::span<const std::byte> bytes)
{
	if (!queue.empty() && segments_[queue.tail].owner == Segment::Owner::block) {
		Segment &tail = segments_[queue.tail];
		auto *const to = const_cast<std::byte *>(tail.data) + tail.length;
		const auto room = static_cast<size_t>(blocks.data(tail.id) + blocks.size() - to);
		const size_t length = std::min(room, bytes.size());

		std::ranges::copy(bytes.first(length), to);
		tail.length += static_cast<uint32_t>(length);
		queue.bytes += length;
		bytes = bytes.subspan(length);
	}
	while (!bytes.empty()) {
		const size_t length = std::min<size_t>(blocks.size(), bytes.size());
		const uint32_t id = blocks.take();
		Segment segment;

		if (id == BufferPool::none)
			return false;
		std::memcpy(blocks.data(id), bytes.data(), length);
		segment.data = blocks.data(id);
		segment.id = id;
		segment.length = static_cast<uint32_t>(length);
		segment.owner = Segment::Owner::block;
		if (!push(queue, segment))
			return false;
		bytes = bytes.subspan(length);
	}
	return true;
}

void Memory::consume(SegmentQueue &queue, uint64_t bytes)
{
	queue.bytes -= bytes;
	while (!queue.empty()) {
		const uint32_t index = queue.head;
		Segment &segment = segments_[index];

		if (bytes < segment.length) {
			segment.data += bytes;
			segment.length -= static_cast<uint32_t>(bytes);
			return;
		}
		bytes -= segment.length;
		queue.head = segment.next;
		queue.segments--;
		release(segment);
		segment.next = free_;
		free_ = index;
		free_count_++;
	}
	queue.tail = Segment::none;
}

} // namespace lanes
