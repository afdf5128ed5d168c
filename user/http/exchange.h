// SPDX-License-Identifier: GPL-2.0-only
#ifndef LANES_HTTP_EXCHANGE_H
#define LANES_HTTP_EXCHANGE_H

#include <array>
#include <memory>
#include <span>
#include <string_view>

#include <cstddef>
#include <ctime>

#include "http/files.h"
#include "http/reply.h"
#include "http/request.h"
#include "http/sink.h"
#include "http/snapshot.h"

namespace lanes::http {

/** Requests and their replies, of all connections of a shard. */
class Exchange final : private RequestParser {
public:
	Exchange(std::shared_ptr<const Files> files, const RequestLimits &limits, time_t now);
	~Exchange();

	/** For requests whose target comes from now on. */
	void use(std::shared_ptr<const Files> files);
	/** Seconds since 1970, for Date. */
	void set_time(time_t now) { common_.update(now); }

	/* As those of Handler. @request: zero at first. */
	void opened(Request &request) { open(request); }
	size_t received(Request &request, Sink &sink, std::span<const std::byte> input);
	void input_ended(Request &request, Sink &sink);
	void writable(Request &request, Sink &sink);
	void closed(Request &request);

private:
	void target(Request &request, std::string_view text) override;
	void header(Request &request, Field field, std::string_view value) override;
	unsigned head_complete(Request &request) override;
	bool done(Request &request) override;
	void refused(Request &request, unsigned status) override;

	void find(Request &request, std::string_view path);
	static void next(Request &request);
	static bool unmodified(const Request &request);

	void reply(Request &request);
	void reply_error(const Request &request, unsigned status);
	void reply_file(Request &request);
	void reply_content(Request &request, Part part);
	Reply &start(const Request &request, unsigned status);

	void send_rest(Request &request, Sink &sink);
	void finish(Request &request, Sink &sink);

	Common common_;
	Snapshot *snapshot_;
	Reply reply_;
	/** Of the connection, during received(). */
	Sink *sink_ = nullptr;
};

} // namespace lanes::http

#endif
