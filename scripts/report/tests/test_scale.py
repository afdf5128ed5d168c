# SPDX-License-Identifier: GPL-2.0-only
import unittest

from ..scale import decades, doubling, linear


class Scale(unittest.TestCase):
    def test_linear_begins_at_zero(self) -> None:
        scale = linear([30, 87], 0, 100)
        self.assertEqual(scale.ticks, (0, 20, 40, 60, 80, 100))
        self.assertAlmostEqual(scale.at(50), 50)

    def test_cut_axis_shows_a_tenth(self) -> None:
        scale = linear([120000, 120020], 0, 100, zero=False)
        self.assertLessEqual(scale.low, 0.9 * 120020)

    def test_all_values_are_inside(self) -> None:
        for values in ([0.0], [3.0, 3.0], [0.001, 0.002], [1.0, 99999.0]):
            scale = linear(values, 0, 100)
            for value in values:
                self.assertTrue(-1e-9 <= scale.at(value) <= 100 + 1e-9)

    def test_each_doubling_as_far(self) -> None:
        scale = doubling([1, 2, 4], 0, 100)
        self.assertAlmostEqual(scale.at(2), 50)

    def test_one_number_of_cpus(self) -> None:
        self.assertAlmostEqual(doubling([4], 0, 100).at(4), 50)

    def test_decades(self) -> None:
        scale = decades([150, 60000], 0, 100)
        self.assertEqual(scale.ticks, (100, 1000, 10000, 100000))
        self.assertGreater(decades([100, 500], 0, 100, roomy=True).at(100), 0)
