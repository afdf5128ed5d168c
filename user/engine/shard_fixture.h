// SPDX-License-Identifier: GPL-2.0-only
/* For tests: shards on threads of their own, and peers that talk to them. */
#ifndef LANES_ENGINE_SHARD_FIXTURE_H
#define LANES_ENGINE_SHARD_FIXTURE_H

#include <atomic>
#include <chrono>
#include <functional>
#include <future>
#include <latch>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include <cstdint>

#include <gtest/gtest.h>

#include "common/fd.h"
#include "engine/shard.h"
#include "service/basic.h"

namespace lanes {

using namespace std::chrono_literals;
using std::chrono::milliseconds;

/** Far beyond what any step of a test takes. */
constexpr milliseconds patience = 10s;

/** Whether @condition comes true in time; asks each millisecond. */
bool eventually(const std::function<bool()> &condition, milliseconds limit = patience);

/** A client. Calls that wait give up after a while. */
class Peer {
public:
	/** @receive_buffer: bytes, 0: as the system wants. */
	explicit Peer(uint16_t port, int receive_buffer = 0);

	int fd() const { return fd_.get(); }
	/** All of it; false if the connection broke or the time is up. */
	bool send(std::string_view bytes);
	/** What fits at once. */
	size_t send_some(std::string_view bytes);
	/** @length bytes, or those before the end. */
	std::string receive(size_t length, milliseconds limit = patience);
	/** Whether the connection ends, by FIN or RST; drops what comes before. */
	bool ended(milliseconds limit = patience);
	/** Whether it is by FIN, and nothing comes before. */
	bool ended_cleanly(milliseconds limit = patience);
	bool readable(milliseconds limit);
	/** No more input for the server. */
	void finish();
	void reset();
	void close() { fd_.reset(); }

private:
	Fd fd_;
};

/** Sends until nothing was taken for 100 ms; returns the bytes. */
uint64_t stuff(Peer &peer, size_t piece = 65536);

/** Of all sockets that @config's listener accepts. */
void small_send_buffer(ShardConfig &config);

/** Shards, each with a thread and a listener of its own. */
class ShardRunner {
public:
	using Tune = std::function<void(ShardConfig &)>;

	ShardRunner(EngineKind kind, Service &service, const Tune &tune = {}, unsigned shards = 1);
	/** Ends all connections. */
	~ShardRunner();

	uint16_t port(unsigned shard = 0) const { return runners_[shard]->port; }
	const Counters &counters(unsigned shard = 0) const { return runners_[shard]->counters; }

	void post(std::function<void(Shard &)> task, unsigned shard = 0)
	{
		runners_[shard]->shard->post(std::move(task));
	}
	/** What @question returns on the shard's thread. */
	template <typename Question> auto ask(Question question, unsigned shard = 0)
	{
		using Answer = std::invoke_result_t<Question, Shard &>;
		const auto promise = std::make_shared<std::promise<Answer>>();
		auto answer = promise->get_future();

		post([promise, question](Shard &on) { promise->set_value(question(on)); }, shard);
		if (answer.wait_for(patience) != std::future_status::ready)
			throw std::runtime_error("the shard does not answer");
		return answer.get();
	}
	std::vector<ConnectionReport> connections()
	{
		using Reports = std::vector<ConnectionReport>;

		const auto promise = std::make_shared<std::promise<Reports>>();
		auto answer = promise->get_future();

		post([promise](Shard &shard) {
			shard.report([promise](Reports reports) {
				promise->set_value(std::move(reports));
			});
		});
		if (answer.wait_for(patience) != std::future_status::ready)
			throw std::runtime_error("the shard does not answer");
		return answer.get();
	}
	/** Neither connections nor memory of them. */
	bool nothing_left(unsigned shard = 0);
	/** Of the shard's thread, until now. */
	std::chrono::nanoseconds cpu_time(unsigned shard = 0);
	void drain(milliseconds time);
	bool returned(unsigned shard = 0) const { return runners_[shard]->returned.load(); }

private:
	struct Runner {
		Fd listener;
		uint16_t port = 0;
		Counters counters;
		Shard *shard = nullptr;
		std::atomic<bool> returned{false};
		std::thread thread;
	};

	void serve(Runner &runner, ShardConfig config);

	std::unique_ptr<SendThreads, void (*)(SendThreads *)> send_threads_;
	std::vector<std::unique_ptr<Runner>> runners_;
	std::vector<Shard *> shards_;
	std::latch made_, started_, over_;
};

/** A service of a test: its handlers are made from a reference to @shared. */
template <typename OneHandler, typename Shared> class TestService final : public Service {
public:
	explicit TestService(Shared &shared) : shared_(shared) {}

	std::string_view name() const override { return "test"; }
	std::unique_ptr<Handler> handler(Host &host) override
	{
		return std::make_unique<OneHandler>(host, shared_);
	}

private:
	Shared &shared_;
};

const Features &host_features();

/** Of each engine that works here. */
class EachEngine : public testing::TestWithParam<EngineKind> {
protected:
	void SetUp() override
	{
		const EngineChoice choice = choose_engine(GetParam(), host_features());

		if (choice.kind != GetParam())
			GTEST_SKIP() << choice.reason;
	}
};

/** With an echo service; its tests are in several files. */
class shard : public EachEngine {
protected:
	std::unique_ptr<Service> echo = make_echo();
};

std::string engine_test_name(const testing::TestParamInfo<EngineKind> &info);

#define LANES_FOR_EACH_ENGINE(suite)                                                               \
	INSTANTIATE_TEST_SUITE_P(engines, suite,                                                   \
				 testing::Values(EngineKind::uring, EngineKind::uring_sqpoll,      \
						 EngineKind::uring_hybrid, EngineKind::epoll),     \
				 engine_test_name)

} // namespace lanes

#endif
