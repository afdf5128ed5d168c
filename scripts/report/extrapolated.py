# SPDX-License-Identifier: GPL-2.0-only
"""The chapter on the projection: assumptions, figures, and how far they are off."""

from .counts import Counts
from .lines import Lines, Spot
from .machine import MACHINES, OPTERON_48, XEON_24, Machine
from .model import CPI, cycles
from .projection import Projector, Rate
from .published import RATES, RATIOS, Result
from .scale import linear
from .section import Figure, Section
from .setups import BASELINES, LANES_ROWS
from .source import Source
from .table import Cell, Table, show

NGINX = "Nginx, mvermeulen.org/perf/?p=916"
SIDE = "server"


def assumptions() -> Table:
    table = Table("Assumptions", ["what", "value", "from"])
    table.rows += [
        ["cycles per instruction", f"{CPI:.2f}",
         f"{NGINX}: 0.91 instructions per cycle of nginx and its client on 16 CPUs; waits for "
         "cache lines are part of it, so they are counted twice"],
        ["instructions", "those of x86-64", "an ARM core is taken to need as many"],
        ["counts on more CPUs", "a + b (1 - 1/CPUs)",
         "least squares over the share of connections that were accepted on another CPU than "
         "the SYN's, or, of set-ups that place them by CPU, over 1 - 1/CPUs; the worse bound "
         "has log2(CPUs) instead"],
        ["a network card", "the rig's floor",
         "each packet's lines move from the client's CPU instead of from the card"],
        ["under a shared socket's lock", "the ledger's objects of the listener",
         "as if all were moved while it is held, one connection after the other; at worst, all "
         "transfers above those of reuseport-cbpf; as many on more CPUs as the ledger has"],
        ["under the lock of the port's bind buckets", "the ledger's object of that name",
         "the same; every set-up takes it, Lanes and SO_REUSEPORT too"],
        ["the application", "nothing", "lanes-bench reads, writes and closes; a server does more"],
    ]
    for machine in (*MACHINES, XEON_24, OPTERON_48):
        table.rows.append([machine.name, _latencies(machine), machine.source])
    table.notes.append("Clocks are assumed. A transfer's time is the mean over all pairs of "
                       "cores.")
    return table


def _latencies(machine: Machine) -> str:
    parts = [f"{machine.cluster_ns:g}"]
    if machine.cluster < machine.socket:
        parts.append(f"{machine.socket_ns:g}")
    if machine.socket < machine.cores and machine.remote_ns != machine.socket_ns:
        parts.append(f"{machine.remote_ns:g}")
    return (f"{machine.ghz:g} GHz, {' / '.join(parts)} ns a transfer, mean "
            f"{machine.transfer_ns():.0f} ns")


def projection_section(contention: Source, ledger: Source) -> Section:
    section = Section("projection", "Projection: an extrapolation, not a measurement",
                      figures=[Figure(assumptions())])
    if contention.missing:
        section.text.append(contention.missing)
        return section
    counts = Counts(contention.rows)
    projector = Projector(counts, ledger.rows)
    setups = [name for name in BASELINES + LANES_ROWS if projector.curves(name, SIDE)]
    if not setups:
        section.text.append("Fits need the server's side on three numbers of CPUs or more: not "
                            "run: make bench-contention")
        return section
    drawn = [name for name in setups if ledger.missing or projector.knows_locks(name)]
    section.text += _how_to_read(ledger, [name for name in setups if name not in drawn])
    section.figures.append(Figure(_fits(projector, setups)))
    for machine in MACHINES:
        section.figures.append(Figure(_rates(projector, setups, machine),
                                      _plot(projector, drawn, machine)))
    section.figures += [Figure(_checks(projector)), Figure(_ratios(projector))]
    return section


def _how_to_read(ledger: Source, unknown: list[str]) -> list[str]:
    lines = [
        "Connections per second of a machine that only serves, from the counts of the server's "
        "side. High: transfers level off and nothing waits. Projected: the locks of the ledger "
        "bound that. Low: these do, transfers grow with each doubling, and of a shared socket "
        "each transfer above those of reuseport-cbpf waits its turn."]
    if ledger.missing:
        lines.append(f"Without a ledger nothing is projected, and the plots' lines are the high "
                     f"bound ({ledger.missing}). The bars at their ends reach from low to high.")
        return lines
    lines.append("The plots' lines are what is projected; the bars at their ends reach from low "
                 "to high.")
    if unknown:
        lines.append(f"Not in the ledger, so not drawn: {', '.join(unknown)}.")
    return lines


def _fits(projector: Projector, setups: list[str]) -> Table:
    table = Table("Fits of the server's side: dirty transfers on N CPUs",
                  ["set-up", "points", "a", "b", "residual", "at 64", "at 192",
                   "residual, log", "at 64, log", "at 192, log", "instructions at 64"])
    for setup in setups:
        curves = projector.curves(setup, SIDE)
        if curves is None:
            continue
        level, log = curves.level, curves.log
        table.rows.append([setup, level.points, level.base, level.slope,
                           f"{100 * level.residual:.1f} %",
                           *(curves.cost(cpus).transfers for cpus in (64, 192)),
                           f"{100 * log.residual:.1f} %",
                           *(curves.worst(cpus).transfers for cpus in (64, 192)),
                           round(curves.cost(64).instructions)])
    table.notes.append("Residual: root mean square, of the mean of the points.")
    return table


def _thousands(rate: float | None) -> Cell:
    return None if rate is None else round(rate / 1000)


def _rates(projector: Projector, setups: list[str], machine: Machine) -> Table:
    table = Table(f"Projected thousands of connections per second, {machine.name}",
                  ["set-up", "instructions", "dirty transfers", "cycles", "low", "projected",
                   "high"])
    for setup in setups:
        rate = projector.rate(setup, SIDE, machine)
        cells: list[Cell] = [None] * 6
        if rate:
            cells = [round(rate.cost.instructions), rate.cost.transfers,
                     round(cycles(rate.cost, machine)), _thousands(rate.low),
                     _thousands(rate.projected), _thousands(rate.high)]
        table.rows.append([setup, *cells])
    return table


def _plot(projector: Projector, setups: list[str], machine: Machine) -> str:
    plot = Lines(f"Projected, {machine.name}", "cores",
                 f"thousands of connections per second, projected, {machine.name}",
                 x_scale=linear)
    cores = [1, 8, 16, 24, 32, 48, 64, 96, 128, 160, 192]
    for setup in setups:
        for count in [count for count in cores if count <= machine.cores]:
            rate = projector.rate(setup, SIDE, machine, count)
            if rate:
                best = rate.high if rate.projected is None else rate.projected
                whisker = count == machine.cores
                plot.add(setup, Spot(count, best / 1000,
                                     (rate.low if whisker else best) / 1000,
                                     (rate.high if whisker else best) / 1000))
    return plot.draw()


def _rate_of(projector: Projector, result: Result) -> Rate | None:
    return projector.rate(result.setup, result.side, result.machine, None, result.sockets)


def _checks(projector: Projector) -> Table:
    table = Table("Held against published rates, thousands of connections per second",
                  ["published result", "machine", "as", "published", "low", "projected", "high",
                   "the model is", "source"])
    for result in RATES:
        rate = _rate_of(projector, result)
        cells: list[Cell] = [result.name, result.machine.name, f"{result.setup}, {result.side}",
                             _thousands(result.rate)]
        if rate is None or result.rate is None:
            cells += [None, None, None, "not run"]
        else:
            cells += [_thousands(rate.low), _thousands(rate.projected), _thousands(rate.high),
                      _off(rate.low / result.rate, rate.high / result.rate)]
        table.rows.append([*cells, result.source])
    return table


def _off(low: float, high: float) -> str:
    """By how much the bounds miss what was published."""
    if low <= 1 <= high:
        return f"around it: {_times(low)} to {_times(high)}"
    return f"{'too high' if low > 1 else 'too low'}: {_times(low)} to {_times(high)}"


def _times(factor: float) -> str:
    return f"{show(factor)} times"


def _ratios(projector: Projector) -> Table:
    table = Table("Held against published ratios",
                  ["better", "worse", "published ratio", "projected", "from high bounds",
                   "from low bounds", "error of the high bounds"])
    for better, worse, published in RATIOS:
        first, second = _rate_of(projector, better), _rate_of(projector, worse)
        cells: list[Cell] = [better.name, worse.name, published]
        if first is None or second is None:
            cells += [None, None, None, "not run"]
        else:
            high = first.high / second.high
            both = (first.projected, second.projected)
            cells += [None if None in both else both[0] / both[1],  # type: ignore[operator]
                      high, first.low / second.low, f"{100 * (high / published - 1):+.0f} %"]
        table.rows.append(cells)
    return table
