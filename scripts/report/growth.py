# SPDX-License-Identifier: GPL-2.0-only
"""The chapter on growth: with established connections, listeners, and in memory."""

from .counts import range_of, spread_of
from .lines import Lines, Spot
from .scale import decades
from .section import Figure, Section, chapter
from .setups import order
from .source import Row, Source
from .table import Table

PARTS = {"established": "established connections", "listeners": "listeners"}
FIGURES = {"instructions": "instructions", "dirty_transfers": "dirty transfers"}


@chapter("growth", "Growth")
def growth_section(section: Section, source: Source) -> None:
    for part, what in PARTS.items():
        rows = [row for row in source.rows if row["part"] == part]
        # Of listeners there are several kinds of others.
        for others in sorted({row["others"] for row in rows}):
            section.figures += _figures([row for row in rows if row["others"] == others],
                                        what if others == "none" else f"{others} {what}")
        if not rows:
            section.text.append(f"With more {what}: not run: make bench-growth")
    memory = [row for row in source.rows if row["part"] == "memory"]
    if memory:
        section.figures.append(Figure(_memory(memory)))
    else:
        section.text.append("Memory: not run: make bench-growth")


def _figures(rows: list[Row], what: str) -> list[Figure]:
    table = Table(f"Cost of one more connection, with more {what}",
                  ["set-up", what, "seeds", "instructions", "±", "dirty transfers", "±"])
    for row in sorted(rows, key=lambda row: (order(row["setup"]), row["count"])):
        table.rows.append([row["setup"], int(row["count"]), int(row["seeds"]),
                           round(row["instructions"]), spread_of(row, "instructions"),
                           row["dirty_transfers"], spread_of(row, "dirty_transfers")])
    figures = []
    for figure, name in FIGURES.items():
        plot = Lines(f"{name.capitalize()} with more {what}", what,
                     f"{name} of a connection", zero=figure != "instructions", x_scale=decades)
        for row in rows:
            # Of decades none has 0: that row is in the table.
            if row["count"] > 0:
                low, high = range_of(row, figure)
                plot.add(row["setup"], Spot(row["count"], row[figure], low, high))
        figures.append(Figure(svg=plot.draw()))
    figures[-1].table = table
    return figures


def _memory(rows: list[Row]) -> Table:
    table = Table("Memory", ["object", "of", "CPUs", "seeds", "bytes", "±", "how it was found"])
    for row in rows:
        table.rows.append([row["object"], row["setup"], int(row["cpus"]), int(row["seeds"]),
                           round(row["bytes"]), spread_of(row, "bytes"), row["how"]])
    return table
