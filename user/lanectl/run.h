// SPDX-License-Identifier: GPL-2.0-only
#ifndef LANES_LANECTL_RUN_H
#define LANES_LANECTL_RUN_H

#include "lanectl/options.h"

namespace lanes::ctl {

/** Runs the program until it ends and attaches its listeners. Signals go to it,
 *  except those that the terminal has sent to both. Returns its exit status, 128
 *  more than the signal that ended it, 127 if there is none such, 126 if it
 *  cannot be run.
 */
int run_program(const RunProgram &run);

} // namespace lanes::ctl

#endif
