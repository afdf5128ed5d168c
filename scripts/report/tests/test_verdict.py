# SPDX-License-Identifier: GPL-2.0-only
import unittest

from ..verdict import (OF_CONNECTIONS, OF_INSTRUCTIONS, OF_LOCALITY, OF_TRANSFERS, against,
                       verdict)


class Verdict(unittest.TestCase):
    def test_under_five_percent_is_a_tie(self) -> None:
        self.assertEqual(verdict(104.9, 100), "tie")
        self.assertEqual(verdict(95.1, 100), "tie")
        self.assertEqual(verdict(105, 100), "loss")
        self.assertEqual(verdict(95, 100), "win")

    def test_under_three_transfers_is_a_tie(self) -> None:
        self.assertEqual(verdict(12.9, 10, OF_TRANSFERS), "tie")
        self.assertEqual(verdict(13, 10, OF_TRANSFERS), "loss")
        self.assertEqual(verdict(7, 10, OF_TRANSFERS), "win")

    def test_three_transfers_of_many_are_a_tie(self) -> None:
        self.assertEqual(verdict(104, 100, OF_TRANSFERS), "tie")

    def test_one_percent_of_instructions_is_no_tie(self) -> None:
        self.assertEqual(verdict(100.9, 100, OF_INSTRUCTIONS), "tie")
        self.assertEqual(verdict(101, 100, OF_INSTRUCTIONS), "loss")

    def test_more_may_be_better(self) -> None:
        self.assertEqual(verdict(99, 25, OF_LOCALITY), "win")
        self.assertEqual(verdict(25, 99, OF_LOCALITY), "loss")

    def test_tells_by_how_much(self) -> None:
        self.assertEqual(against(110, 100), "loss +10 %")
        self.assertEqual(against(50, 100), "win −50 %")
        self.assertEqual(against(0.4, 100), "win −99.6 %")

    def test_nothing_lost_is_not_divided_by(self) -> None:
        self.assertEqual(against(0, 0, OF_CONNECTIONS), "tie")
        self.assertEqual(against(3, 0, OF_CONNECTIONS), "loss (3 to 0)")
