# SPDX-License-Identifier: GPL-2.0-only
import re
import unittest

from ..bars import Bars
from ..lines import LABEL_GAP, Lines, Spot, spread


class LinesDrawn(unittest.TestCase):
    def plot(self) -> str:
        plot = Lines("title", "CPUs", "transfers")
        plot.add("lanes-epoll", Spot(2, 10, 8, 12))
        plot.add("lanes-epoll", Spot(1, 0, 0, 0))
        plot.add("shared-epoll", Spot(1, 0, 0, 0))
        plot.add("shared-epoll", Spot(2, 20, 20, 20))
        return plot.draw()

    def test_each_set_up_has_its_curve_and_name(self) -> None:
        svg = self.plot()
        self.assertEqual(svg.count("<polyline"), 2)
        for name in ("lanes-epoll", "shared-epoll"):
            self.assertEqual(svg.count(f">{name}<"), 1)

    def test_points_by_cpus(self) -> None:
        curves = re.findall(r'<polyline class="[^"]*" points="([^"]*)"', self.plot())
        for steps in curves:
            left, right = (float(pair.split(",")[0]) for pair in steps.split())
            self.assertLess(left, right)

    def test_range_only_where_seeds_differ(self) -> None:
        self.assertEqual(self.plot().count('class="range'), 1)

    def test_units_on_axes(self) -> None:
        self.assertIn(">CPUs<", self.plot())
        self.assertIn(">transfers<", self.plot())

    def test_nothing_to_draw(self) -> None:
        self.assertEqual(Lines("title", "x", "y").draw(), "")


class Labels(unittest.TestCase):
    def test_apart_and_inside(self) -> None:
        places = spread([10, 11, 12, 99, 100, 100], 0, 100)
        for one, other in zip(places, places[1:]):
            self.assertGreaterEqual(other - one, LABEL_GAP - 1e-9)
        self.assertLessEqual(places[-1], 100)
        self.assertGreaterEqual(places[0], 0)


class BarsDrawn(unittest.TestCase):
    def test_what_was_not_measured_is_named(self) -> None:
        plot = Bars("title", "wait", groups={"none": {"lanes-epoll": 5.0, "shared-epoll": None}})
        self.assertIn("no figure", plot.draw())

    def test_the_lost_are_told_beside_the_bar(self) -> None:
        plot = Bars("title", "wait", groups={"none": {"lanes-epoll": 5.0}},
                    remarks={("none", "lanes-epoll"): "7 unserved"})
        self.assertIn(">5, 7 unserved<", plot.draw())
