# SPDX-License-Identifier: GPL-2.0-only
"""The chapter on latency: what one bad worker does to the others' connections."""

from typing import Any

from .bars import Bars
from .section import Figure, Section, chapter
from .setups import order
from .source import Source
from .table import Cell, Table

PERCENTILES = ("p50", "p99", "p999")


@chapter("latency", "Latency under trouble")
def latency_section(section: Section, source: Source) -> None:
    section.text.append(
        "Waits are in µs of the guest's clock, which counts instructions (1 µs is 1000 of them) "
        "and jumps while all sleep: repeatable, but no real time. Unserved are connections that "
        "had no answer when the run ended; no percentile holds them.")
    rows = sorted(source.rows, key=lambda row: (row["cpus"], str(row["trouble"]),
                                                order(row["setup"])))
    for cpus in sorted({row["cpus"] for row in rows}):
        here = [row for row in rows if row["cpus"] == cpus]
        plot = Bars(f"Accept wait, {cpus} CPUs",
                    f"accept wait p99, guest µs, {cpus} CPUs (logarithmic)", log=True)
        for row in here:
            group = plot.groups.setdefault(str(row["trouble"]), {})
            group[row["setup"]] = row.get("accept_wait_p99_us")
            lost = row["failed"] + row["unserved"]
            if lost:
                plot.remarks[str(row["trouble"]), row["setup"]] = f"{lost:g} failed or unserved"
        section.figures.append(Figure(_table(here, cpus), plot.draw()))


def _table(rows: list[dict[str, Any]], cpus: int) -> Table:
    table = Table(f"Latency under trouble, {cpus} CPUs, guest µs",
                  ["trouble", "set-up", "seeds", "connections", "failed", "unserved",
                   *(f"accept {name}" for name in PERCENTILES),
                   *(f"request {name}" for name in PERCENTILES), "accept p99, seeds"])
    for row in rows:
        cells: list[Cell] = [str(row["trouble"]), row["setup"], int(row["seeds"]),
                             row["connections"], row["failed"], row["unserved"]]
        for what in ("accept_wait", "request"):
            cells += [row.get(f"{what}_{name}_us") for name in PERCENTILES]
        spread = row.get("accept_wait_p99_us_range")
        cells.append(f"{spread[0]:,.0f} to {spread[1]:,.0f}" if spread else "-")
        table.rows.append(cells)
    return table
