# SPDX-License-Identifier: GPL-2.0-only
"""The chapter of the ledger: which line moves at which stage, and who moves it."""

from collections.abc import Iterable

from .section import Figure, Section, chapter
from .setups import order
from .source import Row, Source
from .table import Cell, Table

LEAST = 0.5
# Objects that one connection after the other has, by how their names begin.
BUCKET = "port's bind bucket"
LISTENER = "listener's"


def transfers(row: Row) -> dict[str, float]:
    """Dirty transfers of a row by set-up."""
    return {setup: float(value) for setup, value in row["dirty_transfers"].items()}


def setups_of(rows: Iterable[Row]) -> list[str]:
    return sorted({setup for row in rows for setup in transfers(row)}, key=order)


def of_object(rows: list[Row], begin: str, setup: str) -> float | None:
    """Transfers on objects whose names begin so; None: the ledger does not know."""
    named = [transfers(row) for row in rows if row["object"].startswith(begin)]
    if not named or setup not in setups_of(rows):
        return None
    return sum(row.get(setup, 0.0) for row in named)


@chapter("ledger", "The ledger")
def ledger_section(section: Section, source: Source) -> None:
    section.text.append("Dirty transfers per connection by stage, line and function, where a "
                        f"set-up has at least {LEAST}.")
    setups = setups_of(source.rows)
    table = Table("Dirty transfers per connection",
                  ["stage", "object", "function", "by whom", "removable", *setups],
                  notes=["Removable, and why, in the words of scripts/bench-contention-stages."])
    rest = dict.fromkeys(setups, 0.0)
    for row in source.rows:
        values = transfers(row)
        if max(values.values(), default=0.0) < LEAST:
            for setup, value in values.items():
                rest[setup] += value
            continue
        word = {True: "yes", False: "no"}.get(row["removable"], "?")
        cells: list[Cell] = [row["stage"], row["object"], row["function"], row["who"],
                             f"{word}: {row['reason']}"]
        table.rows.append(cells + [values.get(setup, 0.0) for setup in setups])
    table.rows.append(["all others", "", "", "", "", *rest.values()])
    section.figures.append(Figure(table))
