// SPDX-License-Identifier: GPL-2.0-only
#ifndef LANES_BENCH_LISTENER_H
#define LANES_BENCH_LISTENER_H

#include "common/endpoint.h"
#include "common/fd.h"

namespace lanes {

Fd listen_at(const Endpoint &endpoint);

/** Attaches lanes.ko to a listener. */
void attach(const Fd &fd);

void no_delay(const Fd &fd);

} // namespace lanes

#endif
