# SPDX-License-Identifier: GPL-2.0-only
"""The chapter on locality: do SYN, accept and data meet on one CPU?"""

from .bars import Bars
from .counts import range_of
from .section import Figure, Section, chapter
from .setups import order
from .source import Row, Source
from .table import Table


FIGURES = ("syn_accept", "accept_data", "all_three")


def by_place(rows: list[Row]) -> dict[str, list[Row]]:
    """Rows of the same CPUs, queues and placement."""
    places: dict[str, list[Row]] = {}
    for row in sorted(rows, key=lambda row: (row["cpus"], row["queues"], row["placement"],
                                             order(row["setup"]))):
        place = f"{row['queues']} queues, {row['placement']}, {row['cpus']} CPUs"
        places.setdefault(place, []).append(row)
    return places


@chapter("locality", "Locality")
def locality_section(section: Section, source: Source) -> None:
    section.text.append("Share of connections whose SYN was processed, which were accepted, and "
                        "whose data were processed on one CPU.")
    plot = Bars("Locality", "SYN, accept and data on the same CPU, % of connections", most=100.0)
    table = Table("Locality, % of connections",
                  ["where", "set-up", "connections", "repetitions", "SYN = accept",
                   "accept = data", "all three", "±"])
    for place, rows in by_place(source.rows).items():
        plot.groups[place] = {row["setup"]: 100 * row["all_three"] for row in rows}
        for row in rows:
            low, high = range_of(row, "all_three")
            table.rows.append([place, row["setup"], int(row["connections"]),
                               int(row["repetitions"]),
                               *(100 * float(row[figure]) for figure in FIGURES),
                               50 * (high - low)])
    section.figures.append(Figure(table, plot.draw()))
