# SPDX-License-Identifier: GPL-2.0-only
import unittest

from ..counts import Counts
from ..curves import Curves, curves_of
from ..fit import fit
from ..machine import CHIPLETS_64, MESH_64, TWIN_192
from ..model import CPI, Cost, core_rate, cycles, lock_rate
from .rows import contention_row


class Fits(unittest.TestCase):
    def test_finds_a_line(self) -> None:
        found = fit([(x, 30 + 400 * x) for x in (0, 0.5, 0.75)])
        assert found is not None
        self.assertAlmostEqual(found.at(2), 830)
        self.assertAlmostEqual(found.residual, 0)

    def test_residual_of_what_is_no_line(self) -> None:
        found = fit([(1, 0.0), (2, 100.0), (3, 0.0)])
        assert found is not None
        self.assertAlmostEqual(found.residual, 2 ** 0.5)

    def test_two_points_are_no_curve(self) -> None:
        self.assertIsNone(fit([(1, 1.0), (2, 2.0)]))

    def test_no_way_from_one_place(self) -> None:
        self.assertIsNone(fit([(1, 1.0), (1, 2.0), (1, 3.0)]))


class Continued(unittest.TestCase):
    def curves(self, shares: dict[int, float], level: float = 100.0) -> Curves:
        counted = [{**contention_row("shared-epoll", cpus, "both", 10 + level * (1 - share), 1.0),
                    "local_share": share} for cpus, share in shares.items()]
        found = curves_of(Counts(counted), "shared-epoll", "both")
        assert found is not None
        return found

    def test_counts_follow_the_share_accepted_elsewhere(self) -> None:
        curves = self.curves({1: 1.0, 2: 0.9, 4: 0.5, 8: 0.2})
        self.assertAlmostEqual(curves.level.residual, 0)
        self.assertAlmostEqual(curves.cost(64).transfers, 10 + 100 * 63 / 64)

    def test_placed_connections_follow_the_cpus(self) -> None:
        for setup in ("lanes-epoll", "lanes-uring-direct", "reuseport-cbpf", "incoming-cpu"):
            counted = [{**contention_row(setup, cpus, "both", 10 + 40 * (1 - 1 / cpus), 1.0),
                        "local_share": 0.9 if cpus == 4 else 1.0} for cpus in (1, 2, 4, 8)]
            curves = curves_of(Counts(counted), setup, "both")
            assert curves is not None
            self.assertAlmostEqual(curves.cost(64).transfers, 10 + 40 * 63 / 64)

    def test_the_worse_bound_grows_with_each_doubling(self) -> None:
        curves = self.curves({1: 1.0, 2: 0.9, 4: 0.8, 8: 0.7})
        self.assertAlmostEqual(curves.worst(64).transfers, 10 + 60)


class Machines(unittest.TestCase):
    def test_one_distance(self) -> None:
        self.assertAlmostEqual(MESH_64.transfer_ns(), 47)

    def test_shares_by_topology(self) -> None:
        self.assertAlmostEqual(CHIPLETS_64.transfer_ns(), (7 * 23 + 56 * 115) / 63)
        self.assertAlmostEqual(TWIN_192.transfer_ns(), (95 * 45 + 96 * 138.6) / 191)

    def test_few_cores_are_near(self) -> None:
        self.assertAlmostEqual(CHIPLETS_64.transfer_ns(4), 23)
        self.assertAlmostEqual(CHIPLETS_64.transfer_ns(8), 23)
        self.assertAlmostEqual(TWIN_192.transfer_ns(96), 45)
        self.assertAlmostEqual(TWIN_192.transfer_ns(97), (95 * 45 + 138.6) / 96)


class Model(unittest.TestCase):
    def test_cycles(self) -> None:
        self.assertAlmostEqual(cycles(Cost(1000, 10), MESH_64), 1000 * CPI + 10 * 47 * 2.5)

    def test_all_cores_work(self) -> None:
        self.assertAlmostEqual(core_rate(Cost(1000, 0), MESH_64), 64 * 2.5e9 / (1000 * CPI))

    def test_a_lock_serves_one_at_a_time(self) -> None:
        self.assertAlmostEqual(lock_rate(10, MESH_64), 1e9 / 470)
        self.assertAlmostEqual(lock_rate(10, MESH_64, locks=4), 4e9 / 470)
        self.assertEqual(lock_rate(0, MESH_64), float("inf"))
