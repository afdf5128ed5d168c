# SPDX-License-Identifier: GPL-2.0-only
import unittest

from ..setups import BASELINES, LANES_ROWS, look, order


class Setups(unittest.TestCase):
    def test_each_looks_different(self) -> None:
        looks = [look(name) for name in (*BASELINES, *LANES_ROWS, "lanes-epoll-bare")]
        self.assertEqual(len(looks), len(set(looks)))
        # Also for those who see no colours, within a family.
        for mark in ({(style.css[:5], style.marker) for style in looks},
                     {(style.css[:5], style.dash) for style in looks}):
            self.assertEqual(len(mark), len(looks))

    def test_baselines_come_first(self) -> None:
        self.assertEqual(sorted(("nginx", "lanes-uring", "shared-block", "lanes-block",
                                 "incoming-cpu"), key=order),
                         ["shared-block", "incoming-cpu", "lanes-block", "lanes-uring", "nginx"])
