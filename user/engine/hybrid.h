// SPDX-License-Identifier: GPL-2.0-only
#ifndef LANES_ENGINE_HYBRID_H
#define LANES_ENGINE_HYBRID_H

#include "engine/uring.h"

namespace lanes {

/** Receives by completions, sends by a system call for each send. */
class HybridEngine final : public UringEngine {
public:
	using UringEngine::UringEngine;

	ssize_t send(uint32_t slot, std::span<const iovec> parts) override;

private:
	void on_other(const Completion &completion) override;
};

} // namespace lanes

#endif
