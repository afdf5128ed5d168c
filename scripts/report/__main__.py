# SPDX-License-Identifier: GPL-2.0-only
"""python3 -m report FOLDER [LINE...]: the report of FOLDER's files, into it.

LINE goes to the head of the report: kernel, commit.
"""

import sys
from pathlib import Path

from .report import make
from .source import read_all


def main(arguments: list[str]) -> int:
    if not arguments:
        print(__doc__, file=sys.stderr)
        return 2
    folder = Path(arguments[0])
    sources = read_all(folder)
    report = make(sources, arguments[1:])
    for suffix, content in (("html", report.html()), ("md", report.markdown()),
                            ("json", report.json())):
        (folder / f"report.{suffix}").write_text(content, encoding="utf-8")
    for source in sources.values():
        if source.missing:
            print(f"{source.name}: {source.missing}")
    print(folder / "report.html")
    return 0


sys.exit(main(sys.argv[1:]))
