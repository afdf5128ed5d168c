# SPDX-License-Identifier: GPL-2.0-only
"""The first page: each Lanes row against each baseline, measure by measure."""

from collections import Counter
from dataclasses import dataclass

from .counts import Counts
from .locality import by_place
from .setups import BASELINES, LANES_ROWS
from .source import Source
from .table import Table
from .verdict import (OF_CONNECTIONS, OF_INSTRUCTIONS, OF_LOCALITY, OF_TRANSFERS, USUAL, Rule,
                      against)

# The goals are told at 8 CPUs; 4 is what the short form counts.
WANTED_CPUS = (8, 4, 16, 2)


@dataclass
class Measure:
    """Values by set-up, of one place to measure."""

    kind: str
    place: str
    values: dict[str, float]
    seeds: int
    rule: Rule = USUAL


def verdict_tables(sources: dict[str, Source]) -> list[Table]:
    """How often, then each."""
    measures = (_costs(sources["contention"]) + _latencies(sources["latency"]) +
                _localities(sources["locality"]) + _growths(sources["growth"]))
    each = Table("Each Lanes row against each baseline",
                 ["measure", "where", "row", "value", "seeds", *BASELINES])
    often = Table("Wins, ties and losses of the Lanes rows, against", ["measure", *BASELINES])
    counted: dict[str, list[Counter[str]]] = {}
    for measure in measures:
        for lanes in (name for name in LANES_ROWS if name in measure.values):
            cells = _against(measure, lanes)
            each.rows.append([measure.kind, measure.place, lanes, measure.values[lanes],
                              measure.seeds, *cells])
            counters = counted.setdefault(measure.kind, [Counter() for _ in BASELINES])
            for counter, cell in zip(counters, cells):
                counter.update([cell.split(" ")[0]] if cell else [])
    for kind, counters in counted.items():
        often.rows.append([kind, *(_tally(counter) for counter in counters)])
    for name in ("contention", "latency", "locality", "growth"):
        if sources[name].missing:
            often.notes.append(f"{name}: {sources[name].missing}.")
    if any(measure.seeds < 3 for measure in measures):
        each.notes.append("Rows with fewer than 3 seeds: the rule was made for 3, so take a "
                          "verdict near its bounds for a tie.")
    return [often, each]


def _tally(counter: Counter[str]) -> str | None:
    words = [f"{counter[word]} × {word}" for word in ("win", "tie", "loss") if counter[word]]
    return ", ".join(words) or None


def _against(measure: Measure, lanes: str) -> list[str | None]:
    value = measure.values[lanes]
    return [against(value, measure.values[baseline], measure.rule)
            if baseline in measure.values else None for baseline in BASELINES]


def _costs(source: Source) -> list[Measure]:
    counts = Counts(source.rows)
    measures = []
    for side, what in (("both", "both sides"), ("server", "server alone")):
        cpus = next((n for n in WANTED_CPUS if _comparable(counts, n, side)), None)
        if cpus is None:
            continue
        for figure, rule in (("dirty_transfers", OF_TRANSFERS), ("instructions", OF_INSTRUCTIONS)):
            rows = [row for row in counts.rows(side) if row["cpus"] == cpus]
            measures.append(Measure(
                figure.replace("_", " "), f"{what}, {cpus} CPUs",
                {row["setup"]: float(row[figure]) for row in rows},
                min(int(row["seeds"]) for row in rows), rule))
    return measures


def _comparable(counts: Counts, cpus: int, side: str) -> bool:
    there = [name for name in BASELINES + LANES_ROWS if counts.get(name, cpus, side)]
    return any(name in LANES_ROWS for name in there) and any(name in BASELINES for name in there)


def _latencies(source: Source) -> list[Measure]:
    measures = []
    keys = sorted({(row["cpus"], row["trouble"]) for row in source.rows})
    for cpus, trouble in keys:
        rows = [row for row in source.rows if (row["cpus"], row["trouble"]) == (cpus, trouble)]
        seeds = min(int(row["seeds"]) for row in rows)
        place = f"{trouble}, {cpus} CPUs"
        measures.append(Measure("accept wait p99", place,
                                {row["setup"]: float(row["accept_wait_p99_us"]) for row in rows
                                 if row.get("accept_wait_p99_us") is not None}, seeds))
        measures.append(Measure("failed or unserved", place,
                                {row["setup"]: float(row["failed"] + row["unserved"])
                                 for row in rows}, seeds, OF_CONNECTIONS))
    return [measure for measure in measures if any(name in LANES_ROWS for name in measure.values)]


def _localities(source: Source) -> list[Measure]:
    measures = [Measure("SYN, accept, data on one CPU, %", place,
                        {row["setup"]: 100 * float(row["all_three"]) for row in rows},
                        min(int(row["repetitions"]) for row in rows), OF_LOCALITY)
                for place, rows in by_place(source.rows).items()]
    return [measure for measure in measures if any(name in LANES_ROWS for name in measure.values)]


def _growths(source: Source) -> list[Measure]:
    """Where most of the others are."""
    counted = [row for row in source.rows if row["part"] != "memory"]
    measures = []
    for part, others in sorted({(row["part"], row["others"]) for row in counted}):
        rows = [row for row in counted if (row["part"], row["others"]) == (part, others)]
        most = max(int(row["count"]) for row in rows)
        rows = [row for row in rows if row["count"] == most]
        kind = part if others == "none" else f"{others} {part}"
        for figure, rule in (("dirty_transfers", OF_TRANSFERS),
                             ("instructions", OF_INSTRUCTIONS)):
            measures.append(Measure(
                figure.replace("_", " "), f"beside {most:,} {kind}, 4 CPUs",
                {row["setup"]: float(row[figure]) for row in rows},
                min(int(row["seeds"]) for row in rows), rule))
    return measures
