// SPDX-License-Identifier: GPL-2.0-only
#ifndef LANES_LANECTL_VERSION_H
#define LANES_LANECTL_VERSION_H

/** The one that CHANGELOG.md is open for. */
#define LANES_VERSION "0.1.0-dev"

#endif
