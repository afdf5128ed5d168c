// SPDX-License-Identifier: GPL-2.0-only
#ifndef LANES_SERVICE_BASIC_H
#define LANES_SERVICE_BASIC_H

#include <memory>

#include "service/service.h"

namespace lanes {

/** RFC 862: sends back what it receives, without a copy. */
std::unique_ptr<Service> make_echo();
/** RFC 863: drops what it receives. */
std::unique_ptr<Service> make_discard();
/** RFC 864: sends lines of printable characters as fast as they are taken. */
std::unique_ptr<Service> make_chargen();

} // namespace lanes

#endif
