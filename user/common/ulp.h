// SPDX-License-Identifier: GPL-2.0-only
#ifndef LANES_COMMON_ULP_H
#define LANES_COMMON_ULP_H

#include <string>

namespace lanes {

/** The name of the TCP socket's upper layer protocol, empty if it has none. */
std::string ulp_of(int fd);

} // namespace lanes

#endif
