// SPDX-License-Identifier: GPL-2.0-only
#ifndef LANES_HTTP_TEST_SINK_H
#define LANES_HTTP_TEST_SINK_H

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "http/sink.h"

namespace lanes::http {

/** A stream of tests: what was queued, read by nobody until take(). */
class TestSink final : public Sink {
public:
	/** @high: queued bytes at which it is full. */
	explicit TestSink(size_t high = ~size_t{0}) : high_(high) {}
	TestSink(const TestSink &) = delete;
	TestSink &operator=(const TestSink &) = delete;
	~TestSink() { take(); }

	bool full() const override { return queued() >= high_; }
	void write(std::string_view text) override
	{
		text_ += text;
		writes_++;
	}
	void lend(std::span<const std::byte> bytes, Loan &loan) override
	{
		lent_ += bytes.size();
		loans_.push_back({bytes, &loan, text_.size()});
	}
	void finish() override { finished_ = true; }
	bool draining() const override { return drains; }

	/** The peer reads all there is. Only now lent bytes are looked at. */
	std::string take()
	{
		std::string all;
		size_t at = 0;

		for (const Lent &lent : loans_) {
			all.append(text_, at, lent.at - at);
			at = lent.at;
			all.append(reinterpret_cast<const char *>(lent.bytes.data()),
				   lent.bytes.size());
			lent.loan->give_back();
		}
		all.append(text_, at);
		text_.clear();
		loans_.clear();
		lent_ = 0;
		return all;
	}

	size_t queued() const { return text_.size() + lent_; }
	size_t writes() const { return writes_; }
	bool finished() const { return finished_; }

	bool drains = false;

private:
	struct Lent {
		std::span<const std::byte> bytes;
		Loan *loan;
		size_t at;
	};

	size_t high_;
	std::string text_;
	std::vector<Lent> loans_;
	size_t lent_ = 0;
	size_t writes_ = 0;
	bool finished_ = false;
};

} // namespace lanes::http

#endif
