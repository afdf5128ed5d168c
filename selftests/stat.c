// SPDX-License-Identifier: GPL-2.0-only
#include "stat.h"

#include <stdio.h>

static const char *const stat_name[NR_STATS] = {
	[ENQUEUED_LOCAL] = "LanesEnqueuedLocal",
	[ENQUEUED_GLOBAL] = "LanesEnqueuedGlobal",
	[ACCEPTED_LOCAL] = "LanesAcceptedLocal",
	[ACCEPTED_GLOBAL] = "LanesAcceptedGlobal",
	[ACCEPTED_STOLEN] = "LanesAcceptedStolen",
	[SPILLED] = "LanesSpilled",
	[PULLED_DOWN] = "LanesPulledDown",
	[OVERFLOW] = "LanesOverflow",
	[ATTACHED] = "LanesAttached",
	[DETACHED] = "LanesDetached",
	[FALLBACK_OTHER] = "LanesFallbackOther",
	[FALLBACK_GUARDED] = "LanesFallbackGuarded",
	[FALLBACK_FAST_OPEN] = "LanesFallbackFastOpen",
	[FALLBACK_TIME_WAIT] = "LanesFallbackTimeWait",
	[FALLBACK_ASSIGNED] = "LanesFallbackAssigned",
	[COOKIE_ACCEPTED] = "LanesCookieAccepted",
	[STEER_LOCAL] = "LanesSteerLocal",
	[STEER_BEHIND] = "LanesSteerBehind",
	[STEER_HANDED_OVER] = "LanesSteerHandedOver",
	[STEER_DRAINED] = "LanesSteerDrained",
	[STEER_DROPPED] = "LanesSteerDropped",
	[STEER_OFFLINE] = "LanesSteerOffline",
	[STEER_UNKNOWN] = "LanesSteerUnknown",
	[STEER_LEFT] = "LanesSteerLeft",
	[FLOW_RECORDED] = "LanesFlowRecorded",
	[FLOW_MOVED] = "LanesFlowMoved",
	[FLOW_AGED] = "LanesFlowAged",
	[FLOW_REPLACED] = "LanesFlowReplaced",
	[FLOW_FULL] = "LanesFlowFull",
	[CACHE_HIT] = "LanesCacheHit",
	[CACHE_MISS] = "LanesCacheMiss",
	[CACHE_INSERTED] = "LanesCacheInserted",
	[CACHE_COLLIDED] = "LanesCacheCollided",
	[CACHE_FINISHED] = "LanesCacheFinished",
	[CACHE_SWEPT] = "LanesCacheSwept",
	[CACHE_FLUSHED] = "LanesCacheFlushed",
};

struct stats stats_read(void)
{
	char line[200], name[100];
	struct stats s = {};
	int found = 0;
	long value;
	FILE *f;

	if (plain())
		return s;
	f = fopen("/proc/net/lanes_stat", "re");
	ASSERT(f);
	while (fgets(line, sizeof(line), f)) {
		if (sscanf(line, "%99s %ld", name, &value) != 2)
			continue;
		for (int i = 0; i < NR_STATS; i++) {
			if (strcmp(name, stat_name[i]))
				continue;
			s.of[i] = value;
			found++;
		}
	}
	fclose(f);
	ASSERT_EQ(found, NR_STATS);
	return s;
}

struct stats stats_since(const struct stats *before)
{
	struct stats s = stats_read();

	for (int i = 0; i < NR_STATS; i++)
		s.of[i] -= before->of[i];
	return s;
}

long stat_grown(const struct stats *before, enum counter which)
{
	return stats_since(before).of[which];
}

long stats_on_owner(const struct stats *s)
{
	return s->of[STEER_LOCAL] + s->of[STEER_BEHIND] +
	       s->of[STEER_HANDED_OVER];
}

long stats_total(const struct stats *s)
{
	long total = 0;

	for (int i = 0; i < NR_STATS; i++)
		total += s->of[i];
	return total;
}

void stats_diag(const char *what, const struct stats *s)
{
	char text[1000] = "";
	int len = 0;

	/* Without the common prefix. */
	for (int i = 0; i < NR_STATS; i++)
		if (s->of[i])
			len += snprintf(text + len, sizeof(text) - len,
					" %s %ld", stat_name[i] + 5, s->of[i]);
	harness_diag("%s:%s", what, len ? text : " no counter moved");
}

void lanes_sysctl(const char *name, long value)
{
	char path[100], text[30];

	if (plain())
		return;
	snprintf(path, sizeof(path), "net.lanes.%s", name);
	snprintf(text, sizeof(text), "%ld", value);
	write_sysctl(path, text);
}
