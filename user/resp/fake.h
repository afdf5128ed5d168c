// SPDX-License-Identifier: GPL-2.0-only
/* For tests: shards of the service in one thread, and peers that talk to them. */
#ifndef LANES_RESP_FAKE_H
#define LANES_RESP_FAKE_H

#include <algorithm>
#include <atomic>
#include <deque>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include <cstdint>
#include <cstdlib>
#include <cstring>

#include "resp/session.h"

namespace lanes {

class FakeShard;

/** A connection. What it is lent it keeps until take() or the end. */
class FakePeer final : public Link {
public:
	FakePeer(FakeShard &shard, Ticket ticket) : shard_(shard), ticket_(ticket) {}
	FakePeer(const FakePeer &) = delete;
	FakePeer &operator=(const FakePeer &) = delete;
	~FakePeer();

	/** Adds to what the peer sends, and hands over what can be. */
	void send(std::string_view bytes);
	void end();
	/** What came since the last time. */
	std::string take();
	/** Hands over input that waits, while the service takes any. */
	void deliver();

	bool full() const override
	{
		bytes_left_ = 16384;
		pieces_left_ = 32;
		return stuck || output_.size() > output_max;
	}
	void write(std::span<const std::byte> bytes) override;
	void lend(std::span<const std::byte> bytes, Loan &loan) override;
	void finish() override { finished = true; }
	void abort() override { aborted = true; }
	void pause() override { paused = true; }
	bool draining() const override { return drains; }
	RespState &state() override { return state_; }

	/** Bytes that one received() gets. */
	size_t piece = 2048;
	bool stuck = false;
	bool drains = false;
	bool paused = false;
	bool finished = false;
	bool aborted = false;
	unsigned lent = 0;

private:
	static constexpr size_t output_max = 65536;

	bool deliver_direct();
	/** A Stream would be closed for more than it has room for. */
	void spend(size_t bytes, size_t pieces)
	{
		if (bytes > bytes_left_ || pieces > pieces_left_)
			std::abort();
		bytes_left_ -= bytes;
		pieces_left_ -= pieces;
	}

	FakeShard &shard_;
	Ticket ticket_;
	RespState state_{};
	std::string input_;
	std::string output_;
	/** What full() has left room for. */
	mutable size_t bytes_left_ = 0;
	mutable size_t pieces_left_ = 0;
	struct Borrowed {
		std::string before;
		Loan *loan;
		std::span<const std::byte> bytes;
	};
	std::vector<Borrowed> borrowed_;
};

/** All shards, and what their Outside is. */
class FakeShards {
public:
	explicit FakeShards(unsigned shards, size_t memory_max = size_t{64} << 20);

	/** Turns of all shards, each of @budget messages, until none has more. */
	void settle(unsigned budget = 256);
	/** One turn of a shard. */
	void turn(unsigned shard, unsigned budget = 256);
	std::unique_ptr<FakePeer> connect(unsigned shard);
	/** A key that belongs to @shard. */
	std::string key_of(unsigned shard, unsigned number = 0) const;
	/** Bytes in use that are not those of an empty store. */
	size_t left_over() const;

	RespShared shared;
	std::vector<std::unique_ptr<FakeShard>> shards;
	uint64_t now = 1000;
};

class FakeShard final : public Outside {
public:
	FakeShard(FakeShards &whole, unsigned index)
		: all(whole), session(whole.shared, index), empty(session.arena().used())
	{
		session.attach(this);
	}

	uint64_t now_ms() const override { return all.now; }
	Link *find(Ticket ticket) override
	{
		const auto at = peers.find(ticket.slot);

		return at == peers.end() ? nullptr : at->second;
	}
	void resume(Ticket ticket) override
	{
		if (peers.contains(ticket.slot))
			peers[ticket.slot]->paused = false;
	}
	void wake(unsigned shard) override { all.shards[shard]->woken = true; }

	FakeShards &all;
	Session session;
	const size_t empty;
	std::map<uint32_t, FakePeer *> peers;
	uint32_t next_slot = 0;
	std::atomic<bool> woken = false;
};

inline FakePeer::~FakePeer()
{
	for (const Borrowed &borrowed : borrowed_)
		borrowed.loan->give_back();
	shard_.session.closed(state_);
	shard_.peers.erase(ticket_.slot);
}

inline void FakePeer::send(std::string_view bytes)
{
	input_ += bytes;
	deliver();
}

inline void FakePeer::end()
{
	shard_.session.input_ended(state_, *this);
}

/* As a receive right into the service's memory. */
inline bool FakePeer::deliver_direct()
{
	const auto room = shard_.session.destination(state_);
	const size_t length = std::min(room.size(), input_.size());

	if (!length)
		return false;
	std::memcpy(room.data(), input_.data(), length);
	input_.erase(0, length);
	shard_.session.filled(state_, length);
	return true;
}

inline void FakePeer::deliver()
{
	while (!input_.empty() && !paused && !stuck && !finished && !aborted) {
		if (deliver_direct())
			continue;

		/* A copy, so that a checker sees who keeps a view of it. */
		const std::string part = input_.substr(0, piece);
		const size_t done =
			shard_.session.received(state_, *this, std::as_bytes(std::span(part)));

		input_.erase(0, done);
		if (done < part.size() && !paused && !finished && !full())
			std::abort();
		if (done < part.size())
			return;
	}
}

inline void FakePeer::write(std::span<const std::byte> bytes)
{
	spend(bytes.size(), 1 + bytes.size() / 2048);
	output_.append(reinterpret_cast<const char *>(bytes.data()), bytes.size());
}

inline void FakePeer::lend(std::span<const std::byte> bytes, Loan &loan)
{
	lent++;
	spend(0, 1);
	borrowed_.push_back({std::move(output_), &loan, bytes});
	output_.clear();
}

inline std::string FakePeer::take()
{
	std::string text;

	for (const Borrowed &borrowed : borrowed_) {
		text += borrowed.before;
		text.append(reinterpret_cast<const char *>(borrowed.bytes.data()),
			    borrowed.bytes.size());
		borrowed.loan->give_back();
	}
	text += output_;
	borrowed_.clear();
	output_.clear();
	return text;
}

inline FakeShards::FakeShards(unsigned count, size_t memory_max) : shared(count, memory_max)
{
	for (unsigned i = 0; i < count; i++)
		shards.push_back(std::make_unique<FakeShard>(*this, i));
}

inline void FakeShards::turn(unsigned shard, unsigned budget)
{
	FakeShard &its = *shards[shard];

	its.woken = false;
	its.session.turn(budget);
	for (const auto &[slot, peer] : std::map(its.peers)) {
		if (peer->stuck)
			continue;
		its.session.writable(peer->state(), *peer);
		peer->deliver();
	}
}

/* Only shards that were woken, or ask for it: so that a missing wake shows. */
inline void FakeShards::settle(unsigned budget)
{
	for (bool any = true; any;) {
		any = false;
		for (unsigned i = 0; i < shards.size(); i++) {
			if (!shards[i]->woken && !shards[i]->session.pending())
				continue;
			turn(i, budget);
			any = true;
		}
	}
}

inline std::unique_ptr<FakePeer> FakeShards::connect(unsigned shard)
{
	FakeShard &its = *shards[shard];
	const Ticket ticket{its.next_slot++, 0};
	auto peer = std::make_unique<FakePeer>(its, ticket);

	its.peers[ticket.slot] = peer.get();
	its.session.opened(peer->state(), ticket);
	return peer;
}

inline std::string FakeShards::key_of(unsigned shard, unsigned number) const
{
	for (unsigned i = 0;; i++) {
		std::string key = "key" + std::to_string(i);

		if (shards[0]->session.owner(hash_key(key, shared.seed)) == shard && !number--)
			return key;
	}
}

inline size_t FakeShards::left_over() const
{
	size_t bytes = 0;

	for (const auto &shard : shards)
		bytes += shard->session.arena().used() - shard->empty;
	return bytes;
}

} // namespace lanes

#endif
