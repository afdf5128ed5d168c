# SPDX-License-Identifier: GPL-2.0-only
"""A plot of lines, one for each set-up, labelled where they end."""

from collections.abc import Callable
from dataclasses import dataclass, field

from . import svg
from .scale import Scale, decades, doubling, linear, tick_label
from .setups import look, order

WIDTH, HEIGHT = 820.0, 400.0
LEFT, RIGHT, TOP, BOTTOM = 68.0, 640.0, 28.0, 346.0
LABEL_GAP = 14.0


@dataclass(frozen=True)
class Spot:
    """A point with the range that the seeds spread over."""

    x: float
    y: float
    low: float
    high: float


@dataclass
class Lines:
    """x_scale: by default CPUs, each doubling as far as the next."""

    title: str
    x_label: str
    y_label: str
    zero: bool = True
    log: bool = False
    x_scale: Callable[[list[float], float, float], Scale] = doubling
    series: dict[str, list[Spot]] = field(default_factory=dict)

    def add(self, name: str, spot: Spot) -> None:
        self.series.setdefault(name, []).append(spot)

    def draw(self) -> str:
        spots = [spot for row in self.series.values() for spot in row]
        if not spots:
            return ""
        xs = [spot.x for spot in spots]
        ys = [value for spot in spots for value in (spot.low, spot.high)]
        x = self.x_scale(xs, LEFT, RIGHT)
        y = (decades(ys, BOTTOM, TOP) if self.log
             else linear(ys, BOTTOM, TOP, self.zero))
        shapes = self._axes(x, y)
        ends: list[tuple[float, str]] = []
        for i, name in enumerate(sorted(self.series, key=order)):
            row = sorted(self.series[name], key=lambda spot: spot.x)
            # Ranges side by side, or they hide each other.
            shapes += _curve(name, row, x, y, 1.5 * (i - len(self.series) / 2))
            ends.append((_place(y, row[-1].y), name))
        return svg.drawing(self.title, (WIDTH, HEIGHT), shapes + _labels(ends, self._right_of(x)))

    def _right_of(self, x: Scale) -> dict[str, float]:
        return {name: x.at(max(spot.x for spot in row)) for name, row in self.series.items()}

    def _axes(self, x: Scale, y: Scale) -> list[str]:
        cut = "; the axis does not begin at 0" if y.low > 0 and not self.log else ""
        shapes = [svg.text(self.y_label + cut, (LEFT - 54, TOP - 12), "axis")]
        for tick in y.ticks:
            shapes.append(svg.line("grid", (LEFT, y.at(tick)), (RIGHT, y.at(tick))))
            shapes.append(svg.text(tick_label(tick), (LEFT - 8, y.at(tick) + 4), "tick end"))
        for tick in x.ticks:
            shapes.append(svg.line("grid", (x.at(tick), BOTTOM), (x.at(tick), BOTTOM + 5)))
            shapes.append(svg.text(tick_label(tick), (x.at(tick), BOTTOM + 19), "tick mid"))
        shapes.append(svg.line("base", (LEFT, BOTTOM), (RIGHT, BOTTOM)))
        shapes.append(svg.text(self.x_label, ((LEFT + RIGHT) / 2, BOTTOM + 40), "axis mid"))
        return shapes


def _place(y: Scale, value: float) -> float:
    return y.at(max(value, y.low))


def _curve(name: str, row: list[Spot], x: Scale, y: Scale, aside: float) -> list[str]:
    style = look(name)
    points = [(x.at(spot.x), _place(y, spot.y)) for spot in row]
    shapes = [svg.path(f"curve {style.css}", points, style.dash)]
    for spot, (left, top) in zip(row, points):
        if spot.high > spot.low:
            shapes.append(svg.line(f"range {style.css}", (left + aside, _place(y, spot.low)),
                                   (left + aside, _place(y, spot.high))))
        shapes.append(svg.marker(style.marker, f"mark {style.css}", (left, top)))
    return shapes


def _labels(ends: list[tuple[float, str]], right: dict[str, float]) -> list[str]:
    """Names beside the last points, apart enough to be read, each with a thread."""
    shapes = []
    tops = spread([top for top, _ in sorted(ends)], TOP, BOTTOM)
    for (top, name), place in zip(sorted(ends), tops):
        style = look(name)
        shapes.append(svg.line(f"thread {style.css}", (right[name] + 6, top), (RIGHT + 24, place)))
        shapes.append(svg.marker(style.marker, f"mark {style.css}", (RIGHT + 32, place)))
        shapes.append(svg.text(name, (RIGHT + 42, place + 4), f"label {style.css}"))
    return shapes


def spread(tops: list[float], least: float, most: float, gap: float = LABEL_GAP) -> list[float]:
    """Sorted places, moved until they are gap apart and within the plot."""
    placed: list[float] = []
    for top in tops:
        placed.append(max(top, placed[-1] + gap if placed else least))
    limit = max(most, least + gap * (len(placed) - 1))
    for i in range(len(placed) - 1, -1, -1):
        placed[i] = min(placed[i], limit)
        limit = placed[i] - gap
    return placed
