# SPDX-License-Identifier: GPL-2.0-only
"""The few shapes that plots are made of. Colours come from the page's style."""

from html import escape

Point = tuple[float, float]


def number(value: float) -> str:
    return f"{value:.1f}".rstrip("0").rstrip(".")


def line(css: str, start: Point, end: Point) -> str:
    return (f'<line class="{css}" x1="{number(start[0])}" y1="{number(start[1])}" '
            f'x2="{number(end[0])}" y2="{number(end[1])}"/>')


def path(css: str, points: list[Point], dash: str = "") -> str:
    steps = " ".join(f"{number(x)},{number(y)}" for x, y in points)
    dashes = f' stroke-dasharray="{dash}"' if dash else ""
    return f'<polyline class="{css}" points="{steps}"{dashes}/>'


def rect(css: str, corner: Point, size: Point) -> str:
    return (f'<rect class="{css}" x="{number(corner[0])}" y="{number(corner[1])}" '
            f'width="{number(size[0])}" height="{number(size[1])}"/>')


def text(content: str, where: Point, css: str) -> str:
    x, y = number(where[0]), number(where[1])
    return f'<text class="{css}" x="{x}" y="{y}">{escape(content)}</text>'


def marker(shape: str, css: str, where: Point) -> str:
    x, y = where
    if shape == "circle":
        return f'<circle class="{css}" cx="{number(x)}" cy="{number(y)}" r="3.5"/>'
    corners: dict[str, list[Point]] = {
        "square": [(-3, -3), (3, -3), (3, 3), (-3, 3)],
        "triangle": [(0, -4), (4, 3), (-4, 3)],
        "wedge": [(-4, -3), (4, -3), (0, 4)],
        "diamond": [(0, -4.5), (4.5, 0), (0, 4.5), (-4.5, 0)],
    }
    steps = " ".join(f"{number(x + dx)},{number(y + dy)}" for dx, dy in corners[shape])
    return f'<polygon class="{css}" points="{steps}"/>'


def drawing(title: str, size: Point, shapes: list[str]) -> str:
    width, height = number(size[0]), number(size[1])
    return (f'<svg viewBox="0 0 {width} {height}" role="img" aria-label="{escape(title)}">'
            f'<title>{escape(title)}</title>' + "".join(shapes) + "</svg>")
