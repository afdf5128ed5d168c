// SPDX-License-Identifier: GPL-2.0-only
#include "engine/buffer_ring.h"

#include <bit>

#include "common/error.h"
#include "engine/ring.h"

namespace lanes {
namespace {

/* The kernel's limit. */
constexpr uint32_t entries_max = 32768;

} // namespace

BufferRing::BufferRing(io_uring *ring, BufferPool &pool, Counters &counters)
	: ring_(ring), pool_(pool), counters_(counters),
	  entries_(std::min(std::bit_ceil(pool.count()), entries_max)), mask_(entries_ - 1),
	  target_(std::min(target_min, entries_)), left_(target_),
	  memory_(entries_ * sizeof(io_uring_buf), "use fewer with --buffers"),
	  shared_(reinterpret_cast<io_uring_buf_ring *>(memory_.data())),
	  ids_(entries_, BufferPool::none)
{
	io_uring_buf_reg registration{};

	registration.ring_addr = reinterpret_cast<uintptr_t>(shared_);
	registration.ring_entries = entries_;
	registration.bgid = group;
	if (const int error = -io_uring_register_buf_ring(ring, &registration, 0))
		throw_errno(error, std::format("registering a ring of {} buffers", entries_),
			    ring_remedy(error));
	io_uring_buf_ring_init(shared_);
}

BufferRing::~BufferRing()
{
	io_uring_unregister_buf_ring(ring_, group);
}

bool BufferRing::publish()
{
	uint32_t &id = ids_[tail_ & mask_];

	/* Its former buffer may still be in use, if completions of others
	 * have overtaken its own.
	 */
	if (id != BufferPool::none)
		return false;
	id = pool_.take();
	if (id == BufferPool::none)
		return false;
	io_uring_buf_ring_add(shared_, pool_.data(id), pool_.size(),
			      static_cast<uint16_t>(tail_ & mask_), static_cast<int>(mask_),
			      static_cast<int>(static_cast<uint16_t>(tail_ - shared_->tail)));
	tail_++;
	offered_++;
	return true;
}

void BufferRing::offer()
{
	left_ = std::min(left_, offered_);
	/* Few are left: soon a receive would find none. */
	if (!grown_ && offered_ < target_ / 4)
		ran_out();
	grown_ = false;
	if (++calls_ >= window) {
		if (left_ > target_ / 2)
			target_ = std::max(std::min(target_min, entries_), target_ - target_ / 4);
		left_ = target_;
		calls_ = 0;
	}

	if (offered_ >= target_)
		return;
	while (offered_ < target_ && publish())
		;
	io_uring_buf_ring_advance(shared_, static_cast<uint16_t>(tail_ - shared_->tail));
	counters_.buffers_offered.set(offered_);
	if (offered_ > counters_.buffers_offered_max.get())
		counters_.buffers_offered_max.set(offered_);
}

void BufferRing::ran_out()
{
	if (grown_)
		return;
	grown_ = true;
	target_ = std::min(target_ * 2, entries_);
}

void BufferRing::take_empty(uint16_t position)
{
	const uint32_t id = ids_[position];

	gone(position);
	pool_.release(id);
}

} // namespace lanes
