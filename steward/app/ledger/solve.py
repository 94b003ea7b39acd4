"""Solving one register from its stored samples: samples to reads, a window of reads to a ledger, and what of it can be trusted.

Invariants: the result depends on the samples, the decisions and the parameters only; a window that begins in the middle of the
series is trusted from an anchor on that nothing behind it can move (five informative links and H before the first doubtful
read); where there is none the caller must look further back.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from metering.anchors import MARGIN, Series, search
from metering.declarations import Declaration, Declared, standing
from metering.explain import Link, informative
from metering.ledger import Ledger
from metering.profile import Profile
from metering.reads import Parameters, Reads, Source, join, lay
from metering.solution import Solution, settle
from metering.solve import NOTHING, kept, solve
from metering.sources import Check, Integration, Sourced, integrate, interval_meter, merge, pulses
from steward.app.ledger.registers import Register
from steward.model import Batch, BoolArray, IntArray, Quality
from steward.units import MINUTE

AHEAD = 10 * MINUTE
"""A sample that claims to be further ahead of its arrival than this is not a read: its clock is wrong."""


@dataclass(frozen=True)
class Decided:
    """What people and jobs decided about a register, and the reads that people took (register units at ns)."""

    parameters: Sequence[Parameters]
    declarations: Sequence[Declaration] = ()
    profiles: Sequence[Profile] = ()
    manual: frozenset[int] = frozenset()
    """Times of reads taken by people, ns."""


@dataclass(frozen=True)
class Solved:
    """A solved window. ledger: of it; begin: trusted from this good column's ns on, None: all of it."""

    ledger: Ledger
    begin: int | None

    @property
    def solution(self) -> Solution:
        return self.ledger.solution

    @property
    def clean(self) -> bool:
        """Whether the bank can go on from here: no trouble behind the last anchor, nothing held, in the unit it began with."""
        solution = self.ledger.solution
        if not len(solution) or len(self.ledger.held) or solution.power[-1]:
            return False
        since = int(solution.anchors[-1]) if len(solution.anchors) else 0
        return not solution.kind[since + 1 :].any() and not solution.stuck[since + 1 :].any() and bool(solution.rows[-1] >= 0)


def usable(batch: Batch) -> BoolArray:
    """Which samples can be reads."""
    return np.asarray((batch.quality < Quality.BAD) & (batch.at <= batch.received + AHEAD) & np.isfinite(batch.value))


def ranked(batch: Batch, numbers: Sequence[int]) -> Batch:
    """The samples of some points, with the place in `numbers` instead of the number; each point's in their order."""
    parts = []
    for rank, number in enumerate(numbers):
        part = batch.take(batch.point == number)
        parts.append(replace(part, point=np.full(len(part), rank, np.int32)))
    return Batch.concat(parts)


def ways_of(register: Register, batch: Batch, manual: frozenset[int]) -> tuple[Sourced, list[Check]]:
    """The reads of a register from its samples by all its ways (see `ranked`), and where a further way can be compared."""
    if not register.meter.also:
        return reads_of(register, batch, manual), []
    ways = [reads_of(register, batch.take(batch.point == rank), manual).reads for rank in range(len(register.points))]
    near = int(0.6 * register.base.cadence)  # a way that speaks has a read within half a cadence
    reads, checks = merge(ways, near, register.meter.agree)
    return Sourced(reads, ()), checks


def reads_of(register: Register, batch: Batch, manual: frozenset[int]) -> Sourced:
    """The reads of one way to a register from its samples, by its kind of source, and the spans about which they are silent."""
    batch = batch.take(usable(batch))
    order = np.argsort(batch.at, kind="stable")
    batch = batch.take(order)
    meter = register.meter
    if register.source == "power":
        method = Integration(meter.method)
        return integrate(batch.at, batch.value, meter.longest, method, register.resolution)
    if register.source in ("pulses", "interval"):
        each = meter.per_pulse if register.source == "pulses" else 1.0
        counted = batch.take(batch.value >= 0)
        counts = np.rint(counted.value * each / register.resolution).astype(np.int64)
        if register.source == "pulses":
            return Sourced(pulses(counted.at, counts), ())
        length = register.base.cadence  # a sample stands at the end of its interval, the grid is that of its length
        return interval_meter((counted.at + length // 2) // length * length - length, length, counts)
    units = batch.value / register.resolution
    good = (units >= 0) & (units < register.ceiling)
    batch, units = batch.take(good), units[good]
    by_hand = np.isin(batch.at, np.array(sorted(manual), np.int64)) if manual else np.zeros(len(batch), np.bool_)
    source = np.where(by_hand, Source.MANUAL, Source.DEVICE)
    return Sourced(Reads.of(batch.at, np.rint(units).astype(np.int64), received=batch.received, source=source), ())


def solve_window(register: Register, batch: Batch, decided: Decided, doubtful: int, power: int, whole: bool) -> Solved | None:
    """Solves the samples of a window; None where nothing in it can be trusted and the caller must look further back.

    doubtful: ns of the first read in doubt; power: unit of the window's first read, 10^power; whole: the window begins with
    the first sample of the register.
    """
    sourced, checks = ways_of(register, batch, decided.manual)
    ledger = Ledger(register.id, list(decided.parameters))
    ledger.profiles = sorted(decided.profiles, key=lambda profile: profile.valid_from)
    ledger.declarations = standing(decided.declarations)
    ledger.reads, ledger.gaps = join([sourced.reads]), sourced.gaps
    ledger.checks, ledger.agree = tuple(checks), register.meter.agree
    if not len(ledger.reads):
        return Solved(ledger, None)
    first = int(ledger.reads.at[0])
    inside = any(one.kind is Declared.CONSUMPTION and one.at < first < (one.until or 0) for one in ledger.declarations)
    if not whole and (inside or (power and any(one.splits and one.at >= first for one in ledger.declarations))):
        return None
    if whole or not power:
        ledger.solution = solve(ledger.reads, ledger.parameters, ledger.declarations if whole else _within(ledger))
    else:
        ledger.solution = _in_unit(ledger, power)
    if whole:
        return Solved(ledger, None)
    begin = _safe(ledger.solution, doubtful, max(row.horizon for row in ledger.parameters), register.source == "register")
    return None if begin is None else Solved(ledger, begin)


def _within(ledger: Ledger) -> list[Declaration]:
    """Declarations that concern the window: a split before its first read has no reads on its other side."""
    first = int(ledger.reads.at[0])
    return [one for one in ledger.declarations if not one.splits or one.at >= first]


def _in_unit(ledger: Ledger, power: int) -> Solution:
    """The window solved as a series that goes on in a unit; without splits."""
    rows = np.flatnonzero(kept(ledger.reads, ledger.declarations))
    if not len(rows):
        return NOTHING
    reads = ledger.reads.take(rows)
    series = Series(reads.at, reads.value, lay(ledger.parameters, reads.at), power)
    found = settle(series, search([series])[0])
    return replace(found, rows=rows[found.rows])


def _safe(solution: Solution, doubtful: int, horizon: int, search_anchor: bool) -> int | None:
    """The last good read that a read at `doubtful` or later cannot move, ns."""
    if not search_anchor:  # increments: only the links beside a sample depend on it
        before = solution.at[solution.at < doubtful]
        return int(before[-2]) if len(before) > 2 else None
    if not len(solution.anchors):
        return None
    at = solution.at[solution.anchors]
    steps = np.cumsum(informative(solution.value))
    end = int(np.searchsorted(solution.at, doubtful)) - 1
    if end < 0:
        return None
    enough = (at <= doubtful - horizon) & (steps[end] - steps[solution.anchors] >= MARGIN)
    return int(at[enough][-1]) if enough.any() else None


def epochs_of(solution: Solution) -> list[tuple[int, int]]:
    """Where the unit of the register changes: (ns, power)."""
    changes: IntArray = np.flatnonzero(np.diff(solution.power)) + 1
    return [(int(solution.at[place]), int(solution.power[place])) for place in changes.tolist()]


def bounded(solution: Solution, since: int) -> list[dict[str, int | str]]:
    """Links behind `since` whose consumption is bounded, not known, as rows of the records."""
    places = np.flatnonzero((solution.low != solution.high) & (solution.at > since))
    return [
        {
            "start": int(solution.at[place - 1]),
            "end": int(solution.at[place]),
            "kind": Link(int(solution.kind[place])).name.lower(),
            "gain": int(solution.gain[place]),
            "low": int(solution.low[place]),
            "high": int(solution.high[place]),
        }
        for place in places.tolist()
        if place
    ]
