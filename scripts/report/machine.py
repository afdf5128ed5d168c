# SPDX-License-Identifier: GPL-2.0-only
"""Machines to project to, and what a cache line costs on them from core to core."""

from dataclasses import dataclass

VIENNOT = "Measuring CPU core-to-core latency, github.com/nviennot/core-to-core-latency"
GRAVITON4 = ("Arm's Neoverse V2, in AWS's Graviton 4, "
             "chipsandcheese.com/2024/07/22/arms-neoverse-v2-in-awss-graviton-4")


@dataclass(frozen=True)
class Machine:
    """Latencies of one transfer in ns: within a cluster of cores with a cache in
    common, within the socket, from socket to socket."""

    name: str
    cores: int
    ghz: float
    cluster: int
    cluster_ns: float
    socket: int
    socket_ns: float
    remote_ns: float
    source: str

    def transfer_ns(self, cores: int | None = None) -> float:
        """Mean over all pairs, if each core is as likely to have the line as another.

        With fewer cores than there are, those of the first cluster and socket work.
        """
        count = cores or self.cores
        if count < 2:
            return self.cluster_ns
        near = min(count, self.cluster) - 1
        home = min(count, self.socket) - 1 - near
        far = count - 1 - near - home
        whole = near * self.cluster_ns + home * self.socket_ns + far * self.remote_ns
        return whole / (count - 1)


MESH_64 = Machine("64 cores, one mesh (Graviton2)", 64, 2.5, 64, 47, 64, 47, 47, VIENNOT)
CHIPLETS_64 = Machine("64 cores, 8 chiplets (EPYC 7773X)", 64, 3.5, 8, 23, 64, 115, 115,
                      VIENNOT + "; 23 ns is of the EPYC 7R13")
TWIN_192 = Machine("192 cores, 2 sockets (Graviton4)", 192, 2.7, 96, 45, 96, 45, 138.6, GRAVITON4)
MACHINES = (MESH_64, CHIPLETS_64, TWIN_192)

# Of published results.
XEON_24 = Machine("24 cores, 2 sockets (Xeon)", 24, 2.7, 12, 44, 12, 44, 118,
                  VIENNOT + "; the Xeon E5-2695 v4")
OPTERON_48 = Machine("48 cores, 8 sockets (AMD)", 48, 2.4, 6, 125, 6, 125, 125,
                     "Improving network connection locality on multicore systems, "
                     "hdl.handle.net/1721.1/72689: hundreds of cycles, here 300")
