# SPDX-License-Identifier: GPL-2.0-only
"""The chapter on cost: instructions and dirty transfers against CPUs."""

from .counts import Counts, range_of, spread_of
from .lines import Lines, Spot
from .section import Figure, Section, chapter
from .source import Row, Source
from .table import Cell, Table, show

SIDES = {"both": "both sides on the same CPUs, loopback",
         "server": "the server's CPUs alone, clients on others"}
FIGURES = {"dirty_transfers": "Dirty transfers", "instructions": "Instructions",
           "upgrades": "Upgrades", "local_share": "Accepted on the SYN's CPU"}
# What stays below is drawn once more, on its own scale.
CLOSE_UP = 100.0


@chapter("cost", "Cost of a connection against CPUs")
def cost_section(section: Section, source: Source) -> None:
    counts = Counts(source.rows)
    section.text.append(
        "Guest instructions and dirty transfers (a cache line taken from a CPU that had modified "
        "it) per short connection. The bars show the range of the seeds.")
    for side, what in SIDES.items():
        if not counts.rows(side):
            section.text.append(f"{what.capitalize()}: not run: make bench-contention")
            continue
        section.figures += _figures(counts, side, what)


def _figures(counts: Counts, side: str, what: str) -> list[Figure]:
    figures = []
    for figure, name in FIGURES.items():
        table = _table(counts, side, figure, f"{name}, {what}")
        if figure == "dirty_transfers":
            figures.append(Figure(svg=_plot(counts, side, figure, f"{name}, {what}")))
            figures.append(Figure(table, _close_up(counts, side, what)))
        elif figure == "instructions":
            figures.append(Figure(table, _plot(counts, side, figure, f"{name}, {what}",
                                               zero=False)))
        else:
            figures.append(Figure(table))
    return figures


def _plot(counts: Counts, side: str, figure: str, title: str, zero: bool = True,
          setups: list[str] | None = None) -> str:
    plot = Lines(title, "CPUs with a worker each",
                 f"{title} (per connection)", zero=zero)
    for row in counts.rows(side):
        if setups is None or row["setup"] in setups:
            low, high = range_of(row, figure)
            plot.add(row["setup"], Spot(row["cpus"], row[figure], low, high))
    return plot.draw()


def _close_up(counts: Counts, side: str, what: str) -> str:
    """The set-ups that place connections by CPU, which the whole plot presses together."""
    setups = counts.setups(side)
    few = [name for name in setups
           if max(value for _, value in counts.curve(name, side, "dirty_transfers")) < CLOSE_UP]
    if not few or len(few) == len(setups):
        return ""
    return _plot(counts, side, "dirty_transfers",
                 f"Dirty transfers, those below {CLOSE_UP:g}, {what}", setups=few)


def _table(counts: Counts, side: str, figure: str, title: str) -> Table:
    """A row for each set-up, a column for each number of CPUs."""
    cpus = counts.cpus(side)
    table = Table(f"{title}, per connection", ["set-up", "seeds", *(_cpus(n) for n in cpus)],
                  notes=["±: half the range of the seeds."])
    for setup in counts.setups(side):
        rows = [counts.get(setup, n, side) for n in cpus]
        seeds = sorted({int(row["seeds"]) for row in rows if row})
        cells: list[Cell] = [setup, " to ".join(str(n) for n in seeds)]
        table.rows.append(cells + [_cell(row, figure) for row in rows])
    return table


def _cpus(count: int) -> str:
    return f"{count} CPU" if count == 1 else f"{count} CPUs"


def _cell(row: Row | None, figure: str) -> Cell:
    if row is None:
        return None
    if figure == "local_share":
        return f"{100 * row[figure]:.1f} %"
    value = float(row[figure])
    text = show(round(value) if figure == "instructions" else value)
    spread = spread_of(row, figure)
    return f"{text} ± {spread}" if spread else text
