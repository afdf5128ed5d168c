# SPDX-License-Identifier: GPL-2.0-only
"""The files that the benches write, and what is said of one that is not there."""

import json
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

Row = dict[str, Any]

# NAME.json, and the target that makes it.
TARGETS = {
    "contention": "make bench-contention",
    "ledger": "scripts/bench-contention-ledger",
    "latency": "make bench-latency",
    "locality": "make bench-locality",
    "growth": "make bench-growth",
    "daemons": "make bench-daemons",
    "steer": "make bench-steer",
    "observe": "make bench-observe",
    "server": "make bench-server",
}


@dataclass(frozen=True)
class Source:
    """One file: its rows, or why there are none."""

    name: str
    rows: list[Row]
    missing: str = ""
    written: datetime | None = None


def read(folder: Path, name: str) -> Source:
    path = folder / f"{name}.json"
    try:
        rows = json.loads(path.read_text(encoding="utf-8"))
        written = datetime.fromtimestamp(path.stat().st_mtime, UTC)
    except FileNotFoundError:
        return Source(name, [], f"not run: {TARGETS[name]}")
    except (OSError, ValueError) as error:
        return Source(name, [], f"{path.name} cannot be read ({error}): {TARGETS[name]}")
    if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
        return Source(name, [], f"{path.name} is no list of rows: {TARGETS[name]}")
    return Source(name, rows, "" if rows else f"no rows: {TARGETS[name]}", written)


def read_all(folder: Path) -> dict[str, Source]:
    return {name: read(folder, name) for name in TARGETS}
