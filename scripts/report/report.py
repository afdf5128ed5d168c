# SPDX-License-Identifier: GPL-2.0-only
"""The whole report, and its three forms: HTML, Markdown, JSON."""

import json
from dataclasses import dataclass
from pathlib import Path
from statistics import median

import jinja2

from .cost import cost_section
from .counts import half_range
from .daemons import daemons_section
from .extrapolated import projection_section
from .goals import goals_table
from .growth import growth_section
from .latency import latency_section
from .ledger import ledger_section
from .locality import locality_section
from .packets import packets_section
from .section import Section
from .server import server_section
from .setups import FAMILIES, MARKERS
from .source import Source
from .table import Cell, Table, show
from .verdict import RULE
from .verdicts import verdict_tables


@dataclass
class Report:
    head: list[str]
    rule: str
    verdicts: list[Table]
    sections: list[Section]

    def html(self) -> str:
        environment = jinja2.Environment(
            loader=jinja2.FileSystemLoader(Path(__file__).parent), autoescape=True,
            trim_blocks=True, lstrip_blocks=True, undefined=jinja2.StrictUndefined)
        environment.filters.update(show=show, css=_css)
        colours = [f"{family}-{i}" for family in FAMILIES for i in range(len(MARKERS))]
        template = environment.get_template("report.html.j2")
        return template.render(report=self, colours=colours).lstrip() + "\n"

    def markdown(self) -> str:
        parts = ["# Lanes: where it wins, ties and loses", *self.head, "## Verdict", self.rule,
                 *(table.as_markdown() for table in self.verdicts)]
        return "\n\n".join(parts + [section.as_markdown() for section in self.sections])

    def json(self) -> str:
        whole = {"head": self.head, "rule": self.rule,
                 "verdicts": [table.as_json() for table in self.verdicts],
                 "sections": [section.as_json() for section in self.sections]}
        return json.dumps(whole, indent=1, ensure_ascii=False) + "\n"


def _css(cell: Cell) -> str:
    if cell is None or cell == "not run":
        return "absent"
    text = str(cell)
    if text == "met" or text.startswith("win "):
        return "win"
    if text.startswith(("loss ", "not met")):
        return "loss"
    if not any(letter.isalpha() for letter in text):
        return "figure"
    return "short" if len(text) < 24 else "long"


def _seeds(source: Source) -> list[str]:
    """CPUs, seeds and how far these differ."""
    if not source.rows:
        return []
    cpus = sorted({int(row["cpus"]) for row in source.rows})
    seeds = sorted({int(row["seeds"]) for row in source.rows})
    spreads = []
    for figure, name in (("dirty_transfers", "dirty transfers"), ("instructions", "instructions")):
        halves = sorted(half_range(row, figure) for row in source.rows
                        if row["cpus"] > 1 and row["seeds"] > 1)
        if halves:
            spreads.append(f"of {name} ± {100 * median(halves):.1f} % (median of the rows; at "
                           f"most {100 * halves[-1]:.1f} %)")
    return [f"Counts: {', '.join(str(n) for n in cpus)} CPUs; seeds of a row: "
            f"{' to '.join(str(n) for n in seeds)}; half the range of the seeds, on 2 CPUs and "
            f"more: {', '.join(spreads) or 'unknown, of one seed'}."]


def make(sources: dict[str, Source], head: list[str]) -> Report:
    """head: what the tree says of itself; what was run when is added."""
    written = [f"{name}: {source.written:%Y-%m-%d %H:%M} UTC" if source.written
               else f"{name}: {source.missing}" for name, source in sources.items()]
    sections = [cost_section(sources["contention"]), ledger_section(sources["ledger"]),
                latency_section(sources["latency"]), locality_section(sources["locality"]),
                growth_section(sources["growth"]),
                projection_section(sources["contention"], sources["ledger"]),
                packets_section(sources["steer"], sources["observe"]),
                daemons_section(sources["daemons"]), server_section(sources["server"])]
    often, each = verdict_tables(sources)
    return Report([*head, *_seeds(sources["contention"]),
                   "Measured: " + "; ".join(written) + "."], RULE,
                  [often, goals_table(sources), each], sections)
