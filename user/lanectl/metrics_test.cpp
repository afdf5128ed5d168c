// SPDX-License-Identifier: GPL-2.0-only
#include "lanectl/metrics.h"

#include <gtest/gtest.h>

using namespace lanes;
using namespace lanes::ctl;

namespace {

bool has_line(const std::string &text, const std::string &line)
{
	return ("\n" + text).find("\n" + line + "\n") != std::string::npos;
}

} // namespace

TEST(metrics, name_of_a_counter)
{
	EXPECT_EQ(metric_name("LanesAttached"), "lanes_attached_total");
	EXPECT_EQ(metric_name("LanesSteerHandedOver"), "lanes_steer_handed_over_total");
}

TEST(metrics, each_lane_has_all_figures)
{
	const LaneFigures figures{.queued = 1,
				  .local = 2,
				  .global = 3,
				  .stolen = 4,
				  .spilled = 5,
				  .pulled_down = 6,
				  .overflow = 7,
				  .wait_us = {3, 0, 2, 4},
				  .wait_sum_us = 500};
	const Lane lane{
		.address = "[::]:80", .inode = 9, .cpu = 2, .claimed = true, .figures = figures};
	const std::string text = format_metrics({lane}, {});
	const std::string labels = "{listener=\"[::]:80\",inode=\"9\",cpu=\"2\"";

	for (const char *line :
	     {"queued|} 1", "claimed|} 1", "accepts_total|,queue=\"local\"} 2",
	      "accepts_total|,queue=\"global\"} 3", "accepts_total|,queue=\"stolen\"} 4",
	      "spilled_total|} 5", "pulled_down_total|} 6", "overflow_total|} 7",
	      "wait_seconds_count|} 9", "wait_seconds_bucket|,le=\"1e-06\"} 3",
	      "wait_seconds_bucket|,le=\"4e-06\"} 5", "wait_seconds_bucket|,le=\"+Inf\"} 9"}) {
		std::string whole = std::string("lanes_listener_") + line;

		whole.replace(whole.find('|'), 1, labels);
		EXPECT_TRUE(has_line(text, whole)) << whole << "\nin\n" << text;
	}
}

TEST(metrics, counters_of_the_namespace_have_no_labels)
{
	const std::string text = format_metrics({}, {{"LanesSpilled", 12}});

	EXPECT_TRUE(has_line(text, "lanes_spilled_total 12")) << text;
	EXPECT_EQ(text.find("listener"), std::string::npos);
}
