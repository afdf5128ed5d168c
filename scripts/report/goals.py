# SPDX-License-Identifier: GPL-2.0-only
"""What Lanes set out to reach, and whether it does."""

from .counts import Counts
from .setups import CBPF, DIRECT, LANES, STOCK_OF
from .source import Row, Source
from .table import Cell, Table, show
from .verdict import OF_TRANSFERS, USUAL, Rule, verdict

CPUS = 8


def goals_table(sources: dict[str, Source]) -> Table:
    table = Table("Goals", ["goal", "row", "value", "limit", "verdict"],
                  notes=["Both sides on the same CPUs, loopback. A goal is met if the value is at "
                         "most its limit; what misses it by less than the rule of the first table "
                         "is told as a tie."])
    counts = Counts(sources["contention"].rows)
    for name in LANES:
        table.rows.append(_dirty(counts, name))
    for name in LANES:
        table.rows.append(_steepness(counts, name))
    for name in LANES:
        table.rows.append(_instructions(counts, name))
    table.rows.append(_idle(sources["steer"].rows))
    table.rows.append(_direct(counts))
    for name in LANES:
        table.rows.append(_stopped(sources["latency"].rows, name))
    return table


def _judged(goal: str, row: str, value: float | None, limit: float | None,
            rule: Rule = USUAL) -> list[Cell]:
    if value is None or limit is None:
        return [goal, row, value, limit, "not run"]
    word = "met" if value <= limit else "not met"
    if word == "not met" and verdict(value, limit, rule) == "tie":
        word = "not met, a tie"
    return [goal, row, value, limit, word]


def _dirty(counts: Counts, name: str) -> list[Cell]:
    return _judged(f"dirty transfers at {CPUS} CPUs at most {CBPF}'s", name,
                   counts.value(name, CPUS, "both", "dirty_transfers"),
                   counts.value(CBPF, CPUS, "both", "dirty_transfers"), OF_TRANSFERS)


def _steepness(counts: Counts, name: str) -> list[Cell]:
    def growth(setup: str) -> float | None:
        few = counts.value(setup, 2, "both", "dirty_transfers")
        many = counts.value(setup, 16, "both", "dirty_transfers")
        return None if few is None or many is None else many - few

    return _judged(f"dirty transfers more at 16 CPUs than at 2, at most {CBPF}'s", name,
                   growth(name), growth(CBPF), OF_TRANSFERS)


def _instructions(counts: Counts, name: str) -> list[Cell]:
    stock = counts.value(STOCK_OF[name], CPUS, "both", "instructions")
    value = counts.value(name, CPUS, "both", "instructions")
    share = None if stock is None or value is None else 100 * (value / stock - 1)
    cells = _judged(f"instructions at {CPUS} CPUs at most 1.5 % above {STOCK_OF[name]}'s", name,
                    share, 1.5)
    # A percentage has no baseline to be a tie with.
    if cells[4] == "not met, a tie":
        cells[4] = "not met"
    cells[2:4] = [None if share is None else f"{share:+.1f} %", "+1.5 %"]
    return cells


def _idle(rows: list[Row]) -> list[Cell]:
    """The module loaded, nothing attached: no more than the windows differ by.

    Of several tables the one that is most above its noise.
    """
    goal = "instructions of a round trip with nothing attached: 0 more"
    idle = [row for row in rows if row["experiment"] == "insns" and row["setup"] == "loaded, idle"]
    if not idle:
        return _judged(goal, "lanes.ko loaded", None, None)
    worst = max(idle, key=lambda row: float(row["more"]) - _noise(row))
    noise = _noise(worst)
    word = "met" if worst["more"] <= noise else "not met"
    return [goal, f"lanes.ko loaded, {worst['traffic']}", f"{worst['more']:+.0f}",
            f"0 ± {show(noise)}", word]


def _noise(row: Row) -> float:
    return float(row["mean"]) * float(row["ratio_spread_percent"]) / 100


def _direct(counts: Counts) -> list[Cell]:
    """Less than each other row, and by the rule, for less is claimed."""
    goal = f"io_uring with direct descriptors at {CPUS} CPUs below every other row"
    value = counts.value(DIRECT, CPUS, "both", "dirty_transfers")
    others = {name: counts.value(name, CPUS, "both", "dirty_transfers")
              for name in counts.setups("both") if name != DIRECT}
    there = {name: other for name, other in others.items() if other is not None}
    if value is None or not there:
        return [goal, DIRECT, value, None, "not run"]
    least = min(there, key=lambda name: there[name])
    return [goal, DIRECT, value, f"{show(there[least])} ({least})",
            "met" if value < there[least] else "not met"]


def _stopped(rows: list[Row], name: str) -> list[Cell]:
    goal = "accept wait p99 with one stopped worker of 4 at most twice that with none"
    waits = {row["trouble"]: row.get("accept_wait_p99_us") for row in rows
             if row["setup"] == name and row["cpus"] == 4}
    none, stopped = waits.get("none"), waits.get("stopped")
    cells = _judged(goal, name, stopped, None if none is None else 2 * none)
    if cells[4] != "not run":
        cells[2:4] = [f"{stopped:,.0f} guest µs", f"{2 * (none or 0):,.0f} guest µs"]
    return cells
