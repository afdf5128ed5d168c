// SPDX-License-Identifier: GPL-2.0-only
/** What a tool needs of this kernel, and how its BPF programs get there. */
#ifndef LANES_BPF_KERNEL_H
#define LANES_BPF_KERNEL_H

#include <memory>
#include <string>
#include <vector>

#include <bpf/libbpf.h>

#include "common/error.h"

namespace lanes {

/** Throws, with a remedy, if the caller may not load BPF programs or the kernel
 *  has no BTF.
 */
void need_bpf();

/** What libbpf complained of since the last call; it is silent otherwise. */
std::string libbpf_complaints();
void silence_libbpf();

/** Has the kernel a function that a program can be attached to? */
bool kernel_has_function(const char *name);
/** Programs that are loaded only where they can be. */
void use_program(bpf_program *program, bool use);

template <typename T> struct DestroySkeleton {
	void operator()(T *skeleton) const { T::destroy(skeleton); }
};
template <typename T> using Skeleton = std::unique_ptr<T, DestroySkeleton<T>>;

template <typename T> Skeleton<T> open_skeleton()
{
	silence_libbpf();

	Skeleton<T> skeleton(T::open());

	if (!skeleton)
		throw_errno(errno, "BPF object", libbpf_complaints());
	return skeleton;
}

/** Into the kernel and onto its hooks. */
template <typename T> void start_skeleton(Skeleton<T> &skeleton)
{
	if (const int err = T::load(skeleton.get()))
		throw_errno(-err, "loading BPF programs", libbpf_complaints());
	if (const int err = T::attach(skeleton.get()))
		throw_errno(-err, "attaching BPF programs", libbpf_complaints());
}

/** What each CPU has of a per-CPU map's value; empty if it has no such key.
 *  Value's size must be a multiple of eight.
 */
template <typename Value, typename Key>
std::vector<Value> per_cpu_values(const bpf_map *map, const Key &key)
{
	static_assert(sizeof(Value) % 8 == 0);
	std::vector<Value> values(static_cast<size_t>(libbpf_num_possible_cpus()));

	if (bpf_map__lookup_elem(map, &key, sizeof(key), values.data(),
				 values.size() * sizeof(Value), 0))
		return {};
	return values;
}

template <typename Key> uint64_t per_cpu_sum(const bpf_map *map, const Key &key)
{
	uint64_t sum = 0;

	for (uint64_t value : per_cpu_values<uint64_t>(map, key))
		sum += value;
	return sum;
}

/** Calls @visit(key) for each key of a map. */
template <typename Key, typename Visit> void for_each_key(const bpf_map *map, Visit visit)
{
	Key key{}, next{};

	if (bpf_map__get_next_key(map, nullptr, &next, sizeof(next)))
		return;
	do {
		key = next;
		visit(key);
	} while (!bpf_map__get_next_key(map, &key, &next, sizeof(next)));
}

} // namespace lanes

#endif
