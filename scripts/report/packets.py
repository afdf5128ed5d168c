# SPDX-License-Identifier: GPL-2.0-only
"""The chapter on what steering, the cache and observers cost a packet."""

from .section import Figure, Section
from .source import Row, Source
from .table import Table


def packets_section(steer: Source, observe: Source) -> Section:
    section = Section("packets", "Steering, cache, observers")
    for source in (steer, observe):
        if source.missing:
            section.text.append(f"{source.name}: {source.missing}")
        else:
            section.figures += [Figure(table) for table in _tables(source.rows)]
    return section


def _tables(rows: list[Row]) -> list[Table]:
    tables: dict[tuple[str, int, str], Table] = {}
    for row in rows:
        key = (row["unit"], int(row["cpus"]), row["traffic"])
        if key not in tables:
            tables[key] = Table(f"{key[0].capitalize()}, {key[1]} CPUs: {key[2]}",
                                ["set-up", "mean", "±", "ratio to the first", "±", "windows"])
        tables[key].rows.append([row["setup"], row["mean"], f"{row['spread_percent']:.1f} %",
                                 row["ratio"], f"{row['ratio_spread_percent']:.1f} %",
                                 int(row["windows"])])
    return list(tables.values())
