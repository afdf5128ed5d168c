# SPDX-License-Identifier: GPL-2.0-only
"""A plot of horizontal bars: groups, in each a bar for each set-up."""

from dataclasses import dataclass, field

from . import svg
from .scale import Scale, decades, linear, tick_label
from .setups import look, order

WIDTH, LEFT, RIGHT, TOP = 820.0, 150.0, 660.0, 34.0
BAR, GROUP_GAP = 13.0, 26.0


@dataclass
class Bars:
    """groups: a name, and of each set-up a value (None: nothing was measured)."""

    title: str
    label: str
    log: bool = False
    most: float | None = None
    groups: dict[str, dict[str, float | None]] = field(default_factory=dict)
    # Said beside a bar, by group and set-up.
    remarks: dict[tuple[str, str], str] = field(default_factory=dict)

    def draw(self) -> str:
        values = [value for group in self.groups.values() for value in group.values()
                  if value is not None]
        if not values:
            return ""
        reach = values + ([self.most] if self.most is not None else [])
        scale = (decades(reach, LEFT, RIGHT, roomy=True) if self.log
                 else linear(reach, LEFT, RIGHT))
        shapes: list[str] = []
        top = TOP
        for name, group in self.groups.items():
            shapes.append(svg.text(name, (6, top + 11), "group"))
            top += 18
            for setup in sorted(group, key=order):
                shapes += _bar(setup, group[setup], self.remarks.get((name, setup), ""), scale, top)
                top += BAR
            top += GROUP_GAP - 18
        shapes = self._axis(scale, top) + shapes
        return svg.drawing(self.title, (WIDTH, top + 8), shapes)

    def _axis(self, scale: Scale, bottom: float) -> list[str]:
        shapes = [svg.text(self.label, ((LEFT + RIGHT) / 2, 11), "axis mid")]
        for tick in scale.ticks:
            shapes.append(svg.line("grid", (scale.at(tick), TOP - 4), (scale.at(tick), bottom)))
            shapes.append(svg.text(tick_label(tick), (scale.at(tick), TOP - 8), "tick mid"))
        return shapes


def _bar(setup: str, value: float | None, remark: str, scale: Scale, top: float) -> list[str]:
    style = look(setup)
    shapes = [svg.text(setup, (LEFT - 8, top + 10), f"label end {style.css}")]
    if value is None:
        return shapes + [svg.text(remark or "no figure", (LEFT + 4, top + 10), "tick")]
    end = scale.at(max(value, scale.low))
    shapes.append(svg.rect(f"bar {style.css}", (LEFT, top + 1), (max(end - LEFT, 1), BAR - 3)))
    figure = f"{value:,.4g}" if value < 1000 else f"{value:,.0f}"
    shapes.append(svg.text(f"{figure}, {remark}" if remark else figure, (end + 5, top + 10),
                           "tick"))
    return shapes
