// SPDX-License-Identifier: GPL-2.0-only
#include "lanesd/figures.h"

#include <map>
#include <set>
#include <sstream>

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "demo/worker.h"

using namespace lanes;

namespace {

/* No two values are equal. */
uint64_t value_of(size_t shard, size_t counter)
{
	return 1000 * (shard + 1) + counter;
}

ServerFigures two_shards()
{
	ServerFigures figures{"epoll", {4096, 1.5, 7}, {}};

	for (size_t shard = 0; shard < 2; shard++) {
		Counters counters;

		for (size_t i = 0; i < counter_infos.size(); i++)
			(counters.*counter_infos[i].counter).add(value_of(shard, i));
		for (uint64_t us = 1; us <= 100 * (shard + 1); us++)
			counters.park_ns.add(us * 1000);
		figures.shards.push_back(take_figures(static_cast<int>(2 * shard), counters));
	}
	return figures;
}

/* What Prometheus would make of a text, or why it would not. */
class MetricsText {
public:
	explicit MetricsText(const std::string &text)
	{
		std::istringstream lines(text);
		std::string line;

		EXPECT_TRUE(text.ends_with("\n"));
		while (std::getline(lines, line)) {
			if (line.starts_with("# "))
				comment(line);
			else
				sample(line);
		}
	}

	std::string type(const std::string &family) const
	{
		const auto found = types_.find(family);

		return found == types_.end() ? "" : found->second;
	}
	/* Of the name and labels as they are written. */
	double value(const std::string &sample) const
	{
		const auto found = values_.find(sample);

		return found == values_.end() ? -1 : found->second;
	}
	const std::map<std::string, double> &values() const { return values_; }

private:
	void comment(const std::string &line)
	{
		std::istringstream words(line);
		std::string hash, kind, rest;

		words >> hash >> kind >> family_;
		std::getline(words, rest);
		EXPECT_GT(rest.size(), 1U) << line;
		if (kind == "HELP") {
			EXPECT_TRUE(helped_.insert(family_).second) << line;
		} else {
			EXPECT_EQ(kind, "TYPE") << line;
			EXPECT_TRUE(helped_.contains(family_)) << line;
			EXPECT_TRUE(types_.emplace(family_, rest.substr(1)).second) << line;
		}
	}

	void sample(const std::string &line)
	{
		const size_t space = line.rfind(' ');
		size_t used = 0;

		ASSERT_NE(space, std::string::npos) << line;

		const std::string number = line.substr(space + 1);
		const std::string key = line.substr(0, space);
		const std::string name = key.substr(0, key.find('{'));

		EXPECT_TRUE(values_.emplace(key, std::stod(number, &used)).second) << line;
		EXPECT_EQ(used, number.size()) << line;
		EXPECT_TRUE(name.starts_with(family_)) << line;
		EXPECT_EQ(name.find_first_not_of("abcdefghijklmnopqrstuvwxyz_"), std::string::npos)
			<< line;
		if (type(family_) == "counter") {
			EXPECT_TRUE(name.ends_with("_total")) << line;
		}
		labels(key.substr(name.size()), line);
	}

	void labels(std::string text, const std::string &line)
	{
		if (text.empty())
			return;
		EXPECT_EQ(text.front(), '{') << line;
		EXPECT_EQ(text.back(), '}') << line;
		std::istringstream all(text.substr(1, text.size() - 2));
		std::string one;

		while (std::getline(all, one, ',')) {
			EXPECT_GT(one.find("=\""), 0U) << line;
			EXPECT_NE(one.find("=\""), std::string::npos) << line;
			EXPECT_EQ(one.back(), '"') << line;
		}
	}

	std::string family_;
	std::set<std::string> helped_;
	std::map<std::string, std::string> types_;
	std::map<std::string, double> values_;
};

} // namespace

TEST(figures, counters_arrive)
{
	const ServerFigures figures = two_shards();

	for (size_t i = 0; i < counter_infos.size(); i++)
		EXPECT_EQ(figures.shards[1].get(counter_infos[i].counter), value_of(1, i))
			<< counter_infos[i].name;
	EXPECT_EQ(figures.total().get(&Counters::accepted), value_of(0, 0) + value_of(1, 0));
	EXPECT_EQ(figures.total().park_ns.count(), 300U);
}

TEST(figures, of_the_process_are_plausible)
{
	const ProcessFigures figures = take_process_figures();

	EXPECT_GT(figures.resident_bytes, 1U << 20);
	EXPECT_GT(figures.descriptors, 2U);
	EXPECT_LT(figures.descriptors, 1000U);
}

TEST(table, total_is_the_sum_and_the_demo_reads_it)
{
	const ServerFigures figures = two_shards();
	const WorkerReport total =
		parse_worker_report("lanesd: ready\n" + format_table(figures.shards));

	EXPECT_EQ(total.accepted, figures.total().get(&Counters::accepted));
	EXPECT_EQ(total.local, figures.total().get(&Counters::local));
	EXPECT_THROW(parse_worker_report("lanesd: ready\n"), std::runtime_error);
}

/* As selftests/lanesd_server.h does. */
TEST(table, the_selftests_read_its_columns)
{
	unsigned long long accepted, local, bytes, accept_failed, parked, stalled;
	Counters counters;

	counters.accepted.add(4);
	counters.local.add(3);
	counters.bytes_in.add(9);
	counters.bytes_out.add(1ULL << 40);
	counters.accept_failed.add(5);
	counters.parked.add(6);
	counters.closed_stalled.add(7);

	const std::string text = format_table({take_figures(6, counters)});

	EXPECT_NE(text.find("75.0%"), std::string::npos);
	ASSERT_EQ(std::sscanf(text.c_str() + text.find("total"),
			      "total - %llu %llu %*s %llu %llu %llu %llu", &accepted, &local,
			      &bytes, &accept_failed, &parked, &stalled),
		  6);
	EXPECT_EQ(accepted, 4U);
	EXPECT_EQ(local, 3U);
	EXPECT_EQ(bytes, 1ULL << 40);
	EXPECT_EQ(accept_failed, 5U);
	EXPECT_EQ(parked, 6U);
	EXPECT_EQ(stalled, 7U);
}

TEST(table, nothing_accepted_has_no_share)
{
	EXPECT_EQ(format_table({ShardFigures{}}).find('%'), std::string::npos);
}

TEST(metrics, are_text_that_prometheus_reads_with_each_counter)
{
	const MetricsText text(format_metrics(two_shards()));

	for (size_t i = 0; i < counter_infos.size(); i++) {
		const CounterInfo &info = counter_infos[i];
		const std::string name =
			std::string("lanesd_") + info.name + (info.level ? "" : "_total");

		EXPECT_EQ(text.type(name), info.level ? "gauge" : "counter");
		EXPECT_EQ(text.value(name + R"({shard="0",cpu="0"})"), value_of(0, i)) << name;
		EXPECT_EQ(text.value(name + R"({shard="1",cpu="2"})"), value_of(1, i)) << name;
	}
	EXPECT_EQ(text.value(R"(lanesd_info{engine="epoll"})"), 1);
	EXPECT_EQ(text.value("process_resident_memory_bytes"), 4096);
	EXPECT_EQ(text.value("process_cpu_seconds_total"), 1.5);
	EXPECT_EQ(text.value("process_open_fds"), 7);
}

TEST(metrics, histogram_is_cumulative_in_seconds)
{
	const MetricsText text(format_metrics(two_shards()));
	const std::string bucket = R"(lanesd_park_seconds_bucket{shard="1",cpu="2",le=)";
	std::map<double, double> counts;

	EXPECT_EQ(text.type("lanesd_park_seconds"), "histogram");
	for (const auto &[sample, value] : text.values())
		if (sample.starts_with(bucket))
			counts[std::stod(sample.substr(bucket.size() + 1))] = value;
	ASSERT_GT(counts.size(), 10U);

	double last = 0;

	for (const auto &[bound, count] : counts) {
		const double exact = std::min(200.0, std::floor(bound * 1e6));

		EXPECT_GE(count, last);
		/* Buckets of powers of two are exact. */
		EXPECT_EQ(count, exact) << bound;
		last = count;
	}
	EXPECT_EQ(text.value(bucket + "\"+Inf\"}"), 200);
	EXPECT_EQ(text.value(R"(lanesd_park_seconds_count{shard="1",cpu="2"})"), 200);
	EXPECT_NEAR(text.value(R"(lanesd_park_seconds_sum{shard="1",cpu="2"})"), 0.0201, 1e-9);
}

TEST(metrics, lanes_are_told_where_there_are_some)
{
	ServerFigures figures = two_shards();

	EXPECT_EQ(format_metrics(figures).find("lanesd_lane"), std::string::npos);
	figures.shards[1].lane = {.queued = 4,
				  .local = 5,
				  .global = 6,
				  .stolen = 7,
				  .wait_us = {10, 0, 20, 3},
				  .wait_sum_us = 1'500'000};

	const MetricsText text(format_metrics(figures));
	const std::string labels = R"({shard="1",cpu="2")";

	EXPECT_EQ(text.type("lanesd_lane_accepts_total"), "counter");
	EXPECT_EQ(text.value("lanesd_lane_accepts_total" + labels + R"(,queue="local"})"), 5);
	EXPECT_EQ(text.value("lanesd_lane_accepts_total" + labels + R"(,queue="global"})"), 6);
	EXPECT_EQ(text.value("lanesd_lane_accepts_total" + labels + R"(,queue="stolen"})"), 7);
	EXPECT_EQ(text.type("lanesd_lane_queued"), "gauge");
	EXPECT_EQ(text.value("lanesd_lane_queued" + labels + "}"), 4);
	EXPECT_EQ(text.type("lanesd_lane_wait_seconds"), "histogram");
	EXPECT_EQ(text.value("lanesd_lane_wait_seconds_bucket" + labels + R"(,le="2e-06"})"), 10);
	EXPECT_EQ(text.value("lanesd_lane_wait_seconds_bucket" + labels + R"(,le="4e-06"})"), 30);
	EXPECT_EQ(text.value("lanesd_lane_wait_seconds_bucket" + labels + R"(,le="+Inf"})"), 33);
	EXPECT_EQ(text.value("lanesd_lane_wait_seconds_count" + labels + "}"), 33);
	EXPECT_EQ(text.value("lanesd_lane_wait_seconds_sum" + labels + "}"), 1.5);
}

TEST(stats, tell_of_lanes_where_there_are_some)
{
	ServerFigures figures = two_shards();

	figures.shards[1].lane = {.queued = 4,
				  .local = 5,
				  .global = 6,
				  .stolen = 7,
				  .wait_us = {10, 0, 20, 3},
				  .wait_sum_us = 80};

	const auto stats = nlohmann::json::parse(format_stats(figures));

	EXPECT_TRUE(stats["shards"][0]["lane"].is_null());
	EXPECT_EQ(stats["shards"][1]["lane"]["stolen"], 7);
	EXPECT_EQ(stats["total"]["lane"]["local"], 5);
	EXPECT_EQ(stats["total"]["lane"]["wait_p50_below_us"], 4);
	EXPECT_EQ(stats["total"]["lane"]["wait_p99_below_us"], 8);
}

TEST(stats, are_json_with_each_counter)
{
	const auto stats = nlohmann::json::parse(format_stats(two_shards()));

	ASSERT_EQ(stats["shards"].size(), 2U);
	for (size_t i = 0; i < counter_infos.size(); i++) {
		const char *name = counter_infos[i].name;

		EXPECT_EQ(stats["shards"][1][name], value_of(1, i)) << name;
		EXPECT_EQ(stats["total"][name], value_of(0, i) + value_of(1, i)) << name;
	}
	EXPECT_EQ(stats["engine"], "epoll");
	EXPECT_EQ(stats["shards"][1]["cpu"], 2);
	EXPECT_EQ(stats["process"]["resident_bytes"], 4096);
	EXPECT_EQ(stats["total"]["park_ns"]["count"], 300);
	EXPECT_EQ(stats["total"]["park_ns"]["max"], 200000);
}

TEST(stats, ratios_follow_from_the_counters)
{
	Counters counters;

	counters.inputs.add(100);
	counters.enters.add(50);
	counters.sqes.add(200);
	counters.cqes.add(30);
	counters.wakes.add(10);

	const auto stats = nlohmann::json::parse(
		format_stats({"uring", {}, {take_figures(0, counters), ShardFigures{}}}));
	const auto &ratios = stats["shards"][0]["ratios"];

	EXPECT_EQ(ratios["enters_per_input"], 0.5);
	EXPECT_EQ(ratios["sqes_per_input"], 2);
	EXPECT_EQ(ratios["cqes_per_wake"], 3);
	EXPECT_TRUE(stats["shards"][1]["ratios"]["cqes_per_wake"].is_null());
}
