# SPDX-License-Identifier: GPL-2.0-only
"""The chapter on the server: bench-server's ratios, and what became of its goals."""

from .section import Figure, Section, chapter
from .source import Row, Source
from .table import Cell, Table

VERDICTS = {"pass": "met", "FAIL": "not met", "no figures": "no figures"}


@chapter("server", "The server")
def server_section(section: Section, source: Source) -> None:
    section.text.append(
        "Requests per server CPU-second on the machine that ran it: of each table's first server "
        "the requests, of the others the ratio to it, the median of paired slices and its 95 % "
        "interval. Near and far: how long a cache line takes between the machine's two CPUs. "
        f"Kernel {source.rows[0]['kernel']}, congestion control "
        f"{source.rows[0]['congestion_control']}.")
    goals = Table("Goals of each server, regime and number of connections",
                  ["load", *VERDICTS.values()])
    for part in source.rows:
        section.figures.append(Figure(_table(part)))
        verdicts = [goal["verdict"] for goal in part.get("goals", [])]
        if verdicts:
            goals.rows.append([_load(part), *(verdicts.count(word) for word in VERDICTS)])
    section.figures.append(Figure(goals))


def _load(part: Row) -> str:
    return f"{part['title']}; {part['load']}"


def _table(part: Row) -> Table:
    """A row for each number of connections and regime, a column for each server."""
    rows = [row for row in part["rows"] if "per_cpu" in row]
    servers = list(dict.fromkeys(row["server"] for row in rows))
    table = Table(_load(part), ["connections", "regime", *servers])
    for key in dict.fromkeys((row["connections"], row["regime"]) for row in rows):
        found = {row["server"]: row for row in rows
                 if (row["connections"], row["regime"]) == key}
        cells: list[Cell] = [key[0], key[1]]
        table.rows.append(cells + [_cell(found.get(name), servers[0]) for name in servers])
    return table


def _cell(row: Row | None, first: str) -> Cell:
    if row is None:
        return None
    if row["server"] == first:
        return round(float(row["per_cpu"]["median"]))
    ratio = row.get("against", {}).get(first, {}).get("per_cpu")
    if ratio is None:
        return "no ratio"
    return f"{ratio['median']:.2f} ({ratio['low']:.2f} to {ratio['high']:.2f})"
