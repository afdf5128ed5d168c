/* SPDX-License-Identifier: GPL-2.0-only */
/* A task that stays for as long as a test wants where it usually is for an
 * instant: between lock_sock() and release_sock().
 *
 * The caller's next release_sock() after hold_release() stays at its begin until
 * another thread calls let_go_release(), ten seconds at most: a BPF program spins
 * there. To prepare it takes a moment, and is to be done each time.
 */
#ifndef LANES_SELFTESTS_HOLD_H
#define LANES_SELFTESTS_HOLD_H

#include <stdbool.h>

void hold_release_prepare(void);
void hold_release(void);
bool release_held(void);
void let_go_release(void);

#endif
