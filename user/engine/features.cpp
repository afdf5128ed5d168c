// SPDX-License-Identifier: GPL-2.0-only
#include "engine/features.h"

#include <algorithm>
#include <format>

namespace lanes {
namespace {

/* What needs what. */
constexpr std::pair<Feature, Feature> implications[] = {
	{Feature::uring, Feature::sqpoll},
	{Feature::uring, Feature::multishot_accept},
	{Feature::multishot_accept, Feature::direct},
	{Feature::uring, Feature::multishot_receive},
	{Feature::uring, Feature::bundle},
	{Feature::uring, Feature::min_wait},
	{Feature::uring, Feature::zero_copy},
	{Feature::multishot_receive, Feature::bounded_multishot},
};

Feature needed_by(EngineKind kind)
{
	return kind == EngineKind::uring_sqpoll ? Feature::sqpoll : Feature::uring;
}

std::string_view name_of(EngineKind kind)
{
	return engine_names[static_cast<size_t>(kind)];
}

} // namespace

void Features::disable(Feature feature)
{
	findings[static_cast<size_t>(feature)] = {false, "disabled by --disable"};
	for (const auto &[needed, by] : implications)
		if (needed == feature)
			disable(by);
}

EngineChoice choose_engine(std::optional<EngineKind> wanted, const Features &features)
{
	const EngineKind first = wanted.value_or(EngineKind::uring);
	const Feature needed = needed_by(first);
	const auto &why = features.findings[static_cast<size_t>(needed)].why;

	if (first == EngineKind::epoll)
		return {first, "epoll: as asked for"};
	if (features.has(needed))
		return {first, std::format("{}: {}", name_of(first),
					   wanted ? "as asked for" : "the best that works here")};

	const EngineKind second = first != EngineKind::uring && features.has(Feature::uring)
					  ? EngineKind::uring
					  : EngineKind::epoll;

	return {second,
		std::format("{}: {} cannot work here: {}", name_of(second), name_of(first), why)};
}

std::string describe_features(const Features &features)
{
	std::string text;
	size_t width = 0;

	for (const std::string_view name : feature_names)
		width = std::max(width, name.size());
	for (size_t i = 0; i < feature_names.size(); i++) {
		const auto &finding = features.findings[i];

		text += std::format("{:<{}}  {}", feature_names[i], width,
				    finding.works ? "yes" : "no");
		if (!finding.works)
			text += std::format(": {}", finding.why);
		text += '\n';
	}
	return text;
}

} // namespace lanes
