# SPDX-License-Identifier: GPL-2.0-only
"""Small files as the benches write them. The figures are made up."""

import json
from collections.abc import Callable
from pathlib import Path

from ..setups import BASELINES, LANES, places
from ..source import Row

# Of a set-up: dirty transfers are level * (1 - 1/CPUs) + base.
LEVELS = {"shared-block": 400.0, "shared-epoll": 440.0, "shared-exclusive": 480.0,
          "shared-uring": 380.0, "reuseport-hash": 420.0, "reuseport-cbpf": 40.0,
          "incoming-cpu": 38.0, "lanes-block": 44.0, "lanes-epoll": 50.0, "lanes-uring": 39.0}

# Instructions, to those of the baselines.
MORE = {"lanes-block": 1.07, "lanes-epoll": 1.07, "lanes-uring": 1.03}


def contention_row(setup: str, cpus: int, side: str, dirty: float, instructions: float,
                   seeds: int = 3) -> Row:
    return {"setup": setup, "cpus": cpus, "side": side, "seeds": seeds,
            "instructions": instructions,
            "instructions_range": [instructions * 0.99, instructions * 1.01],
            "dirty_transfers": dirty, "dirty_transfers_range": [max(0.0, dirty - 1), dirty + 1],
            "upgrades": dirty / 2, "upgrades_range": [dirty / 2, dirty / 2],
            "local_share": 1.0, "local_share_range": [1.0, 1.0]}


def contention() -> list[Row]:
    rows = []
    for side, floor, whole in (("both", 0.0, 122000.0), ("server", 100.0, 64000.0)):
        for cpus in (1, 2, 4, 8, 16):
            for setup in BASELINES + LANES:
                more = MORE.get(setup, 1.0)
                row = contention_row(setup, cpus, side,
                                     floor + LEVELS[setup] * (1 - 1 / cpus), whole * more)
                rows.append({**row, "local_share": 1.0 if places(setup) else 1 / cpus})
    return rows


def latency() -> list[Row]:
    rows = []
    for trouble, wait in (("none", 100.0), ("slow", 900.0), ("stopped", 50000.0)):
        for setup in ("shared-epoll", "reuseport-cbpf", "lanes-epoll"):
            held = trouble == "stopped" and setup == "reuseport-cbpf"
            value = 190.0 if setup == "lanes-epoll" and trouble == "stopped" else wait
            rows.append({"setup": setup, "cpus": 4, "trouble": trouble, "seeds": 3,
                         "connections": 400, "failed": 0, "unserved": 100 if held else 0,
                         "accept_wait_p50_us": value / 2, "accept_wait_p99_us": value,
                         "accept_wait_p999_us": value * 2, "request_p50_us": 20.0,
                         "request_p99_us": 40.0, "request_p999_us": 80.0,
                         "accept_wait_p99_us_range": [value, value * 1.1]})
    return rows


def growth() -> list[Row]:
    rows: list[Row] = []
    for part, counts in (("established", (0, 1000, 100000)), ("listeners", (0, 1, 1000))):
        for count in counts:
            for setup in ("shared-epoll", "lanes-epoll"):
                rows.append({"part": part, "setup": setup, "count": count, "seeds": 3,
                             "others": "none" if part == "established" else "stock",
                             "instructions": (120000 + count / 50) * (
                                 1.03 if setup in LANES else 1.0),
                             "dirty_transfers": 35.0})
    rows.append({"part": "memory", "object": "lane", "setup": "lanes", "cpus": 4, "seeds": 3,
                 "bytes": 4096.4, "bytes_range": [4000.0, 4200.0], "how": "slab"})
    return rows


def locality() -> list[Row]:
    return [{"setup": setup, "cpus": 4, "queues": 2, "placement": "spread", "connections": 400,
             "repetitions": 3, "syn_accept": share, "accept_data": share, "all_three": share,
             "all_three_range": [share - 0.01, share]}
            for setup, share in (("shared-epoll", 0.25), ("lanes-epoll", 0.99))]


def ledger() -> list[Row]:
    return [
        {"stage": "accept", "object": "listener's socket", "function": "inet_csk_accept",
         "caller": "inet_accept", "who": "acceptor", "removable": True, "reason": "removed",
         "dirty_transfers": {"shared-epoll": 10.0, "reuseport-cbpf": 0.1, "lanes-epoll": 0.1},
         "upgrades": {"shared-epoll": 4.0, "reuseport-cbpf": 0.0, "lanes-epoll": 0.0}},
        {"stage": "ACK", "object": "port's bind bucket", "function": "__inet_inherit_port",
         "caller": "tcp_v4_syn_recv_sock", "who": "softirq", "removable": False,
         "reason": "peer",
         "dirty_transfers": {"shared-epoll": 5.0, "reuseport-cbpf": 5.0, "lanes-epoll": 5.0},
         "upgrades": {"shared-epoll": 1.0, "reuseport-cbpf": 1.0, "lanes-epoll": 1.0}},
    ]


def steer(more: float = 20.0) -> list[Row]:
    row = {"experiment": "insns", "kernel": "Linux 6.12", "cpus": 4, "traffic": "loopback",
           "unit": "instructions per round trip", "windows": 3, "mean": 29000.0,
           "spread_percent": 0.2, "ratio": 1.0, "ratio_spread_percent": 0.2}
    return [{**row, "setup": "module unloaded", "more": 0.0},
            {**row, "setup": "loaded, idle", "more": more}]


def daemons() -> list[Row]:
    return [{"protocol": "http", "server": server, "requests": requests, "cpus": 4, "seeds": 3,
             "instructions": 100000.0 * scale + 20000 * requests,
             "instructions_range": [99000.0 * scale, 101000.0 * scale],
             "dirty_transfers": 40.0 * scale, "upgrades": 10.0, "local_share": 1.0 / scale}
            for server, scale in (("lanesd", 1), ("nginx", 2)) for requests in (1, 17)]


def server() -> list[Row]:
    per_cpu = {"rotations": 30, "median": 200000.0, "low": 190000.0, "high": 210000.0}
    ratio = {"rotations": 30, "median": 1.3, "low": 1.2, "high": 1.4}
    return [{"title": "Echo", "kernel": "6.18", "congestion_control": "bbr", "load": "1024 bytes",
             "rows": [{"connections": 200, "regime": "near", "server": "epoll",
                       "per_cpu": per_cpu},
                      {"connections": 200, "regime": "near", "server": "uring",
                       "per_cpu": per_cpu, "against": {"epoll": {"per_cpu": ratio}}}],
             "goals": [{"goal": "uring/epoll:per_cpu>=1.2", "verdict": "pass"}]}]


ALL: dict[str, Callable[[], list[Row]]] = {
    "contention": contention, "latency": latency, "growth": growth, "locality": locality,
    "ledger": ledger, "daemons": daemons, "steer": steer, "observe": steer, "server": server}


def write(folder: Path, names: tuple[str, ...] = tuple(ALL)) -> None:
    for name in names:
        (folder / f"{name}.json").write_text(json.dumps(ALL[name]()), encoding="utf-8")
