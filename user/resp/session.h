// SPDX-License-Identifier: GPL-2.0-only
#ifndef LANES_RESP_SESSION_H
#define LANES_RESP_SESSION_H

#include <array>
#include <chrono>
#include <span>
#include <string_view>
#include <vector>

#include <cstddef>
#include <cstdint>

#include "resp/arena.h"
#include "resp/errand.h"
#include "resp/hash.h"
#include "resp/info.h"
#include "resp/mesh.h"
#include "resp/operation.h"
#include "resp/output.h"
#include "resp/parser.h"
#include "resp/post.h"
#include "resp/store.h"

namespace lanes {

struct Command;

/** The shard as this service needs it: a Host, or a test's. As there. */
class Outside {
public:
	virtual uint64_t now_ms() const = 0;
	/** nullptr if it is gone; else until the next call. */
	virtual Link *find(Ticket ticket) = 0;
	virtual void resume(Ticket ticket) = 0;
	virtual void wake(unsigned shard) = 0;

protected:
	~Outside() = default;
};

/** What all shards of the service have in common. */
struct RespShared {
	RespShared(unsigned shards, size_t memory_max);

	Mesh mesh;
	std::vector<RespStats> stats;
	size_t memory_max;
	uint64_t seed;
	std::chrono::steady_clock::time_point started = std::chrono::steady_clock::now();
};

/**
 * A shard of the service: its keys, the commands of its connections, and its
 * part in those of other shards. It outlives the handler, since what was lent
 * from it may come back late. Of the shard's thread.
 */
class Session {
public:
	Session(RespShared &shared, unsigned shard);

	/** @outside: until the next attach(); the rest is only called with one. */
	void attach(Outside *outside) { outside_ = outside; }

	/* As those of Handler, @state being the connection's. */
	void opened(RespState &state, Ticket ticket);
	size_t received(RespState &state, Link &link, std::span<const std::byte> input);
	void input_ended(RespState &state, Link &link);
	void writable(RespState &state, Link &link);
	std::span<std::byte> destination(RespState &state);
	void filled(RespState &state, size_t length);
	bool in_request(const RespState &state) const { return state.reader || state.head; }
	void closed(RespState &state);
	bool turn(unsigned budget);
	bool pending() const { return post_.pending(); }

	/** Which shard has the keys of @hash. */
	unsigned owner(uint64_t hash) const
	{
		return static_cast<unsigned>((hash >> 40) % shared_.mesh.shards());
	}
	const Arena &arena() const { return arena_; }
	/** Bytes of requests that are with other shards. */
	size_t outstanding() const { return outstanding_; }

	/** Replies of a connection that may wait, and bytes that may be on their
	 *  way to other shards, before input has to wait. A command that has
	 *  begun may exceed it.
	 */
	static constexpr uint32_t waiting_max = 512;
	static constexpr size_t outstanding_max = size_t{8} << 20;

private:
	static constexpr size_t sweep_buckets = 32;

	bool may_begin(RespState &state);
	void advance(RespState &state, std::string_view &input);
	void execute(RespState &state, std::span<Argument> words);
	void run(RespState &state, const Command &command, std::span<Argument> words);
	void run_keys(RespState &state, KeyOperation::Kind kind, std::span<Argument> words);
	void run_set(RespState &state, std::span<Argument> words);
	void run_add(RespState &state, std::span<Argument> words, int64_t by);
	void run_mset(RespState &state, std::span<Argument> words);
	void run_time_left(RespState &state, const Argument &key, uint8_t flags);
	void run_info(RespState &state, std::span<Argument> words);
	void run_text(RespState &state, const Command &command, std::span<Argument> words);
	void echo(RespState &state, Argument &word);
	void everywhere(RespState &state, KeyOperation::Kind kind);

	/** The operation on @key is for @kind; nothing is set but the key. */
	KeyOperation on(KeyOperation::Kind kind, const Argument &key) const;
	Result local(KeyOperation &operation) { return apply(operation, store_, lookups_, now_); }
	void ask(RespState &state, KeyOperation &operation);
	void ask_part(RespState &state, KeyOperation &operation, unsigned shard, Result &sum,
		      Errand *&whole);
	void reply_sum(RespState &state, const Result &sum, Errand *whole);
	void reserve(RespState &state, Errand &whole, KeyOperation &operation);
	void second_round(Errand &whole);

	void reply(RespState &state, const Result &result);
	/** Anything, as it goes over the wire. */
	void reply_text(RespState &state, std::string_view text);
	void reply_error(RespState &state, std::string_view text);
	void render(const Result &result);
	void render_value(Value *value, std::span<const std::byte> bytes);
	void discard(const Result &result);

	Errand *make_errand(size_t bytes);
	void free_errand(Errand *errand);
	Errand *make_message(KeyOperation &operation);
	void send(Errand *errand, unsigned shard);
	void queue(RespState &state, Errand *errand);
	void give_up(RespState &state);
	void serve(Errand *errand);
	void returned(Errand *errand);
	void touch(RespState &state);
	void go_on(RespState &state, Link &link);
	void pump(RespState &state);
	void settle(RespState &state, Link &link);
	void try_resume(RespState &state);
	void hold(RespState &state);
	void resume_held();
	void publish();

	RespShared &shared_;
	const unsigned shard_;
	Outside *outside_ = nullptr;
	Arena arena_;
	Store store_;
	Output output_;
	Post post_;
	Lookups lookups_;
	uint64_t now_ = 0;
	uint64_t commands_ = 0;
	uint64_t connections_ = 0;
	size_t outstanding_ = 0;
	/** Connections with replies that came, and those that wait until fewer
	 *  requests are outstanding.
	 */
	std::vector<Ticket> touched_;
	std::vector<Ticket> held_;
	std::array<Argument, arguments_max> words_;
};

} // namespace lanes

#endif
