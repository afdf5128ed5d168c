# SPDX-License-Identifier: GPL-2.0-only
"""From counts of a few CPUs to more CPUs, in two ways.

level: a line moves if another CPU touched it last. So a set-up's counts grow with the
share of its connections that are accepted on another CPU than the SYN's, as measured;
on more CPUs that share is 1 - 1/CPUs, since only chance finds the right one. A set-up
that places connections by CPU has no such share, however few it misses; the lines that
it does share are touched by each CPU as often as by another, so there it is 1 - 1/CPUs
all along.

log: grows on by as much with each doubling. Nothing in the counts says that it should,
so it is the worse of the two, not the expectation.
"""

import math
from dataclasses import dataclass

from .counts import Counts
from .fit import Fit, fit
from .model import Cost
from .setups import places


@dataclass(frozen=True)
class Curves:
    """The fits of one set-up on one side."""

    instructions: Fit
    level: Fit
    log: Fit

    def cost(self, cpus: float) -> Cost:
        return Cost(self.instructions.at(elsewhere(cpus)), self.level.at(elsewhere(cpus)))

    def worst(self, cpus: float) -> Cost:
        return Cost(self.instructions.at(elsewhere(cpus)), self.log.at(math.log2(cpus)))


def elsewhere(cpus: float) -> float:
    """Share of what chance brings to another CPU."""
    return 1 - 1 / cpus


def curves_of(counts: Counts, setup: str, side: str) -> Curves | None:
    """None of fewer than three numbers of CPUs."""
    shares = counts.curve(setup, side, "local_share")
    xs = [elsewhere(cpus) if places(setup) else 1 - share for cpus, share in shares]
    transfers = counts.curve(setup, side, "dirty_transfers")
    instructions = counts.curve(setup, side, "instructions")
    level = fit([(x, y) for x, (_, y) in zip(xs, transfers)])
    log = fit([(math.log2(cpus), y) for cpus, y in transfers])
    base = fit([(x, y) for x, (_, y) in zip(xs, instructions)])
    if level is None or log is None or base is None:
        return None
    return Curves(base, level, log)
