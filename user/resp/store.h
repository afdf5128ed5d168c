// SPDX-License-Identifier: GPL-2.0-only
#ifndef LANES_RESP_STORE_H
#define LANES_RESP_STORE_H

#include <memory>
#include <string_view>

#include <cstddef>
#include <cstdint>

#include "resp/arena.h"
#include "resp/value.h"

namespace lanes {

/**
 * A shard's part of the keys: a hash table that grows a few buckets with each
 * insertion, never all at once. Of one thread. Times in milliseconds, as those
 * of Host::now_ms().
 */
class Store {
public:
	static constexpr size_t key_max = 65536;

	struct Entry {
		Entry *next;
		Value *value;
		/** 0: stays. */
		uint64_t expires;
		uint32_t hash;
		uint32_t key_length;

		std::string_view key() const
		{
			return {reinterpret_cast<const char *>(this + 1), key_length};
		}
	};

	explicit Store(Arena &arena);
	Store(const Store &) = delete;
	Store &operator=(const Store &) = delete;
	~Store();

	/** nullptr if there is none, or its time is over. Until the next call. */
	Entry *find(std::string_view key, uint64_t hash, uint64_t now);
	/** Adds a key that is not there and takes over @value; nullptr, and
	 *  @value still the caller's, if that would be over the limit.
	 */
	Entry *add(std::string_view key, uint64_t hash, Value *value);
	/** As add(), of a key that may be there, but nobody finds it before
	 *  commit(), which cannot fail. The entry is the caller's.
	 */
	Entry *reserve(std::string_view key, uint64_t hash, Value *value);
	/** Sets the key of a reserve() of the same @hash, which is over then. */
	void commit(Entry *reserved, uint64_t hash, uint64_t now);
	/** Ends a reserve(). */
	void cancel(Entry *reserved) { destroy(reserved); }
	void remove(Entry *entry);
	/** Takes over @value; the former one loses a reference. */
	void replace(Entry *entry, Value *value);
	void expire_at(Entry *entry, uint64_t time);
	void clear();

	/** Removes what is over, in the next @buckets buckets. */
	void sweep(uint64_t now, size_t buckets);

	Arena &arena() { return arena_; }
	size_t keys() const { return keys_; }
	size_t expiring() const { return expiring_; }
	uint64_t expired() const { return expired_; }
	size_t buckets() const { return table_.count; }
	bool growing() const { return old_.buckets; }

private:
	static constexpr size_t buckets_min = 1024;
	/** Old buckets emptied at each insertion; two would do. */
	static constexpr size_t growth_step = 4;

	struct Table {
		Entry **buckets = nullptr;
		size_t count = 0;
	};

	bool map(Table &table, size_t count);
	void unmap(Table &table);
	void grow();
	void move_bucket();
	void clear(Table &table);
	Entry *&bucket(uint64_t hash);
	void insert(Entry *entry, uint64_t hash);
	void destroy(Entry *entry);
	/** Removes @entry, which @link points to. */
	void cut(Entry *&link);

	static size_t footprint(size_t key_length) { return sizeof(Entry) + key_length; }

	Arena &arena_;
	Table table_;
	/** While growing: buckets from moved_ on still count. */
	Table old_;
	size_t moved_ = 0;
	size_t keys_ = 0;
	size_t expiring_ = 0;
	uint64_t expired_ = 0;
	size_t swept_ = 0;
};

} // namespace lanes

#endif
