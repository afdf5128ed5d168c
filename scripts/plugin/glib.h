/* SPDX-License-Identifier: GPL-2.0-only */
/* All that qemu-plugin.h and the plugins want of glib, which QEMU has loaded. */
#ifndef LANES_PLUGIN_GLIB_H
#define LANES_PLUGIN_GLIB_H

#include <stdint.h>

typedef struct GArray GArray;
typedef struct GByteArray {
	uint8_t *data;
	unsigned int len;
} GByteArray;

GByteArray *g_byte_array_new(void);

#endif
