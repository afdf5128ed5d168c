// SPDX-License-Identifier: GPL-2.0-only
#include "bench/memory.h"

#include <gtest/gtest.h>

using namespace lanes;

namespace {

constexpr const char *slabinfo =
	"slabinfo - version: 2.1\n"
	"# name            <active_objs> <num_objs> <objsize> <objperslab> <pagesperslab> : "
	"tunables <limit> <batchcount> <sharedfactor> : slabdata <active_slabs> <num_slabs> "
	"<sharedavail>\n"
	"TCP                   10     13   2432   13    8 : tunables    0    0    0 : slabdata"
	"      5      7      0\n"
	"kmalloc-64           640    640     64   64    1 : tunables    0    0    0 : slabdata"
	"     10     10      0\n";

constexpr const char *meminfo = "MemTotal:        1000 kB\n"
				"Percpu:          1024 kB\n"
				"VmallocUsed:       17 kB\n";

double figure(const Figures &figures, const std::string &name)
{
	for (const auto &[of, value] : figures)
		if (of == name)
			return value;
	return -1;
}

} // namespace

TEST(memory, a_cache_has_all_pages_of_its_slabs)
{
	const Bytes bytes = slab_bytes(slabinfo, 4096);

	EXPECT_EQ(bytes, (Bytes{{"slab.TCP", 7 * 8 * 4096}, {"slab.kmalloc-64", 10 * 4096}}));
}

TEST(memory, meminfo_is_in_kib)
{
	EXPECT_EQ(meminfo_bytes(meminfo, "Percpu"), 1 << 20);
	EXPECT_EQ(meminfo_bytes(meminfo, "VmallocUsed"), 17 << 10);
}

TEST(memory, a_line_that_meminfo_lacks_is_an_error)
{
	EXPECT_THROW(meminfo_bytes(meminfo, "Per"), std::runtime_error);
}

TEST(memory, bytes_of_each_are_the_differences)
{
	const Figures figures = bytes_each({{"a", 100}, {"b", 50}, {"c", 7}},
					   {{"a", 300}, {"b", 1050}, {"c", 7}, {"d", 40}}, 10);

	EXPECT_EQ(figures, (Figures{{"bytes", 124}, {"b", 100}, {"a", 20}, {"d", 4}}));
}

TEST(memory, what_shrinks_counts_too)
{
	const Figures figures = bytes_each({{"a", 100}, {"b", 50}}, {{"a", 300}, {"b", 30}}, 10);

	EXPECT_EQ(figure(figures, "bytes"), 18);
	EXPECT_EQ(figure(figures, "b"), -2);
}

TEST(memory, noise_is_in_the_sum_only)
{
	const Figures figures = bytes_each({{"a", 100}}, {{"a", 104}}, 10);

	EXPECT_EQ(figures, (Figures{{"bytes", 0.4}}));
}
