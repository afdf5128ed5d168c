// SPDX-License-Identifier: GPL-2.0-only
#include "resp/store.h"

#include <utility>

#include <cerrno>
#include <cstring>

#include <sys/mman.h>

#include "common/error.h"

namespace lanes {

Store::Store(Arena &arena) : arena_(arena)
{
	if (!map(table_, buckets_min))
		throw_errno(errno, "mmap of the key table", "lower --memory");
}

/* Entries and values go with the arena. */
Store::~Store()
{
	unmap(table_);
	unmap(old_);
}

bool Store::map(Table &table, size_t count)
{
	const size_t size = count * sizeof(Entry *);
	void *memory = mmap(nullptr, size, PROT_READ | PROT_WRITE,
			    MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	if (memory == MAP_FAILED)
		return false;
	table.buckets = static_cast<Entry **>(memory);
	table.count = count;
	arena_.account(static_cast<ptrdiff_t>(size));
	return true;
}

void Store::unmap(Table &table)
{
	if (!table.buckets)
		return;
	munmap(table.buckets, table.count * sizeof(Entry *));
	arena_.account(-static_cast<ptrdiff_t>(table.count * sizeof(Entry *)));
	table = {};
}

/* Each key has one place: in the old table until its bucket has moved. */
Store::Entry *&Store::bucket(uint64_t hash)
{
	if (old_.buckets) {
		const size_t index = hash & (old_.count - 1);

		if (index >= moved_)
			return old_.buckets[index];
	}
	return table_.buckets[hash & (table_.count - 1)];
}

Store::Entry *Store::find(std::string_view key, uint64_t hash, uint64_t now)
{
	for (Entry **link = &bucket(hash); *link; link = &(*link)->next) {
		Entry *entry = *link;

		if (entry->hash != static_cast<uint32_t>(hash) || entry->key() != key)
			continue;
		if (!entry->expires || entry->expires > now)
			return entry;
		expired_++;
		cut(*link);
		return nullptr;
	}
	return nullptr;
}

Store::Entry *Store::add(std::string_view key, uint64_t hash, Value *value)
{
	Entry *entry = reserve(key, hash, value);

	if (entry)
		insert(entry, hash);
	return entry;
}

Store::Entry *Store::reserve(std::string_view key, uint64_t hash, Value *value)
{
	const size_t size = footprint(key.size());
	void *memory = arena_.allows(size) ? arena_.take(size) : nullptr;

	if (!memory)
		return nullptr;

	auto *entry = static_cast<Entry *>(memory);

	entry->value = value;
	entry->expires = 0;
	entry->hash = static_cast<uint32_t>(hash);
	entry->key_length = static_cast<uint32_t>(key.size());
	std::memcpy(entry + 1, key.data(), key.size());
	return entry;
}

void Store::commit(Entry *reserved, uint64_t hash, uint64_t now)
{
	Entry *there = find(reserved->key(), hash, now);

	if (!there) {
		insert(reserved, hash);
		return;
	}
	std::swap(there->value, reserved->value);
	expire_at(there, 0);
	destroy(reserved);
}

void Store::insert(Entry *entry, uint64_t hash)
{
	if (keys_ >= table_.count && !old_.buckets)
		grow();
	for (size_t i = 0; i < growth_step && old_.buckets; i++)
		move_bucket();

	Entry *&head = bucket(hash);

	entry->next = head;
	head = entry;
	keys_++;
}

/* Without memory for it the chains just get longer. An entry's hash has 32
 * bits, so there is no use in more buckets.
 */
void Store::grow()
{
	Table larger;

	if (table_.count >> 31 || !map(larger, table_.count * 2))
		return;
	old_ = table_;
	table_ = larger;
	moved_ = 0;
	swept_ = 0;
}

void Store::move_bucket()
{
	/* Pages that are done with go at once: the last munmap() is short. */
	constexpr size_t piece = (size_t{64} << 10) / sizeof(Entry *);

	for (Entry *entry = old_.buckets[moved_]; entry;) {
		Entry *next = entry->next;
		Entry *&head = table_.buckets[entry->hash & (table_.count - 1)];

		entry->next = head;
		head = entry;
		entry = next;
	}
	moved_++;
	if (moved_ == old_.count)
		unmap(old_);
	else if (!(moved_ % piece))
		madvise(old_.buckets + moved_ - piece, piece * sizeof(Entry *), MADV_DONTNEED);
}

void Store::destroy(Entry *entry)
{
	entry->value->give_back();
	arena_.give(entry, footprint(entry->key_length));
}

void Store::cut(Entry *&link)
{
	Entry *entry = link;

	link = entry->next;
	keys_--;
	if (entry->expires)
		expiring_--;
	destroy(entry);
}

void Store::remove(Entry *entry)
{
	Entry **link = &bucket(entry->hash);

	while (*link != entry)
		link = &(*link)->next;
	cut(*link);
}

void Store::replace(Entry *entry, Value *value)
{
	entry->value->give_back();
	entry->value = value;
}

void Store::expire_at(Entry *entry, uint64_t time)
{
	if (!entry->expires && time)
		expiring_++;
	if (entry->expires && !time)
		expiring_--;
	entry->expires = time;
}

void Store::clear(Table &table)
{
	for (size_t i = &table == &old_ ? moved_ : 0; i < table.count; i++) {
		while (Entry *entry = table.buckets[i]) {
			table.buckets[i] = entry->next;
			destroy(entry);
		}
	}
}

void Store::clear()
{
	Table smallest;

	clear(old_);
	clear(table_);
	unmap(old_);
	keys_ = 0;
	expiring_ = 0;
	swept_ = 0;
	if (table_.count > buckets_min && map(smallest, buckets_min)) {
		unmap(table_);
		table_ = smallest;
	}
}

void Store::sweep(uint64_t now, size_t buckets)
{
	if (!expiring_ || old_.buckets)
		return;
	for (size_t i = 0; i < buckets; i++) {
		Entry **link = &table_.buckets[swept_];

		while (*link) {
			Entry *entry = *link;

			if (entry->expires && entry->expires <= now) {
				expired_++;
				cut(*link);
			} else {
				link = &entry->next;
			}
		}
		swept_ = (swept_ + 1) & (table_.count - 1);
	}
}

} // namespace lanes
