# SPDX-License-Identifier: GPL-2.0-only
import unittest

from ..goals import goals_table
from ..source import TARGETS, Row, Source
from . import rows


def judge(**files: list[Row]) -> dict[tuple[str, str], str]:
    """Verdict by goal and row."""
    sources = {name: Source(name, files.get(name, []), "") for name in TARGETS}
    table = goals_table(sources)
    return {(str(row[0]), str(row[1])): str(row[4]) for row in table.rows}


def contention(value: float, limit: float = 40.0, cpus: int = 8) -> list[Row]:
    return [rows.contention_row("lanes-epoll", cpus, "both", value, 1000 * value),
            rows.contention_row("reuseport-cbpf", cpus, "both", limit, 1000 * limit),
            rows.contention_row("shared-epoll", cpus, "both", 10 * limit, 1000 * limit)]


DIRTY = ("dirty transfers at 8 CPUs at most reuseport-cbpf's", "lanes-epoll")
INSTRUCTIONS = ("instructions at 8 CPUs at most 1.5 % above shared-epoll's", "lanes-epoll")
STEEP = ("dirty transfers more at 16 CPUs than at 2, at most reuseport-cbpf's", "lanes-epoll")
DIRECT = ("io_uring with direct descriptors at 8 CPUs below every other row", "lanes-uring-direct")
IDLE = ("instructions of a round trip with nothing attached: 0 more", "lanes.ko loaded, loopback")
STOPPED = ("accept wait p99 with one stopped worker of 4 at most twice that with none",
           "lanes-epoll")


class Goals(unittest.TestCase):
    def test_met_up_to_the_limit(self) -> None:
        self.assertEqual(judge(contention=contention(40))[DIRTY], "met")
        self.assertEqual(judge(contention=contention(46))[DIRTY], "not met")

    def test_a_miss_within_the_rule_is_a_miss_and_a_tie(self) -> None:
        self.assertEqual(judge(contention=contention(42))[DIRTY], "not met, a tie")

    def test_instructions_have_their_own_limit(self) -> None:
        self.assertEqual(judge(contention=contention(40.6))[INSTRUCTIONS], "met")
        self.assertEqual(judge(contention=contention(40.7))[INSTRUCTIONS], "not met")

    def test_other_cpus_do_not_stand_in(self) -> None:
        self.assertEqual(judge(contention=contention(40, cpus=4))[DIRTY], "not run")

    def test_growth_is_the_difference(self) -> None:
        both = (contention(100, 10, 2) + contention(110, 20, 16))
        self.assertEqual(judge(contention=both)[STEEP], "met")
        both = (contention(10, 10, 2) + contention(30, 20, 16))
        self.assertEqual(judge(contention=both)[STEEP], "not met")

    def test_direct_descriptors_are_below_all_or_not(self) -> None:
        direct = rows.contention_row("lanes-uring-direct", 8, "both", 39, 1000)
        self.assertEqual(judge(contention=[*contention(45), direct])[DIRECT], "met")
        self.assertEqual(judge(contention=[*contention(45, 39), direct])[DIRECT], "not met")

    def test_idle_module_within_the_spread(self) -> None:
        self.assertEqual(judge(steer=rows.steer(57))[IDLE], "met")
        self.assertEqual(judge(steer=rows.steer(59))[IDLE], "not met")

    def test_the_worst_table_counts(self) -> None:
        noisy = [{**row, "ratio_spread_percent": 1.0} for row in rows.steer(200)]
        worst = [{**row, "traffic": "veth"} for row in rows.steer(130)]
        verdicts = judge(steer=noisy + worst + rows.steer(10))
        self.assertEqual(verdicts[IDLE[0], "lanes.ko loaded, veth"], "not met")

    def test_stopped_worker(self) -> None:
        self.assertEqual(judge(latency=rows.latency())[STOPPED], "met")
        worse = [{**row, "accept_wait_p99_us": 201.0} if row["trouble"] == "stopped" else row
                 for row in rows.latency()]
        self.assertEqual(judge(latency=worse)[STOPPED], "not met, a tie")

    def test_nothing_run_is_nothing_met(self) -> None:
        self.assertEqual(set(judge().values()), {"not run"})
