// SPDX-License-Identifier: GPL-2.0-only
/** The module's tracepoints: are they there, and what do their codes mean? */
#ifndef LANES_BPF_EVENTS_H
#define LANES_BPF_EVENTS_H

namespace lanes {

/** Is the module loaded? Throws if tracefs is missing, or if the records are
 *  not laid out as record.h says.
 */
bool lanes_events();

/** Of kmod/reason.h, as Documentation/observing.rst calls them. */
const char *why_name(int why);
const char *from_name(int from);
const char *fallback_name(int why);
const char *steered_name(int what);

} // namespace lanes

#endif
