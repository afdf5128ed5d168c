// SPDX-License-Identifier: GPL-2.0-only
#include "resp/arena.h"

#include <algorithm>

#include <sys/mman.h>

namespace lanes {
namespace {

constexpr size_t page = 4096;

void *map(size_t size)
{
	void *memory = mmap(nullptr, size, PROT_READ | PROT_WRITE,
			    MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	return memory == MAP_FAILED ? nullptr : memory;
}

} // namespace

Arena::Arena(size_t limit, unsigned shard) : limit_(limit), shard_(shard) {}

Arena::~Arena()
{
	const auto unmap_all = [](Large *large) {
		while (large) {
			Large *next = large->next;

			munmap(large, large->mapped);
			large = next;
		}
	};

	unmap_all(large_);
	for (Large *cached : cache_)
		unmap_all(cached);
	for (Chunk *chunk = chunks_; chunk;) {
		Chunk *next = chunk->next;

		munmap(chunk, span_size * (spans_at_once + 1));
		chunk = next;
	}
}

void *Arena::take(size_t size)
{
	const unsigned index = size_class(size);
	void *memory =
		index < small_classes ? take_small(index) : take_large(index, rounded_size(size));

	if (memory)
		used_ += rounded_size(size);
	return memory;
}

void Arena::give(void *memory, size_t size)
{
	const unsigned index = size_class(size);

	used_ -= rounded_size(size);
	if (index < small_classes)
		give_small(memory);
	else
		give_large(memory, index);
}

void Arena::link(Span *span)
{
	Span *&head = spans_[span->index];

	span->previous = nullptr;
	span->next = head;
	if (head)
		head->previous = span;
	head = span;
}

void Arena::unlink(Span *span)
{
	if (span->next)
		span->next->previous = span->previous;
	if (span->previous)
		span->previous->next = span->next;
	else
		spans_[span->index] = span->next;
}

/* One more than asked for, since spans are aligned to their size: the part in
 * front of the first keeps the list.
 */
bool Arena::more_spans()
{
	auto *memory = static_cast<char *>(map(span_size * (spans_at_once + 1)));

	if (!memory)
		return false;

	auto *chunk = reinterpret_cast<Chunk *>(memory);
	const auto address = reinterpret_cast<uintptr_t>(memory) + sizeof(Chunk);
	auto *first = memory + (((address + span_size - 1) & ~(span_size - 1)) -
				reinterpret_cast<uintptr_t>(memory));

	chunk->next = chunks_;
	chunks_ = chunk;
	for (size_t i = 0; i < spans_at_once; i++) {
		auto *span = reinterpret_cast<Span *>(first + i * span_size);

		span->next = empty_;
		empty_ = span;
	}
	empty_count_ += spans_at_once;
	return true;
}

Arena::Span *Arena::new_span(unsigned index)
{
	if (!empty_ && !more_spans())
		return nullptr;

	Span *span = empty_;

	empty_ = span->next;
	empty_count_--;
	span->free = nullptr;
	span->used = 0;
	span->touched = sizeof(Span);
	span->index = index;
	span->item = index < 8 ? (index + 1) * 16 : (index % 4 + 5) << (index / 4 + 3);
	link(span);
	return span;
}

void *Arena::take_small(unsigned index)
{
	Span *span = spans_[index];
	void *memory;

	if (!span) {
		span = new_span(index);
		if (!span)
			return nullptr;
	}
	if (span->free) {
		memory = span->free;
		span->free = span->free->next;
	} else {
		memory = reinterpret_cast<char *>(span) + span->touched;
		span->touched += span->item;
	}
	span->used++;
	if (!span->free && span->touched + span->item > span_size)
		unlink(span);
	return memory;
}

void Arena::give_small(void *memory)
{
	auto *span =
		reinterpret_cast<Span *>(reinterpret_cast<uintptr_t>(memory) & ~(span_size - 1));
	auto *item = static_cast<Free *>(memory);
	const bool full = !span->free && span->touched + span->item > span_size;

	item->next = span->free;
	span->free = item;
	if (full)
		link(span);
	if (--span->used || (!span->next && !span->previous))
		return;

	unlink(span);
	span->next = empty_;
	empty_ = span;
	if (++empty_count_ > spans_warm)
		madvise(reinterpret_cast<char *>(span) + page, span_size - page, MADV_DONTNEED);
}

void Arena::link(Large *large)
{
	large->previous = nullptr;
	large->next = large_;
	if (large_)
		large_->previous = large;
	large_ = large;
}

void Arena::unlink(Large *large)
{
	if (large->next)
		large->next->previous = large->previous;
	if (large->previous)
		large->previous->next = large->next;
	else
		large_ = large->next;
}

void *Arena::take_large(unsigned index, size_t size)
{
	Large *large = cache_[index];

	if (large) {
		cache_[index] = large->next;
		cached_ -= large->mapped;
	} else {
		const size_t mapped = (size + sizeof(Large) + page - 1) & ~(page - 1);

		large = static_cast<Large *>(map(mapped));
		if (!large)
			return nullptr;
		large->mapped = mapped;
	}
	link(large);
	return large + 1;
}

void Arena::give_large(void *memory, unsigned index)
{
	Large *large = static_cast<Large *>(memory) - 1;

	unlink(large);
	if (cached_ + large->mapped > std::min(cache_max, limit_ / 8)) {
		munmap(large, large->mapped);
		return;
	}
	cached_ += large->mapped;
	large->next = cache_[index];
	cache_[index] = large;
}

void Arena::disown(void *memory, size_t size)
{
	unlink(static_cast<Large *>(memory) - 1);
	used_ -= rounded_size(size);
}

void Arena::adopt(void *memory, size_t size)
{
	link(static_cast<Large *>(memory) - 1);
	used_ += rounded_size(size);
}

} // namespace lanes
