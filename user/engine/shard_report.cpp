// SPDX-License-Identifier: GPL-2.0-only
/* What a shard tells of its connections. Their peers' addresses may take a tick
 * to find.
 */
#include <algorithm>

#include "common/endpoint.h"
#include "engine/shard.h"

namespace lanes {

void Shard::report(std::function<void(std::vector<ConnectionReport>)> done)
{
	reports_.push_back({std::move(done), {}, {}, 0});
	if (reports_.size() == 1)
		begin_report();
}

void Shard::begin_report()
{
	Report &report = reports_.front();

	for (uint32_t slot = 0; slot < connections_.touched(); slot++) {
		const Connection &c = connections_[slot];

		if (!c.open() || c.closed)
			continue;
		report.connections.push_back({
			.slot = slot,
			.generation = c.generation,
			.peer = {},
			.service = std::string(served_[c.service].service->name()),
			.bytes_in = c.bytes_in,
			.bytes_out = c.bytes_out,
			.queued = c.input.bytes + c.output.bytes,
			.idle_ms = std::min(static_cast<uint32_t>(now_ms_) - c.received_ms,
					    static_cast<uint32_t>(now_ms_) - c.sent_ms),
			.parked = c.parked,
		});
	}
	/* One more, so that no answer is the last before all are asked for. */
	report.unknown = report.connections.size() + 1;
	report.peers.resize(report.connections.size());
	for (size_t n = 0; n < report.connections.size(); n++)
		engine_->ask_peer(report.connections[n].slot, report.peers[n]);
	peer_known(Connection::none);
}

void Shard::peer_known(uint32_t)
{
	if (!--reports_.front().unknown)
		end_report();
}

void Shard::end_report()
{
	Report report = std::move(reports_.front());

	for (size_t n = 0; n < report.connections.size(); n++)
		report.connections[n].peer =
			report.peers[n].ss_family == AF_UNSPEC
				? "-"
				: Endpoint::of_address(report.peers[n]).to_string();
	reports_.pop_front();
	report.done(std::move(report.connections));
	if (!reports_.empty())
		begin_report();
}

} // namespace lanes
