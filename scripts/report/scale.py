# SPDX-License-Identifier: GPL-2.0-only
"""An axis: from values to pixels, and where its ticks are."""

import math
from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True)
class Scale:
    """Linear, or logarithmic if log is set; ticks in the units of the values."""

    low: float
    high: float
    start: float
    end: float
    ticks: tuple[float, ...]
    log: bool = False

    def at(self, value: float) -> float:
        low, high, where = self.low, self.high, value
        if self.log:
            low, high, where = math.log(low), math.log(high), math.log(value)
        return self.start + (where - low) / (high - low) * (self.end - self.start)


def linear(values: Iterable[float], start: float, end: float, zero: bool = True) -> Scale:
    """From zero; unless told so, then it shows at least a tenth of the most, so that no
    difference looks larger than it is.
    """
    present = list(values)
    least, most = min(present), max(present)
    least = min(0.0, least) if zero else min(least, 0.9 * most)
    span = (most - least) or abs(most) or 1.0
    step = _round_step(span / 5)
    low = math.floor(least / step) * step
    count = math.ceil((most - low) / step - 1e-9)
    ticks = tuple(low + step * i for i in range(max(count, 1) + 1))
    return Scale(low, ticks[-1], start, end, ticks)


def doubling(values: Iterable[float], start: float, end: float) -> Scale:
    """Logarithmic with a tick at each value: numbers of CPUs."""
    ticks = tuple(sorted(set(values)))
    low, high = ticks[0], ticks[-1]
    if low == high:
        low, high = low / 2, high * 2
    return Scale(low, high, start, end, ticks, log=True)


def decades(values: Iterable[float], start: float, end: float, roomy: bool = False) -> Scale:
    """Logarithmic, ticks at powers of ten, the first below what is less than one too.

    roomy: the least value is not at the edge.
    """
    present = list(values)
    low = 10.0 ** math.floor(math.log10(max(1.0, min(present))))
    if roomy and min(present) < 1.5 * low:
        low /= 10
    high = 10.0 ** math.ceil(math.log10(max(10.0 * low, max(present))) - 1e-9)
    count = round(math.log10(high / low))
    ticks = tuple(low * 10.0 ** i for i in range(count + 1))
    return Scale(low, high, start, end, ticks, log=True)


def _round_step(step: float) -> float:
    power = 10.0 ** math.floor(math.log10(step))
    for factor in (1, 2, 2.5, 5):
        if step <= factor * power * (1 + 1e-9):
            return factor * power
    return 10 * power


def tick_label(value: float) -> str:
    if value >= 1e6:
        return f"{value / 1e6:g} M"
    if value >= 10000:
        return f"{value / 1000:g} k"
    return f"{value:,.10g}"
