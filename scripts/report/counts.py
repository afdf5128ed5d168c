# SPDX-License-Identifier: GPL-2.0-only
"""What bench-contention counted, to look up by set-up, CPUs and side."""

from collections.abc import Iterable

from .setups import order
from .source import Row


class Counts:
    """Rows of contention.json by (set-up, CPUs, side)."""

    def __init__(self, rows: Iterable[Row]) -> None:
        self._rows = {(row["setup"], int(row["cpus"]), row["side"]): row for row in rows}

    def get(self, setup: str, cpus: int, side: str) -> Row | None:
        return self._rows.get((setup, cpus, side))

    def value(self, setup: str, cpus: int, side: str, figure: str) -> float | None:
        row = self.get(setup, cpus, side)
        return None if row is None else float(row[figure])

    def rows(self, side: str) -> list[Row]:
        """By CPUs, then in the order of the set-ups."""
        keys = [key for key in self._rows if key[2] == side]
        return [self._rows[key] for key in sorted(keys, key=lambda key: (key[1], order(key[0])))]

    def cpus(self, side: str) -> list[int]:
        return sorted({key[1] for key in self._rows if key[2] == side})

    def curve(self, setup: str, side: str, figure: str) -> list[tuple[int, float]]:
        """(CPUs, figure) of one set-up."""
        return [(cpus, float(self._rows[setup, cpus, side][figure]))
                for cpus in self.cpus(side) if (setup, cpus, side) in self._rows]

    def setups(self, side: str) -> list[str]:
        return sorted({key[0] for key in self._rows if key[2] == side}, key=order)


def range_of(row: Row, figure: str) -> tuple[float, float]:
    """Least and most of the seeds."""
    low, high = row.get(f"{figure}_range", (row[figure], row[figure]))
    return float(low), float(high)


def spread_of(row: Row, figure: str) -> str:
    """Half the range, in percent of the mean; one seed has none."""
    if int(row["seeds"]) < 2 or not row[figure]:
        return ""
    return f"{100 * half_range(row, figure):.1f} %"


def half_range(row: Row, figure: str) -> float:
    """Of the mean."""
    low, high = range_of(row, figure)
    return (high - low) / 2 / float(row[figure]) if row[figure] else 0.0
