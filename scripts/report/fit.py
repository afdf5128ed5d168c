# SPDX-License-Identifier: GPL-2.0-only
"""A straight line through points, and how far they lie off it."""

import math
from dataclasses import dataclass

LEAST_POINTS = 3

Point = tuple[float, float]


@dataclass(frozen=True)
class Fit:
    """residual: root mean square, as a share of the mean of the points."""

    base: float
    slope: float
    residual: float
    points: int

    def at(self, x: float) -> float:
        return max(0.0, self.base + self.slope * x)


def fit(points: list[Point]) -> Fit | None:
    """Least squares. None of fewer than three points: a line through two fits always."""
    if len(points) < LEAST_POINTS:
        return None
    mean_x = sum(x for x, _ in points) / len(points)
    mean_y = sum(y for _, y in points) / len(points)
    spread = sum((x - mean_x) ** 2 for x, _ in points)
    if not spread:
        return None
    slope = sum((x - mean_x) * (y - mean_y) for x, y in points) / spread
    base = mean_y - slope * mean_x
    square = sum((base + slope * x - y) ** 2 for x, y in points) / len(points)
    return Fit(base, slope, math.sqrt(square) / mean_y if mean_y else 0.0, len(points))
