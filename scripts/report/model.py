# SPDX-License-Identifier: GPL-2.0-only
"""The cost model: from counts to connections per second. An extrapolation.

cycles of a connection = instructions * CPI + dirty transfers * cycles of a transfer
rate of the cores      = cores * clock / cycles
rate of one lock       = locks / hold, hold = transfers under it * time of a transfer
projected              = the least of these

A transfer's time is the mean over the pairs of the machine's cores. Instructions under
a lock are not counted: its lines' transfers take longer. Of one listening socket that
all workers share, the transfers under its lock are those of the ledger's objects of the
listener (socket, wait queue, file), as if each was made while the lock is held; and at
worst all those that its row has above SO_REUSEPORT's by CPU. The port's bind bucket is
such a lock for every set-up.

What the model leaves out: waiting before a resource is full, cycles lost by spinning,
the network card, memory, the application's own work.
"""

from dataclasses import dataclass

from .machine import Machine

CPI = 1.10


@dataclass(frozen=True)
class Cost:
    """Of one connection."""

    instructions: float
    transfers: float


def cycles(cost: Cost, machine: Machine, cores: int | None = None) -> float:
    transfer = machine.transfer_ns(cores) * machine.ghz
    return cost.instructions * CPI + cost.transfers * transfer


def core_rate(cost: Cost, machine: Machine, cores: int | None = None) -> float:
    """Connections per second if nothing waits."""
    return (cores or machine.cores) * machine.ghz * 1e9 / cycles(cost, machine, cores)


def lock_rate(transfers: float, machine: Machine, cores: int | None = None,
              locks: int = 1) -> float:
    """Connections per second that pass, one after the other, under a lock each."""
    hold_ns = transfers * machine.transfer_ns(cores)
    return locks * 1e9 / hold_ns if hold_ns > 0 else float("inf")
