# SPDX-License-Identifier: GPL-2.0-only
"""The ways to share a port, in the order and the looks that all plots have."""

from dataclasses import dataclass

LANES = ("lanes-block", "lanes-epoll", "lanes-uring")
DIRECT = "lanes-uring-direct"
LANES_ROWS = (*LANES, DIRECT)
BASELINES = ("shared-block", "shared-epoll", "shared-exclusive", "shared-uring",
             "reuseport-hash", "reuseport-cbpf", "incoming-cpu")
# One listening socket for all workers: what its lock can serve bounds them.
SHARED = ("shared-block", "shared-epoll", "shared-exclusive", "shared-uring")
CBPF = "reuseport-cbpf"
# The same program on a stock socket.
STOCK_OF = {"lanes-block": "shared-block", "lanes-epoll": "shared-epoll",
            "lanes-uring": "shared-uring"}

MARKERS = ("circle", "square", "triangle", "diamond", "wedge")
DASHES = ("", "6 3", "2 3", "8 3 2 3", "1 2 5 2")
FAMILIES = ("shared", "reuseport", "lanes", "other")


@dataclass(frozen=True)
class Look:
    """How a set-up is drawn: hue by family, mark and dash within it."""

    css: str
    marker: str
    dash: str


def _family(name: str) -> str:
    if name.startswith("shared"):
        return "shared"
    if name.startswith("reuseport") or name == "incoming-cpu":
        return "reuseport"
    return "lanes" if name.startswith("lanes") else "other"


def _members(family: str) -> list[str]:
    names = [name for name in BASELINES + LANES_ROWS if _family(name) == family]
    return names + ["lanes-epoll-bare"] if family == "lanes" else names


def order(name: str) -> tuple[int, int, str]:
    """Sort key: baselines, then Lanes, then what no one foresaw."""
    family = _family(name)
    members = _members(family)
    place = members.index(name) if name in members else len(members)
    return FAMILIES.index(family), place, name


def look(name: str) -> Look:
    family = _family(name)
    place = order(name)[1] % len(MARKERS)
    return Look(f"{family}-{place}", MARKERS[place], DASHES[place])


def places(name: str) -> bool:
    """It hands a connection to the worker of the SYN's CPU by intent, not by chance."""
    return _family(name) == "lanes" or name in (CBPF, "incoming-cpu")
