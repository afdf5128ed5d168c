// SPDX-License-Identifier: GPL-2.0-only
#ifndef LANES_RESP_POST_H
#define LANES_RESP_POST_H

#include <vector>

#include <cstdint>

#include "resp/arena.h"
#include "resp/errand.h"
#include "resp/mesh.h"
#include "resp/value.h"

namespace lanes {

/** What a message is; its lowest bits. */
enum class MessageKind : uintptr_t { request, reply, release };

/**
 * A shard's end of the mesh. What finds its ring full waits in line, in memory
 * that it has anyway. Of the shard's thread.
 */
class Post {
public:
	Post(Mesh &mesh, unsigned shard, Arena &arena);

	void request(Errand &errand, unsigned to);
	void reply(Errand &errand);
	/** Gives back a reference to another shard's @value. */
	void release(Value &value);
	/** A loan that is release(), for a reference to another shard's @value;
	 *  nullptr if there is no memory.
	 */
	Loan *lend(Value &value);

	/** The next message to this shard, of any; false if there is none. */
	bool receive(void *&what, MessageKind &kind);
	/** Sends what waits in line, as far as there is room. */
	void retry();
	/** Calls @wake for each shard that was sent something since. */
	template <typename Wake> void wake(Wake &&wake)
	{
		for (const unsigned shard : posted_) {
			lines_[shard].posted = false;
			wake(shard);
		}
		posted_.clear();
	}
	/** After the last receive() of a tick: notes who waits for room. */
	void look_for_senders();
	/** Whether there is something to receive(), to retry() or to wake() for. */
	bool pending() const;
	bool incoming() const;

private:
	/** The loan of a value that is another shard's. */
	struct Lent final : Loan {
		Lent(Post &owner, Value &v) : post(owner), value(v) {}
		void give_back() override;

		Post &post;
		Value &value;
	};
	/** What waits for room in a ring. */
	struct Line {
		Letter *first = nullptr;
		Letter *last = nullptr;
		bool posted = false;
	};

	bool try_send(uintptr_t message, unsigned to);
	void wait_in_line(Letter &letter, uintptr_t message, unsigned to);
	void note(unsigned shard);
	bool can_retry() const;

	Mesh &mesh_;
	const unsigned shard_;
	Arena &arena_;
	std::vector<Line> lines_;
	std::vector<unsigned> posted_;
	size_t in_line_ = 0;
	bool received_ = false;
	unsigned next_from_ = 0;
};

} // namespace lanes

#endif
