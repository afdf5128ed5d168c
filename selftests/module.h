/* SPDX-License-Identifier: GPL-2.0-only */
/* The module itself, for tests that unload it. */
#ifndef LANES_SELFTESTS_MODULE_H
#define LANES_SELFTESTS_MODULE_H

/* Its reference count, -1 when it is not loaded. */
int module_references(void);
/* One attempt, without waiting: 0, or -1 and errno. */
int module_unload(void);
/* From the file that the runner names in LANES_KO. */
void module_load(void);

#endif
