# SPDX-License-Identifier: GPL-2.0-only
"""The chapter on whole servers: what a connection and a request cost at each."""

from .counts import spread_of
from .section import Figure, Section, chapter
from .source import Row, Source
from .table import Cell, Table

FIGURES = ("instructions", "dirty_transfers")


@chapter("daemons", "Servers, counted")
def daemons_section(section: Section, source: Source) -> None:
    section.text.append(
        "A connection in which a client asks once, and what each further request in it costs: "
        "client and server, user and kernel, over loopback. In brackets, the ratio to the first "
        "row. Local is what was answered from the CPU that it came from.")
    places: dict[tuple[str, int], list[Row]] = {}
    for row in source.rows:
        places.setdefault((row["protocol"], int(row["cpus"])), []).append(row)
    for (protocol, cpus), rows in places.items():
        section.figures.append(Figure(_table(f"{protocol.upper()}, {cpus} CPUs", rows)))


def _table(title: str, rows: list[Row]) -> Table:
    table = Table(title, ["server", "seeds", "instructions", "±", "dirty transfers", "±",
                          "local, %", "instructions of a further request",
                          "dirty transfers of a further request"])
    servers: dict[str, list[Row]] = {}
    for row in sorted(rows, key=lambda row: int(row["requests"])):
        servers.setdefault(row["server"], []).append(row)
    first = next(iter(servers.values()))
    for name, (one, *more) in servers.items():
        cells: list[Cell] = [name, int(one["seeds"])]
        for figure in FIGURES:
            cells += [_beside(float(one[figure]), float(first[0][figure])),
                      spread_of(one, figure)]
        cells.append(100 * float(one["local_share"]))
        for figure in FIGURES:
            cells.append(_beside(_further(one, more[-1], figure),
                                 _further(first[0], first[-1], figure)) if more else None)
        table.rows.append(cells)
    return table


def _further(one: Row, many: Row, figure: str) -> float:
    """What one more request in a connection costs."""
    return (float(many[figure]) - float(one[figure])) / (many["requests"] - one["requests"])


def _beside(value: float, first: float) -> str:
    ratio = f"{value / first:.2f}" if first else "no ratio"
    return f"{value:,.0f} ({ratio})" if value >= 1000 else f"{value:.1f} ({ratio})"
