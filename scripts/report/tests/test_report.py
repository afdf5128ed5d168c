# SPDX-License-Identifier: GPL-2.0-only
import json
import re
import tempfile
import unittest
from html import unescape
from html.parser import HTMLParser
from pathlib import Path

from ..report import Report, make
from ..section import Section
from ..setups import BASELINES, look
from ..source import TARGETS, Source, read_all
from ..table import Table, show
from . import rows

# What a chapter is made from.
SECTIONS = {"cost": "contention", "ledger": "ledger", "latency": "latency",
            "locality": "locality", "growth": "growth", "projection": "contention",
            "packets": "steer", "daemons": "daemons", "server": "server"}
VOID = {"meta", "br", "link", "hr", "img", "input"}


class Checker(HTMLParser):
    """Each tag is closed, each id is there once, nothing comes from outside."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.ids: list[str] = []
        self.outside: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag not in VOID:
            self.open.append(tag)
        self._attributes(tag, attrs)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self._attributes(tag, attrs)

    def handle_endtag(self, tag: str) -> None:
        if not self.open or self.open.pop() != tag:
            raise AssertionError(f"</{tag}> closes nothing, line {self.getpos()[0]}")

    def _attributes(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        for name, value in attrs:
            if name == "id":
                self.ids.append(value or "")
            if name in ("src", "data", "href") and not (value or "").startswith("#"):
                self.outside.append(f"{tag} {name}={value}")
        if tag in ("script", "link", "iframe", "object", "embed"):
            self.outside.append(tag)


def report(names: tuple[str, ...]) -> Report:
    with tempfile.TemporaryDirectory() as folder:
        rows.write(Path(folder), names)
        return make(read_all(Path(folder)), ["Commit 1234."])


class Whole(unittest.TestCase):
    whole: Report
    html: str

    @classmethod
    def setUpClass(cls) -> None:
        cls.whole = report(tuple(rows.ALL))
        cls.html = cls.whole.html()

    def tables(self) -> list[Table]:
        return self.whole.verdicts + [table for section in self.whole.sections
                                      for table in section.tables()]

    def test_one_valid_page_and_nothing_from_outside(self) -> None:
        checker = Checker()
        checker.feed(self.html)
        self.assertEqual(checker.open, [])
        self.assertEqual(checker.outside, [])
        self.assertEqual(len(checker.ids), len(set(checker.ids)))
        self.assertNotRegex(self.html, r"url\(|@import")
        self.assertTrue(self.html.startswith("<!DOCTYPE html>"))

    def test_dark_and_light(self) -> None:
        light, dark = self.html.split("prefers-color-scheme: dark")
        for colour in set(re.findall(r"var\((--[a-z0-9-]+)\)", self.html)) - {"--c"}:
            self.assertIn(f"{colour}:", light)
            self.assertIn(f"{colour}:", dark)

    def test_each_set_up_keeps_its_colour(self) -> None:
        plots = re.findall(r"<svg.*?</svg>", self.html, re.DOTALL)
        self.assertGreater(len(plots), 10)
        for plot in plots:
            for css, name in re.findall(r'<text class="label (?:end )?([a-z0-9-]+)"[^>]*>([^<]+)',
                                        plot):
                self.assertEqual(css, look(name).css)

    def test_same_tables_in_all_forms(self) -> None:
        page, text = unescape(self.html), self.whole.markdown()
        data = json.loads(self.whole.json())
        told = data["verdicts"] + [table for section in data["sections"]
                                   for table in section["tables"]]
        self.assertEqual([table["title"] for table in told],
                         [table.title for table in self.tables()])
        for table, other in zip(self.tables(), told):
            self.assertEqual(other["rows"], table.rows)
            self.assertIn(f"<caption>{table.title}</caption>", page)
            self.assertIn(f"**{table.title}**", text)
            for row in table.rows:
                self.assertIn("| " + " | ".join(show(cell) for cell in row) + " |", text)
                for cell in row:
                    self.assertIn(f">{show(cell)}</td>", page)

    def test_losses_are_on_the_first_page(self) -> None:
        often, _, each = self.whole.verdicts
        column = 1 + BASELINES.index("reuseport-cbpf")
        self.assertEqual(often.rows[1][0], "instructions")
        self.assertEqual(often.rows[1][column], "6 × loss")
        losses = [row for row in each.rows
                  if row[0] == "instructions" and not str(row[1]).startswith("beside")]
        self.assertEqual({(row[2], row[4 + column]) for row in losses},
                         {("lanes-block", "loss +7 %"), ("lanes-epoll", "loss +7 %"),
                          ("lanes-uring", "loss +3 %")})

    def test_unserved_count_though_no_percentile_has_them(self) -> None:
        each = self.whole.verdicts[2]
        row = next(row for row in each.rows if row[:2] == ["failed or unserved",
                                                           "stopped, 4 CPUs"])
        self.assertEqual(row[5 + BASELINES.index("reuseport-cbpf")], "win −100.0 %")
        self.assertIn("100 failed or unserved", self.html)

    def section(self, name: str) -> Section:
        return next(section for section in self.whole.sections if section.name == name)

    def test_server_beside_the_first_of_its_table(self) -> None:
        echo, goals = self.section("server").tables()
        self.assertEqual(echo.rows, [[200, "near", 200000, "1.30 (1.20 to 1.40)"]])
        self.assertEqual(goals.rows, [["Echo; 1024 bytes", 1, 0, 0]])

    def test_servers_beside_the_first_and_a_further_request(self) -> None:
        lanesd, nginx = self.section("daemons").tables()[0].rows
        self.assertEqual(lanesd[:4], ["lanesd", 3, "120,000 (1.00)", "0.8 %"])
        self.assertEqual(nginx[2], "220,000 (1.83)")
        self.assertEqual(nginx[4:7], ["80.0 (2.00)", "0.0 %", 50.0])
        self.assertEqual(nginx[7:], ["20,000 (1.00)", "0.0 (no ratio)"])

    def test_growth_of_each_kind(self) -> None:
        titles = [table.title for table in self.section("growth").tables()]
        self.assertEqual(titles, ["Cost of one more connection, with more established connections",
                                  "Cost of one more connection, with more stock listeners",
                                  "Memory"])

    def test_locality_in_percent(self) -> None:
        self.assertIn(">99<", self.section("locality").figures[0].svg)
        self.assertEqual(self.section("locality").tables()[0].rows[1][6], 99.0)

    def test_head_tells_seeds_and_spread(self) -> None:
        self.assertIn("Counts: 1, 2, 4, 8, 16 CPUs; seeds of a row: 3;", self.html)
        self.assertIn("of instructions ± 1.0 % (median of the rows; at most 1.0 %)", self.html)

    def test_direct_descriptors_are_a_row_of_their_own(self) -> None:
        direct = {**rows.contention()[0], "setup": "lanes-uring-direct", "cpus": 8}
        sources = {name: Source(name, [], "not run") for name in TARGETS}
        sources["contention"] = Source("contention", [*rows.contention(), direct])
        bare = {**direct, "setup": "lanes-epoll-bare"}
        sources["contention"].rows.append(bare)
        made = make(sources, [])
        rows_told = {row[2] for row in made.verdicts[2].rows}
        self.assertIn("lanes-uring-direct", rows_told)
        self.assertNotIn("lanes-epoll-bare", rows_told)
        self.assertIn(">lanes-epoll-bare<", made.html())

    def test_the_most_others_are_on_the_first_page(self) -> None:
        row = next(row for row in self.whole.verdicts[2].rows
                   if row[:2] == ["instructions", "beside 100,000 established, 4 CPUs"])
        self.assertEqual(row[5 + BASELINES.index("shared-epoll")], "loss +3 %")

    def test_head(self) -> None:
        self.assertIn("Commit 1234.", self.html)
        for name in TARGETS:
            self.assertRegex(self.html, rf"{name}: \d{{4}}-")


class Nothing(unittest.TestCase):
    def test_what_was_not_run_is_named_and_nothing_drawn(self) -> None:
        empty = report(())
        page = empty.html()
        self.assertNotIn("<svg", page)
        text = {section.name: " ".join(section.text) for section in empty.sections}
        for section, name in SECTIONS.items():
            self.assertIn(f"not run: {TARGETS[name]}", text[section])
        self.assertIn(f"not run: {TARGETS['observe']}", text["packets"])
        self.assertEqual(show(None), "not run")
        self.assertEqual({str(row[4]) for row in empty.verdicts[1].rows}, {"not run"})
        self.assertEqual(empty.verdicts[2].rows, [])

    def test_each_file_alone(self) -> None:
        for name in rows.ALL:
            with self.subTest(name):
                Checker().feed(report((name,)).html())
