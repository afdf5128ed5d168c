// SPDX-License-Identifier: GPL-2.0-only
#include "resp/post.h"

#include <atomic>
#include <new>

namespace lanes {
namespace {

constexpr uintptr_t kind_mask = 3;

uintptr_t encode(void *what, MessageKind kind)
{
	return reinterpret_cast<uintptr_t>(what) | static_cast<uintptr_t>(kind);
}

} // namespace

Post::Post(Mesh &mesh, unsigned shard, Arena &arena)
	: mesh_(mesh), shard_(shard), arena_(arena), lines_(mesh.shards())
{
	posted_.reserve(mesh.shards());
}

void Post::request(Errand &errand, unsigned to)
{
	const uintptr_t message = encode(&errand, MessageKind::request);

	if (!try_send(message, to))
		wait_in_line(errand, message, to);
}

void Post::reply(Errand &errand)
{
	const uintptr_t message = encode(&errand, MessageKind::reply);
	const unsigned to = errand.from;

	if (!try_send(message, to))
		wait_in_line(errand, message, to);
}

void Post::release(Value &value)
{
	const unsigned to = value.home()->shard();
	const uintptr_t message = encode(&value, MessageKind::release);

	if (try_send(message, to))
		return;

	/* Without memory for a letter the value stays for ever, but stays right. */
	if (void *memory = arena_.take(sizeof(Letter)))
		wait_in_line(*new (memory) Letter, message, to);
}

Loan *Post::lend(Value &value)
{
	void *memory = arena_.take(sizeof(Lent));

	return memory ? new (memory) Lent(*this, value) : nullptr;
}

void Post::Lent::give_back()
{
	Post &its_post = post;
	Value &its_value = value;

	its_post.arena_.give(this, sizeof(Lent));
	its_post.release(its_value);
}

void Post::note(unsigned shard)
{
	if (lines_[shard].posted)
		return;
	lines_[shard].posted = true;
	posted_.push_back(shard);
}

bool Post::try_send(uintptr_t message, unsigned to)
{
	MessageRing &ring = mesh_.ring(shard_, to);

	if (lines_[to].first)
		return false;
	note(to);
	if (ring.push(message))
		return true;
	ring.ask_for_room();
	return ring.push(message);
}

void Post::wait_in_line(Letter &letter, uintptr_t message, unsigned to)
{
	Line &line = lines_[to];

	letter.message = message;
	letter.next_letter = nullptr;
	if (line.first)
		line.last->next_letter = &letter;
	else
		line.first = &letter;
	line.last = &letter;
	in_line_++;
}

void Post::retry()
{
	if (!in_line_)
		return;
	for (unsigned to = 0; to < lines_.size(); to++) {
		Letter *letter = lines_[to].first;

		lines_[to].first = nullptr;
		while (letter) {
			/* It is the other's once it is sent. */
			Letter *next = letter->next_letter;
			const uintptr_t message = letter->message;

			if (!try_send(message, to))
				break;
			if ((message & kind_mask) == static_cast<uintptr_t>(MessageKind::release))
				arena_.give(letter, sizeof(Letter));
			in_line_--;
			letter = next;
		}
		lines_[to].first = letter;
	}
}

bool Post::receive(void *&what, MessageKind &kind)
{
	for (unsigned n = 0; n < mesh_.shards(); n++) {
		const uintptr_t message = mesh_.ring(next_from_, shard_).pop();

		if (message) {
			what = reinterpret_cast<void *>(message & ~kind_mask);
			kind = static_cast<MessageKind>(message & kind_mask);
			received_ = true;
			return true;
		}
		next_from_ = next_from_ + 1 == mesh_.shards() ? 0 : next_from_ + 1;
	}
	return false;
}

void Post::look_for_senders()
{
	if (!received_)
		return;
	received_ = false;
	std::atomic_thread_fence(std::memory_order_seq_cst);
	for (unsigned from = 0; from < mesh_.shards(); from++) {
		if (mesh_.ring(from, shard_).asked_for_room())
			note(from);
	}
	/* Who uses up a tick's budget goes on with the next sender. */
	next_from_ = next_from_ + 1 == mesh_.shards() ? 0 : next_from_ + 1;
}

bool Post::incoming() const
{
	for (unsigned from = 0; from < mesh_.shards(); from++) {
		if (!mesh_.ring(from, shard_).empty())
			return true;
	}
	return false;
}

bool Post::can_retry() const
{
	for (unsigned to = 0; in_line_ && to < lines_.size(); to++) {
		if (lines_[to].first && mesh_.ring(shard_, to).has_room())
			return true;
	}
	return false;
}

/* Who made room may have found this shard awake, and so did not wake it. */
bool Post::pending() const
{
	return !posted_.empty() || incoming() || can_retry();
}

} // namespace lanes
