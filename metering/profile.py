"""The shape of a gap: a register's own mean consumption by local hour, workday or not.

Invariants: a profile is learned from settled intervals of the last eight weeks, then frozen and dated like a limit, so a
late read cannot move the shape of a far gap; weights are positive integers, the split is a floor of an exact share, so the
gap's total is kept to the last ledger unit.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from metering.intervals import QUARTER, Flag, Intervals, Method, boundaries, share_floor, utc_offsets
from metering.reads import BEGINNING
from steward.model import IntArray
from steward.units import DAY, HOUR

WEEKS = 8
LEAST_HOURS = 500
FLOOR = 0.02
_FULL = 10_000
_MILLISECOND = 1_000_000


@dataclass(frozen=True, slots=True)
class Profile:
    """Weights [workday 0/1, local hour] of a register from `valid_from` on. `zone`: IANA; `rest`: local days (days since
    1970) that are weekdays but not worked, `worked`: weekend days that are."""

    weights: IntArray
    zone: str
    valid_from: int = BEGINNING
    rest: frozenset[int] = frozenset()
    worked: frozenset[int] = frozenset()

    def of(self, start: IntArray) -> IntArray:
        """Weight of each grid interval by its start (ns UTC), by local kind of day and hour; no unit, only ratios count."""
        local = start + utc_offsets(start, self.zone)
        work = workdays(local // DAY, self.rest, self.worked)
        return np.asarray(self.weights[work, local % DAY // HOUR], np.int64)


def workdays(day: IntArray, rest: frozenset[int] = frozenset(), worked: frozenset[int] = frozenset()) -> IntArray:
    """1 where a local day (since 1970-01-01, a Thursday) is worked, else 0."""
    work = ((day + 3) % 7 < 5).astype(np.int64)
    if rest:
        work[np.isin(day, sorted(rest))] = 0
    if worked:
        work[np.isin(day, sorted(worked))] = 1
    return work


def learn(
    intervals: Intervals, zone: str, rest: frozenset[int] = frozenset(), worked: frozenset[int] = frozenset()
) -> Profile | None:
    """The profile of the last eight weeks of `intervals`; None under 500 h of measured, settled history."""
    if not len(intervals):
        return None
    recent = intervals.start > int(intervals.start[-1]) - WEEKS * 7 * DAY
    unsure = Flag.SPREAD | Flag.PROVISIONAL | Flag.HELD | Flag.MISSING | Flag.BACKFLOW | Flag.ABOVE_LIMIT
    measured = recent & ~intervals.has(unsure) & (intervals.method <= Method.ROLLOVER)
    start, value = intervals.start[measured], intervals.value[measured].astype(np.float64)
    if len(start) * QUARTER < LEAST_HOURS * HOUR or value.sum() <= 0:
        return None
    local = start + utc_offsets(start, zone)
    cell = workdays(local // DAY, rest, worked) * 24 + local % DAY // HOUR
    count = np.bincount(cell, minlength=48)
    mean = np.bincount(cell, weights=value, minlength=48) / np.maximum(count, 1)
    overall = float(value.mean())
    mean = np.where(count > 0, mean, overall) + FLOOR * overall
    weights = np.maximum(1, np.rint(mean / mean.max() * _FULL)).astype(np.int64).reshape(2, 24)
    return Profile(weights, zone, int(intervals.start[-1]) + QUARTER, rest, worked)


def spread(profile: Profile, first: int, last: int, total: int, at: IntArray) -> IntArray:
    """Consumption from `first` up to each `at` within [first, last] (ns) of a gap with `total` ledger units."""
    edges = boundaries(first, last + QUARTER)
    weight = profile.of(edges)

    def cumulated(moment: IntArray) -> IntArray:
        row = (moment - edges[0]) // QUARTER
        before = np.concatenate(([0], np.cumsum(weight)))[row] * (QUARTER // _MILLISECOND)
        return np.asarray(before + weight[np.minimum(row, len(weight) - 1)] * ((moment - edges[0]) % QUARTER // _MILLISECOND))

    ends = cumulated(np.array([first, last], np.int64))
    part = np.clip(cumulated(at) - ends[0], 0, ends[1] - ends[0])
    part[at == last] = ends[1] - ends[0]
    whole = np.full(len(at), max(1, int(ends[1] - ends[0])), np.int64)
    return share_floor(np.full(len(at), total, np.int64), part, whole)
