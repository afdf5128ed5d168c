// SPDX-License-Identifier: GPL-2.0-only
#include "lanesd/buffers.h"

#include <cerrno>

#include <sys/mman.h>

#include "common/error.h"

namespace lanes {

Pages::Pages(size_t size) : size_(size)
{
	void *memory =
		mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (memory == MAP_FAILED)
		throw_errno(errno, std::format("mmap of {} bytes for buffers", size),
			    "use fewer with --buffers");
	data_ = static_cast<std::byte *>(memory);
}

Pages::~Pages()
{
	munmap(data_, size_);
}

Buffers::Buffers(io_uring *ring, uint32_t count)
	: ring_(ring), count_(count), available_(count), ring_memory_(count * sizeof(io_uring_buf)),
	  memory_(size_t{count} * size),
	  buffer_ring_(reinterpret_cast<io_uring_buf_ring *>(ring_memory_.data()))
{
	io_uring_buf_reg registration{};

	registration.ring_addr = reinterpret_cast<uintptr_t>(buffer_ring_);
	registration.ring_entries = count;
	registration.bgid = group;
	if (const int error = -io_uring_register_buf_ring(ring, &registration, 0))
		throw_errno(error, std::format("registering {} receive buffers", count),
			    "use fewer with --buffers");

	io_uring_buf_ring_init(buffer_ring_);
	for (uint32_t id = 0; id < count; id++)
		publish(static_cast<uint16_t>(id));
}

Buffers::~Buffers()
{
	io_uring_unregister_buf_ring(ring_, group);
}

void Buffers::publish(uint16_t id)
{
	io_uring_buf_ring_add(buffer_ring_, memory_.data() + size_t{id} * size, size, id,
			      io_uring_buf_ring_mask(count_), 0);
	io_uring_buf_ring_advance(buffer_ring_, 1);
}

void Buffers::give_back(uint16_t id)
{
	publish(id);
	available_++;
}

} // namespace lanes
