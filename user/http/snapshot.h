// SPDX-License-Identifier: GPL-2.0-only
#ifndef LANES_HTTP_SNAPSHOT_H
#define LANES_HTTP_SNAPSHOT_H

#include <memory>
#include <utility>

#include <cstdint>

#include "engine/memory.h"
#include "http/files.h"

namespace lanes::http {

/**
 * One shard's part in the files that all shards share: a count without atomics
 * of what the shard sends from them. Made with one reference; goes, and lets
 * go of the files, with the last. Of one thread.
 */
class Snapshot final : public Loan {
public:
	static Snapshot *make(std::shared_ptr<const Files> files)
	{
		return new Snapshot(std::move(files));
	}

	Snapshot *hold()
	{
		references_++;
		return this;
	}
	void give_back() override
	{
		if (!--references_)
			delete this;
	}

	const Files &files() const { return *files_; }

private:
	explicit Snapshot(std::shared_ptr<const Files> files) : files_(std::move(files)) {}
	~Snapshot() = default;

	std::shared_ptr<const Files> files_;
	uint64_t references_ = 1;
};

} // namespace lanes::http

#endif
