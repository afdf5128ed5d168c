// SPDX-License-Identifier: GPL-2.0-only
#include "lanesd/server.h"

#include <algorithm>

#include <cerrno>

#include <fcntl.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "common/cpus.h"
#include "common/error.h"

namespace lanes {
namespace {

using namespace std::chrono_literals;

/* Far more than a tick takes. */
constexpr auto answer_time = 2s;

} // namespace

Server::Server(const ShardConfig &config, const std::vector<int> &cpus)
	: ended_fd_(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)), workers_(cpus.size()),
	  shards_(cpus.size())
{
	if (!ended_fd_)
		throw_errno(errno, "eventfd");
	for (size_t i = 0; i < cpus.size(); i++)
		workers_[i].cpu = cpus[i];
	try {
		start(config);
	} catch (...) {
		give_up();
		throw;
	}
}

Server::~Server()
{
	if (!ended())
		drain(Clock::now());
	join();
}

void Server::start(const ShardConfig &config)
{
	for (size_t i = 0; i < workers_.size(); i++) {
		workers_[i].thread = std::thread([this, i, config] { serve(i, config); });
	}
	for (Worker &worker : workers_)
		worker.constructed.get_future().get();
	go_.count_down();
	for (Worker &worker : workers_)
		worker.started.get_future().get();
}

/* Some threads may not have begun, some may wait for go_, some may run. */
void Server::give_up()
{
	if (!go_.try_wait()) {
		abandoned_ = true;
		go_.count_down();
	} else {
		drain(Clock::now());
	}
	join();
}

void Server::serve(size_t index, ShardConfig config)
{
	Worker &worker = workers_[index];

	try {
		pin_to_cpu(worker.cpu);
		config.index = static_cast<unsigned>(index);
		config.cpu = worker.cpu;

		Shard shard(config, shards_, worker.counters);

		shards_[index] = &shard;
		worker.constructed.set_value();
		go_.wait();
		if (!abandoned_)
			run(worker, shard);
	} catch (...) {
		worker.constructed.set_exception(std::current_exception());
	}
}

/* Catches all, so that the shard stays until end_. */
void Server::run(Worker &worker, Shard &shard)
{
	bool started = false;

	try {
		shard.start();
		started = true;
		worker.started.set_value();
		shard.run();
	} catch (...) {
		worker.failure = std::current_exception();
		failed_ = true;
		if (!started)
			worker.started.set_exception(worker.failure);
	}
	worker.ended = true;
	eventfd_write(ended_fd_.get(), 1);
	end_.wait();
}

bool Server::ended() const
{
	return std::ranges::all_of(workers_, [](const Worker &w) { return w.ended.load(); });
}

void Server::note_ended()
{
	eventfd_t count;

	eventfd_read(ended_fd_.get(), &count);
}

void Server::join()
{
	if (!abandoned_)
		while (!ended())
			std::this_thread::sleep_for(1ms);
	end_.count_down();
	for (Worker &worker : workers_)
		if (worker.thread.joinable())
			worker.thread.join();
}

void Server::rethrow() const
{
	for (const Worker &worker : workers_)
		if (worker.failure)
			std::rethrow_exception(worker.failure);
}

void Server::drain(Clock::time_point deadline, std::optional<Clock::time_point> accept_until)
{
	for (Shard *shard : shards_)
		shard->post([=](Shard &s) { s.drain(deadline, accept_until); });
}

void Server::close(int name, Clock::time_point until)
{
	for (Shard *shard : shards_)
		shard->post([=](Shard &s) { s.close(name, until); });
}

template <typename Answer, typename Question>
std::vector<Answer> Server::ask(const Question &question) const
{
	std::vector<std::future<Answer>> promised;
	std::vector<Answer> answers;
	const auto deadline = Clock::now() + answer_time;

	for (Shard *shard : shards_) {
		auto promise = std::make_shared<std::promise<Answer>>();

		promised.push_back(promise->get_future());
		shard->post([=](Shard &s) {
			try {
				question(s, [promise](Answer answer) {
					promise->set_value(std::move(answer));
				});
			} catch (...) {
				promise->set_exception(std::current_exception());
			}
		});
	}
	for (auto &answer : promised) {
		if (answer.wait_until(deadline) != std::future_status::ready)
			throw std::runtime_error(
				std::format("shard {} does not answer", answers.size()));
		answers.push_back(answer.get());
	}
	return answers;
}

/* What may fail comes first. */
void Server::open(int fd, Service &service)
{
	std::vector<std::shared_ptr<Fd>> copies;

	for (size_t i = 0; i < shards_.size(); i++) {
		copies.push_back(std::make_shared<Fd>(fcntl(fd, F_DUPFD_CLOEXEC, 0)));
		if (!*copies.back())
			throw_errno(errno, "duplicating a listening socket",
				    "raise the limit of open files");
	}
	ask<bool>([&service](Shard &s, auto done) {
		s.serve(service);
		done(true);
	});
	for (size_t i = 0; i < shards_.size(); i++)
		shards_[i]->post([fd, copy = copies[i], &service](Shard &s) {
			s.open(fd, std::move(*copy), service);
		});
}

void Server::set_limits(const Limits &limits)
{
	for (Shard *shard : shards_)
		shard->post([limits](Shard &s) { s.set_limits(limits); });
}

std::vector<ShardFigures> Server::figures() const
{
	std::vector<ShardFigures> all;

	for (const Worker &worker : workers_)
		all.push_back(take_figures(worker.cpu, worker.counters));
	return all;
}

ConnectionsSnapshot Server::connections() const
{
	using Reports = std::vector<ConnectionReport>;

	const auto now = Clock::now();

	return {now, ask<Reports>([](Shard &s, auto done) { s.report(std::move(done)); })};
}

bool Server::ticking()
{
	bool all = true;

	for (size_t i = 0; i < workers_.size(); i++) {
		std::atomic<bool> &ticked = workers_[i].ticked;

		/* One task at a time, however long a shard stands still. */
		if (workers_[i].ended)
			continue;
		if (ticked.exchange(false))
			shards_[i]->post([&ticked](Shard &) { ticked = true; });
		else
			all = false;
	}
	return all;
}

} // namespace lanes
