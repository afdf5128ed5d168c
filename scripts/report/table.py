# SPDX-License-Identifier: GPL-2.0-only
"""A table, which HTML, Markdown and JSON show alike."""

from dataclasses import dataclass, field
from typing import Any

# What a cell may hold: None is "not run".
Cell = str | int | float | None


@dataclass
class Table:
    """Rows of cells; figures stay figures until they are shown."""

    title: str
    columns: list[str]
    rows: list[list[Cell]] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    def as_json(self) -> dict[str, Any]:
        return {"title": self.title, "columns": self.columns, "rows": self.rows,
                "notes": self.notes}

    def as_markdown(self) -> str:
        lines = [f"**{self.title}**", "", _line(self.columns),
                 _line(["---"] * len(self.columns))]
        lines += [_line([show(cell) for cell in row]) for row in self.rows]
        lines += [f"\n{note}" for note in self.notes]
        return "\n".join(lines) + "\n"


def _line(cells: list[str]) -> str:
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"


def show(cell: Cell) -> str:
    """A cell as people read it: no more digits than the counts deserve."""
    if cell is None:
        return "not run"
    if isinstance(cell, str):
        return cell
    if isinstance(cell, int) or abs(cell) >= 1000:
        return f"{cell:,.0f}"
    return f"{cell:.1f}" if abs(cell) >= 10 else f"{cell:.2f}"
