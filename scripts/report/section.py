# SPDX-License-Identifier: GPL-2.0-only
"""A chapter of the report: what it says, draws and tabulates."""

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import wraps
from typing import Any

from .source import Source
from .table import Table


@dataclass
class Figure:
    """A plot with the table of its figures; either may be missing."""

    table: Table | None = None
    svg: str = ""
    caption: str = ""


@dataclass
class Section:
    """Without a source of its own it says what was not run."""

    name: str
    title: str
    text: list[str] = field(default_factory=list)
    figures: list[Figure] = field(default_factory=list)

    def tables(self) -> list[Table]:
        return [figure.table for figure in self.figures if figure.table]

    def as_json(self) -> dict[str, Any]:
        return {"name": self.name, "title": self.title, "text": self.text,
                "tables": [table.as_json() for table in self.tables()]}

    def as_markdown(self) -> str:
        parts = [f"## {self.title}"] + self.text
        parts += [table.as_markdown() for table in self.tables()]
        return "\n\n".join(parts) + "\n"


def chapter(name: str, title: str) -> Callable[[Callable[[Section, Source], None]],
                                               Callable[[Source], Section]]:
    """A section from what fills it, unless its source is missing."""
    def of(fill: Callable[[Section, Source], None]) -> Callable[[Source], Section]:
        @wraps(fill)
        def make(source: Source) -> Section:
            section = Section(name, title)
            if source.missing:
                section.text.append(source.missing)
            else:
                fill(section, source)
            return section
        return make
    return of
