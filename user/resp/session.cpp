// SPDX-License-Identifier: GPL-2.0-only
#include "resp/session.h"

#include <charconv>
#include <new>
#include <utility>

#include <cerrno>
#include <cstring>

#include <sys/random.h>

#include "common/error.h"

namespace lanes {

RespShared::RespShared(unsigned shards, size_t memory)
	: mesh(shards), stats(shards), memory_max(memory)
{
	if (getrandom(&seed, sizeof(seed), 0) != sizeof(seed))
		throw_errno(errno, "getrandom");
}

Session::Session(RespShared &shared, unsigned shard)
	: shared_(shared), shard_(shard), arena_(shared.memory_max / shared.mesh.shards(), shard),
	  store_(arena_), post_(shared.mesh, shard, arena_)
{
}

void Session::opened(RespState &state, Ticket ticket)
{
	state.ticket = ticket;
	connections_++;
	shared_.stats[shard_].connections_ever.add();
	publish();
}

size_t Session::received(RespState &state, Link &link, std::span<const std::byte> input)
{
	std::string_view left{reinterpret_cast<const char *>(input.data()), input.size()};

	now_ = outside_->now_ms();
	output_.begin(link);
	while (!left.empty() && !state.closing) {
		if (!state.reader && !may_begin(state))
			break;
		advance(state, left);
	}
	output_.end();
	settle(state, link);
	post_.wake([this](unsigned shard) { outside_->wake(shard); });
	publish();
	return state.closing ? input.size() : input.size() - left.size();
}

/* Whether there is room for what a command may reply. */
bool Session::may_begin(RespState &state)
{
	if (state.between_rounds || state.waiting >= waiting_max ||
	    outstanding_ >= outstanding_max) {
		state.paused = true;
		output_.link().pause();
		if (!state.head)
			hold(state);
		return false;
	}
	return output_.room();
}

void Session::advance(RespState &state, std::string_view &input)
{
	uint32_t count;

	if (!state.reader) {
		if (const size_t length = parse_command(input, words_, count)) {
			input.remove_prefix(length);
			execute(state, {words_.data(), count});
			return;
		}
		state.reader = CommandReader::make(arena_);
		if (!state.reader) {
			give_up(state);
			return;
		}
	}

	CommandReader &reader = *state.reader;

	switch (reader.read(input)) {
	case CommandReader::Status::more:
		return;
	case CommandReader::Status::command:
		execute(state, reader.arguments());
		break;
	case CommandReader::Status::nothing:
		break;
	case CommandReader::Status::refused:
		reply_error(state, reader.problem());
		break;
	case CommandReader::Status::broken:
		reply_error(state, reader.problem());
		state.closing = true;
		break;
	}
	CommandReader::destroy(&reader);
	state.reader = nullptr;
}

std::span<std::byte> Session::destination(RespState &state)
{
	if (!state.reader)
		return {};
	return std::as_writable_bytes(state.reader->destination());
}

void Session::filled(RespState &state, size_t length)
{
	state.reader->filled(length);
}

void Session::input_ended(RespState &state, Link &link)
{
	state.closing = true;
	settle(state, link);
}

void Session::writable(RespState &state, Link &link)
{
	go_on(state, link);
}

void Session::closed(RespState &state)
{
	if (state.reader)
		CommandReader::destroy(state.reader);
	while (Errand *errand = state.head) {
		state.head = errand->next;
		/* The others end when what is missing has come. */
		errand->state = nullptr;
		if (!errand->missing) {
			discard(errand->result);
			free_errand(errand);
		}
	}
	state = {};
	connections_--;
	publish();
}

/* To be called at the end of all that may leave nothing to reply. */
void Session::settle(RespState &state, Link &link)
{
	if (state.finished || state.head)
		return;
	if (!state.closing && (state.reader || !link.draining()))
		return;
	state.closing = true;
	state.finished = true;
	link.finish();
}

void Session::go_on(RespState &state, Link &link)
{
	if (state.head) {
		output_.begin(link);
		pump(state);
		output_.end();
		settle(state, link);
	}
	try_resume(state);
}

void Session::pump(RespState &state)
{
	while (state.head && !state.head->missing && output_.room()) {
		Errand *errand = state.head;

		state.head = errand->next;
		state.waiting--;
		render(errand->result);
		free_errand(errand);
	}
}

void Session::try_resume(RespState &state)
{
	if (!state.paused || state.between_rounds || state.waiting > waiting_max / 2)
		return;
	if (outstanding_ > outstanding_max / 2) {
		hold(state);
		return;
	}
	state.paused = false;
	outside_->resume(state.ticket);
}

void Session::hold(RespState &state)
{
	if (state.held)
		return;
	state.held = true;
	held_.push_back(state.ticket);
}

void Session::resume_held()
{
	if (held_.empty() || outstanding_ > outstanding_max / 2)
		return;
	for (const Ticket ticket : held_) {
		Link *link = outside_->find(ticket);

		if (!link)
			continue;
		link->state().held = false;
		try_resume(link->state());
	}
	held_.clear();
}

void Session::reply(RespState &state, const Result &result)
{
	if (!state.head && output_.room()) {
		render(result);
		return;
	}

	Errand *errand = make_errand(0);

	if (!errand) {
		discard(result);
		give_up(state);
		return;
	}
	errand->result = result;
	queue(state, errand);
}

void Session::reply_text(RespState &state, std::string_view text)
{
	if (!state.head && text.size() <= Output::copy_max && output_.room()) {
		output_.put(text);
		return;
	}

	Value *value = Value::make(arena_, static_cast<uint32_t>(text.size()));

	if (!value) {
		reply_error(state, out_of_memory);
		return;
	}
	std::memcpy(value->data(), text.data(), text.size());
	reply(state, Result::raw(value));
}

void Session::render(const Result &result)
{
	char text[32];
	char *end = text + 1;

	switch (result.kind) {
	case Result::Kind::text:
		output_.put(result.text);
		return;
	case Result::Kind::integer:
	case Result::Kind::array:
		text[0] = result.kind == Result::Kind::array ? '*' : ':';
		end = std::to_chars(end, text + sizeof(text) - 2, result.integer).ptr;
		*end++ = '\r';
		*end++ = '\n';
		output_.put(std::string_view{text, end});
		return;
	case Result::Kind::nothing:
		output_.put("$-1\r\n");
		return;
	case Result::Kind::value:
		render_value(result.value, result.value->wire());
		return;
	case Result::Kind::raw:
		render_value(result.value, std::as_bytes(std::span(result.value->text())));
		return;
	}
}

/* Ends the reference, now or when it is sent. */
void Session::render_value(Value *value, std::span<const std::byte> bytes)
{
	const bool here = value->home() == &arena_;

	if (bytes.size() <= Output::copy_max) {
		output_.put(bytes);
	} else if (Loan *loan = here ? value : post_.lend(*value)) {
		output_.lend(bytes, *loan);
		return;
	} else {
		output_.link().abort();
	}
	if (here)
		value->give_back();
	else
		post_.release(*value);
}

void Session::discard(const Result &result)
{
	if (!result.value)
		return;
	if (result.value->home() == &arena_)
		result.value->give_back();
	else
		post_.release(*result.value);
}

Errand *Session::make_errand(size_t bytes)
{
	const size_t size = sizeof(Errand) + bytes;
	void *memory = arena_.take(size);

	if (!memory)
		return nullptr;

	auto *errand = new (memory) Errand;

	errand->size = static_cast<uint32_t>(size);
	errand->from = static_cast<uint16_t>(shard_);
	return errand;
}

void Session::free_errand(Errand *errand)
{
	arena_.give(errand, errand->size);
}

void Session::queue(RespState &state, Errand *errand)
{
	errand->state = &state;
	errand->next = nullptr;
	if (state.head)
		state.tail->next = errand;
	else
		state.head = errand;
	state.tail = errand;
	state.waiting++;
}

/* The system has no memory even for a reply. */
void Session::give_up(RespState &state)
{
	state.closing = true;
	output_.link().abort();
}

/* @operation as it can travel, with what it points to. */
Errand *Session::make_message(KeyOperation &operation)
{
	const std::string_view text = operation.value ? std::string_view{} : operation.text;
	Errand *errand = make_errand(operation.key.size() + text.size());

	if (!errand)
		return nullptr;

	KeyOperation &copy = errand->operation;

	copy = operation;
	if (!operation.key.empty())
		std::memcpy(errand->bytes(), operation.key.data(), operation.key.size());
	copy.key = {errand->bytes(), operation.key.size()};
	if (!text.empty()) {
		std::memcpy(errand->bytes() + operation.key.size(), text.data(), text.size());
		copy.text = {errand->bytes() + operation.key.size(), text.size()};
	}
	if (copy.value && copy.value->movable())
		copy.value->leave();
	operation.value = nullptr;
	return errand;
}

void Session::send(Errand *errand, unsigned shard)
{
	errand->missing = 1;
	outstanding_ += errand->size;
	post_.request(*errand, shard);
}

bool Session::turn(unsigned budget)
{
	void *what;
	MessageKind kind;

	now_ = outside_->now_ms();
	post_.retry();
	for (; budget && post_.receive(what, kind); budget--) {
		switch (kind) {
		case MessageKind::request:
			serve(static_cast<Errand *>(what));
			break;
		case MessageKind::reply:
			returned(static_cast<Errand *>(what));
			break;
		case MessageKind::release:
			static_cast<Value *>(what)->give_back();
			break;
		}
	}
	post_.look_for_senders();
	for (size_t i = 0; i < touched_.size(); i++) {
		Link *link = outside_->find(touched_[i]);

		if (!link)
			continue;
		link->state().touched = false;
		go_on(link->state(), *link);
	}
	touched_.clear();
	resume_held();
	store_.sweep(now_, sweep_buckets);
	post_.wake([this](unsigned shard) { outside_->wake(shard); });
	publish();
	return post_.incoming();
}

void Session::serve(Errand *errand)
{
	errand->result = local(errand->operation);
	post_.reply(*errand);
}

void Session::returned(Errand *errand)
{
	Value *left = std::exchange(errand->operation.value, nullptr);

	outstanding_ -= errand->size;
	if (left) {
		/* The owner had no use for it. */
		if (!left->home())
			left->enter(arena_);
		left->give_back();
	}
	if (Errand *whole = errand->whole) {
		whole->result.add(errand->result);
		if (!whole->parts)
			free_errand(errand);
		errand = whole;
	}
	if (--errand->missing)
		return;

	RespState *state = errand->state;

	if (errand->parts) {
		second_round(*errand);
		if (state)
			touch(*state);
		if (errand->missing)
			return;
	}

	if (!state) {
		discard(errand->result);
		free_errand(errand);
	} else if (state->head == errand) {
		touch(*state);
	}
}

void Session::touch(RespState &state)
{
	if (state.touched)
		return;
	state.touched = true;
	touched_.push_back(state.ticket);
}

void Session::publish()
{
	RespStats &stats = shared_.stats[shard_];

	stats.keys.set(store_.keys());
	stats.expiring.set(store_.expiring());
	stats.used.set(arena_.used());
	stats.connections.set(connections_);
	stats.commands.set(commands_);
	stats.hits.set(lookups_.hits);
	stats.misses.set(lookups_.misses);
	stats.expired.set(store_.expired());
}

} // namespace lanes
