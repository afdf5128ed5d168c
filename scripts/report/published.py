# SPDX-License-Identifier: GPL-2.0-only
"""Published results that the projection is held against."""

from dataclasses import dataclass

from .machine import MESH_64, OPTERON_48, XEON_24, Machine

HAPROXY = ("HAProxy, github.com/haproxy/haproxy, commit 0af603f46f, \"MEDIUM: threads: change the "
           "default max-threads-per-group value to 16\": 64-core Neoverse-N1, connection: close, a "
           "proxy")
FASTSOCKET = "Fastsocket, README, github.com/fastos/fastsocket: nginx, a file of 64 bytes"
AFFINITY = ("Improving network connection locality on multicore systems (Affinity-Accept, "
            "EuroSys 2012), hdl.handle.net/1721.1/72689: time in the TCP stack, 30 % less")


@dataclass(frozen=True)
class Result:
    """rate: connections per second of a machine whose listening sockets have cores of
    their own, as many each; side: a proxy does what client and server do."""

    name: str
    source: str
    machine: Machine
    setup: str
    side: str
    sockets: int
    rate: float | None


HAPROXY_1 = Result("HAProxy, 1 listener of 64 threads", HAPROXY, MESH_64, "shared-epoll",
                   "both", 1, 85e3)
HAPROXY_4 = Result("HAProxy, 4 listeners of 16 threads", HAPROXY, MESH_64, "shared-epoll",
                   "both", 4, 172e3)
BASE = Result("nginx, Linux 2.6.32, a shared socket", FASTSOCKET, XEON_24, "shared-epoll",
              "server", 1, 159e3)
HASH = Result("nginx, Linux 3.13, taken as SO_REUSEPORT by hash", FASTSOCKET, XEON_24,
              "reuseport-hash", "server", 24, 283e3)
LOCAL = Result("nginx, Fastsocket, taken as SO_REUSEPORT by CPU", FASTSOCKET, XEON_24,
               "reuseport-cbpf", "server", 24, 470e3)
FINE = Result("Apache, a queue for each core, not placed", AFFINITY, OPTERON_48,
              "reuseport-hash", "server", 48, None)
AFFINE = Result("Apache, placed by core", AFFINITY, OPTERON_48, "reuseport-cbpf", "server", 48,
                None)
RATES = (HAPROXY_1, HAPROXY_4, BASE, HASH, LOCAL)
# (better, worse, published ratio of their rates)
RATIOS = ((HAPROXY_4, HAPROXY_1, 172 / 85), (LOCAL, BASE, 470 / 159), (LOCAL, HASH, 470 / 283),
          (AFFINE, FINE, 1 / 0.7))
