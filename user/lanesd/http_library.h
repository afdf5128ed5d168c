// SPDX-License-Identifier: GPL-2.0-only
#ifndef LANES_LANESD_HTTP_LIBRARY_H
#define LANES_LANESD_HTTP_LIBRARY_H

/* As the library was built: its classes differ without. */
#define CPPHTTPLIB_OPENSSL_SUPPORT
#define CPPHTTPLIB_ZLIB_SUPPORT
#define CPPHTTPLIB_BROTLI_SUPPORT
#include <httplib.h>

#endif
