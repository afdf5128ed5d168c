# SPDX-License-Identifier: GPL-2.0-only
"""What the model makes of the counts: connections per second on large machines."""

from dataclasses import dataclass

from .counts import Counts
from .curves import Curves, curves_of
from .ledger import BUCKET, LISTENER, of_object
from .machine import Machine
from .model import Cost, core_rate, lock_rate
from .setups import CBPF, SHARED
from .source import Row


@dataclass(frozen=True)
class Rate:
    """high: transfers level off, and nothing waits; projected: the locks of the ledger
    do, if there is one; low: they do, transfers grow on, and of a shared socket each
    above those of cBPF waits its turn."""

    low: float
    high: float
    projected: float | None
    cost: Cost


class Projector:
    """From the counts, and the ledger if there is one, to any machine."""

    def __init__(self, counts: Counts, ledger: list[Row]) -> None:
        self._counts = counts
        self._ledger = ledger

    def curves(self, setup: str, side: str) -> Curves | None:
        return curves_of(self._counts, setup, side)

    def knows_locks(self, setup: str) -> bool:
        return (of_object(self._ledger, BUCKET, setup) is not None and
                of_object(self._ledger, LISTENER, setup) is not None)

    def rate(self, setup: str, side: str, machine: Machine, cores: int | None = None,
             sockets: int = 1) -> Rate | None:
        """sockets: listening sockets that share the cores, each with its own."""
        curves = self.curves(setup, side)
        local = self.curves(CBPF, side)
        if curves is None:
            return None
        count = cores or machine.cores
        cost = curves.cost(self._sharers(setup, count, sockets))
        worst = curves.worst(self._sharers(setup, count, sockets))
        low = core_rate(worst, machine, count)
        if setup in SHARED:
            if local is None:
                return None
            excess = worst.transfers - local.cost(count).transfers
            low = min(low, lock_rate(excess, machine, count, sockets))
        high = core_rate(cost, machine, count)
        projected = self._projected(setup, high, machine, count, sockets)
        # Of noisy counts the curve that grows on may be the lower one.
        low = min(low, high, high if projected is None else projected)
        return Rate(low, high, projected, cost)

    @staticmethod
    def _sharers(setup: str, cores: int, sockets: int) -> float:
        """Cores between which the lines of a connection may move."""
        return max(1.0, cores / sockets) if setup in SHARED else float(cores)

    def _projected(self, setup: str, high: float, machine: Machine, cores: int,
                   sockets: int) -> float | None:
        bucket = of_object(self._ledger, BUCKET, setup)
        listener = of_object(self._ledger, LISTENER, setup)
        if bucket is None or listener is None:
            return None
        return min(high, lock_rate(bucket, machine, cores),
                   lock_rate(listener, machine, cores, sockets))
