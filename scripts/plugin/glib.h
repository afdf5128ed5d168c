/* SPDX-License-Identifier: GPL-2.0-only */
/* All that qemu-plugin.h wants of glib: names, behind pointers only. */
#ifndef LANES_PLUGIN_GLIB_H
#define LANES_PLUGIN_GLIB_H

typedef struct GArray GArray;
typedef struct GByteArray GByteArray;

#endif
