# SPDX-License-Identifier: GPL-2.0-only
import unittest
from pathlib import Path

from ..counts import Counts
from ..extrapolated import assumptions, projection_section
from ..machine import MESH_64, TWIN_192
from ..projection import Projector, Rate
from ..published import RATES
from ..source import Row, Source
from ..table import show
from . import rows

DOCUMENT = Path(__file__).parents[3] / "Documentation" / "performance.rst"


def rate(setup: str, ledger: list[Row], sockets: int = 1) -> Rate:
    found = Projector(Counts(rows.contention()), ledger).rate(setup, "server", MESH_64, None,
                                                              sockets)
    assert found is not None
    return found


class Projection(unittest.TestCase):
    def test_low_is_not_above_high(self) -> None:
        for setup in rows.LEVELS:
            found = rate(setup, [])
            self.assertLessEqual(found.low, found.high)

    def test_nor_of_counts_that_fall(self) -> None:
        falling = [{**row, "dirty_transfers": 200.0 / row["cpus"]} for row in rows.contention()]
        found = Projector(Counts(falling), []).rate("lanes-epoll", "server", MESH_64)
        assert found is not None
        self.assertLessEqual(found.low, found.high)

    def test_nor_above_the_ledgers_locks(self) -> None:
        ledger = rows.ledger()
        ledger[1]["dirty_transfers"]["lanes-epoll"] = 50.0
        found = rate("lanes-epoll", ledger)
        self.assertEqual(found.low, found.projected)

    def test_all_of_a_shared_socket_may_wait(self) -> None:
        self.assertLess(rate("shared-epoll", []).low, rate("shared-epoll", []).high / 5)
        apart = rate("reuseport-hash", [])
        self.assertGreater(apart.low, apart.high / 2)
        # More transfers are projected, at least.
        self.assertLess(apart.low, 0.95 * apart.high)

    def test_more_sockets_share_the_wait(self) -> None:
        one, four = rate("shared-epoll", []), rate("shared-epoll", [], 4)
        self.assertGreater(four.low, 3.5 * one.low)
        # Lines move between the 16 cores of a socket only.
        self.assertAlmostEqual(four.cost.transfers, 100 + 440 * 15 / 16)

    def test_without_the_ledger_nothing_is_projected(self) -> None:
        self.assertIsNone(rate("shared-epoll", []).projected)
        self.assertIsNone(rate("shared-block", rows.ledger()).projected)
        # Nor by one that does not name the locks.
        self.assertIsNone(rate("shared-epoll", rows.ledger()[:1]).projected)
        self.assertIsNone(rate("shared-epoll", rows.ledger()[1:]).projected)

    def test_the_ledgers_locks_bound(self) -> None:
        ledger = rows.ledger()
        ledger[0]["dirty_transfers"]["shared-epoll"] = 100.0
        self.assertAlmostEqual(rate("shared-epoll", ledger).projected or 0, 1e9 / 4700)
        ledger[1]["dirty_transfers"]["lanes-epoll"] = 50.0
        self.assertAlmostEqual(rate("lanes-epoll", ledger).projected or 0, 1e9 / 2350)

    def test_far_cores_cost_more(self) -> None:
        projector = Projector(Counts(rows.contention()), [])
        near = projector.rate("shared-epoll", "server", TWIN_192, 96)
        far = projector.rate("shared-epoll", "server", TWIN_192, 192)
        assert near and far
        self.assertLess(far.high, 2 * near.high)


class Chapter(unittest.TestCase):
    def chapter(self, contention: list[Row]) -> dict[str, list[list[object]]]:
        section = projection_section(Source("contention", contention),
                                     Source("ledger", rows.ledger()))
        return {table.title: [list(row) for row in table.rows] for table in section.tables()}

    def test_says_how_far_it_is_off(self) -> None:
        chapter = self.chapter(rows.contention())
        projector = Projector(Counts(rows.contention()), [])
        checks = chapter["Held against published rates, thousands of connections per second"]
        for row, result in zip(checks, RATES, strict=True):
            found = projector.rate(result.setup, result.side, result.machine, None,
                                   result.sockets)
            assert found and result.rate
            low, high = found.low / result.rate, found.high / result.rate
            word = "around it" if low <= 1 <= high else "too high" if low > 1 else "too low"
            self.assertEqual(row[7], f"{word}: {show(low)} times to {show(high)} times")

    def test_what_the_ledger_does_not_know_is_not_drawn(self) -> None:
        section = projection_section(Source("contention", rows.contention()),
                                     Source("ledger", rows.ledger()))
        for figure in section.figures:
            self.assertNotIn(">reuseport-hash<", figure.svg)
        self.assertIn(">lanes-epoll<", section.figures[2].svg)
        self.assertIn("not drawn: shared-block, shared-exclusive", " ".join(section.text))

    def test_without_a_ledger_all_are_drawn(self) -> None:
        section = projection_section(Source("contention", rows.contention()),
                                     Source("ledger", [], "not run"))
        self.assertIn(">reuseport-hash<", section.figures[2].svg)

    def test_ratios_are_those_of_the_rates(self) -> None:
        chapter = self.chapter(rows.contention())
        highs = {row[0]: row[6] for row in chapter[
            "Held against published rates, thousands of connections per second"]}
        for row in chapter["Held against published ratios"][:3]:
            assert isinstance(row[4], float)
            self.assertAlmostEqual(row[4], float(str(highs[row[0]])) / float(str(highs[row[1]])), 1)

    def test_two_numbers_of_cpus_are_not_enough(self) -> None:
        few = [row for row in rows.contention() if row["cpus"] < 4]
        self.assertEqual(list(self.chapter(few)), ["Assumptions"])

    def test_the_document_has_the_same_assumptions(self) -> None:
        text = " ".join(DOCUMENT.read_text(encoding="utf-8").split())
        for row in assumptions().rows:
            self.assertIn(str(row[0]), text)
            self.assertIn(str(row[1]), text)
