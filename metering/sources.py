"""Where reads come from, other than a plain register: ratios, pulses, interval meters, power gauges, people, several at once.

Invariants: each source ends as reads of one cumulative register (`metering.reads.Reads`), so there is one ledger for all;
ratios are exact rationals applied on output only; what a source cannot know (a gap of a gauge, a missing interval) is
returned as a gap and never filled in silently. Pure: text in, columns out.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from fractions import Fraction

import numpy as np

from metering.intervals import QUARTER, Flag, Intervals, canonical
from metering.reads import Reads, Source, join
from steward.model import FloatArray, IntArray
from steward.units import DAY, HOUR

Gaps = tuple[tuple[int, int], ...]
"""Spans (ns) about which a source says nothing."""


@dataclass(frozen=True, slots=True)
class Scale:
    """From register units to the canonical unit, exactly: `canonical` units per displayed unit, `resolution` displayed units
    per register unit, `multiplier` of the meter, current and voltage transformer as (primary, secondary), direction -1 for a
    register that counts the other way (export counted as import)."""

    canonical: Fraction = Fraction(1)
    resolution: Fraction = Fraction(1)
    multiplier: Fraction = Fraction(1)
    current: tuple[int, int] = (1, 1)
    voltage: tuple[int, int] = (1, 1)
    direction: int = 1

    def __post_init__(self) -> None:
        if min(*self.current, *self.voltage) <= 0 or min(self.canonical, self.resolution, self.multiplier) <= 0:
            raise ValueError(f"scale {self}, expected positive ratios")
        if self.direction not in (1, -1):
            raise ValueError(f"direction {self.direction}, expected 1 or -1")

    @property
    def factor(self) -> Fraction:
        """Canonical units per register unit, see `metering.intervals.canonical`."""
        ratios = Fraction(*self.current) * Fraction(*self.voltage)
        return self.direction * self.canonical * self.resolution * self.multiplier * ratios


@dataclass(frozen=True, slots=True)
class Scales:
    """The scale of a register over time: rows (valid from ns, Scale), each until the next; before the first, the first.

    A transformer that is replaced leaves no trace in the reads, so the change is declared here. It counts from the
    quarter-hour in which it lies; the register's reads and its ledger stay as they are.
    """

    rows: tuple[tuple[int, Scale], ...]

    def __post_init__(self) -> None:
        starts = [start for start, _ in self.rows]
        if not starts or sorted(set(starts)) != starts:
            raise ValueError(f"scales valid from {starts}, expected at least one, each later than the one before")

    def at(self, moment: int) -> Scale:
        """The scale that holds at a moment (ns)."""
        return next((scale for start, scale in reversed(self.rows) if start // QUARTER * QUARTER <= moment), self.rows[0][1])

    def canonical(self, start: IntArray, value: IntArray) -> FloatArray:
        """Ledger units of the grid intervals `start` (ns) as canonical units, each by the scale that holds in it."""
        if len(self.rows) == 1:
            return canonical(value, self.rows[0][1].factor)
        valid = np.array([at // QUARTER * QUARTER for at, _ in self.rows], np.int64)
        row = np.maximum(np.searchsorted(valid, start, side="right") - 1, 0)
        result = np.zeros(value.shape)
        for number, (_, scale) in enumerate(self.rows):
            result[row == number] = canonical(value[row == number], scale.factor)
        return result


@dataclass(frozen=True, slots=True)
class Sourced:
    """Reads made of something else, and the spans about which it says nothing."""

    reads: Reads
    gaps: Gaps


def pulses(at: IntArray, count: IntArray, before: int = 0) -> Reads:
    """Reads of a counter that reports increments: `count` pulses up to each `at` (ns); a time given twice counts once."""
    times, first = np.unique(at, return_index=True)
    if (count < 0).any():
        raise ValueError(f"{int(count.min())} pulses, expected none below zero")
    return Reads.of(times, before + np.cumsum(count[first]))


def interval_meter(start: IntArray, length: int, value: IntArray, before: int = 0) -> Sourced:
    """Reads of a meter that reports consumption per interval of `length` ns; an interval given twice: the last one counts.

    Intervals that are missing are gaps: their energy is not known, and is counted as nothing.
    """
    if (start % length).any():
        raise ValueError(f"an interval starts beside the grid of {length} ns, expected multiples of it")
    times, rows = np.unique(start[::-1], return_index=True)
    level = before + np.cumsum(value[::-1][rows])
    at = np.concatenate((times[:1], times + length)).astype(np.int64)
    missing = np.flatnonzero(np.diff(times) > length)
    gaps = tuple((int(times[row]) + length, int(times[row + 1])) for row in missing.tolist())
    opened = times[missing + 1]
    every_at = np.concatenate((at, opened))
    every = np.concatenate((np.full(min(1, len(times)), before), level, level[missing]))
    order = np.argsort(every_at, kind="stable")
    return Sourced(Reads.of(every_at[order], every[order].astype(np.int64)), gaps)


class Integration(StrEnum):
    """How a gauge is taken between two samples."""

    TRAPEZOID = "trapezoid"
    """A straight line: for sampled power."""
    HOLD = "hold"
    """The earlier value holds: for power reported on change."""


def integrate(
    at: IntArray, power: FloatArray, longest: int, method: Integration = Integration.TRAPEZOID, resolution: float = 1.0
) -> Sourced:
    """Reads of a register made of a power gauge: W at `at` (ns) to units of `resolution` Wh.

    Two samples further apart than `longest` ns are a gap: it is not integrated. Samples that are not finite are left out, power
    below zero is no consumption. Rounding is carried on within a UTC day and no further, so what a day counts depends on its
    samples, not on where the series begins.
    """
    good = np.isfinite(power)
    times, first = np.unique(at[good], return_index=True)
    watts = np.maximum(power[good][first], 0.0)
    elapsed = np.diff(times)
    mean = watts[:-1] if method is Integration.HOLD else (watts[:-1] + watts[1:]) / 2
    known = elapsed <= longest
    energy = np.where(known, mean * (elapsed / HOUR), 0.0) / resolution
    days = np.split(energy, np.flatnonzero(np.diff(times[1:] // DAY)) + 1)
    steps = [np.diff(np.floor(np.cumsum(day)), prepend=0.0) for day in days]
    value = np.cumsum(np.concatenate((np.zeros(min(1, len(times))), *steps)).astype(np.int64))
    gaps = tuple((int(times[row]), int(times[row + 1])) for row in np.flatnonzero(~known).tolist())
    return Sourced(Reads.of(times, value, source=Source.INTEGRATED), gaps)


@dataclass(frozen=True, slots=True)
class Check:
    """A read of a lower source beside the better one: what the better one says then, and what it said (register units)."""

    at: int
    expected: float
    value: int

    def agrees(self, tolerance: float) -> bool:
        """Whether both say the same to `tolerance` register units."""
        return abs(self.value - self.expected) <= tolerance


def merge(sources: Sequence[Reads], reach: int, tolerance: float | None = None) -> tuple[Reads, list[Check]]:
    """One register read by several sources, best first: a read of a lower source is used only where no better source has a
    read within `reach` ns; where it has them on both sides, it is a check instead.

    With a `tolerance` (register units) a lower source fills a gap of the better one only where the checks nearest to the gap
    agree: one that counts otherwise would put its difference into the gap. What disagrees is asked, see
    `metering.questions.ask_sources`. The choice depends on the sets alone, not on arrival, so a better read that comes late
    takes the place of the other.
    """
    used = join([sources[0]])
    checks: list[Check] = []
    for lower in sources[1:]:
        other = join([lower])
        if not len(used):
            used = other
            continue
        place = np.searchsorted(used.at, other.at)
        before, after = np.clip(place - 1, 0, len(used) - 1), np.clip(place, 0, len(used) - 1)
        near = np.minimum(np.abs(other.at - used.at[before]), np.abs(used.at[after] - other.at)) <= reach
        expected = np.interp(other.at.astype(np.float64), used.at.astype(np.float64), used.value.astype(np.float64))
        inside = near & (place > 0) & (place < len(used))
        rows = np.flatnonzero(inside).tolist()
        made = [Check(int(other.at[row]), float(expected[row]), int(other.value[row])) for row in rows]
        checks += made
        fills = ~near
        if tolerance is not None and made:
            agree = np.array([check.agrees(tolerance) for check in made])
            times = np.array([check.at for check in made], np.int64)
            place = np.searchsorted(times, other.at)
            fills &= agree[np.maximum(place - 1, 0)] & agree[np.minimum(place, len(made) - 1)]
        used = join([used, other.take(fills)])
    return used, sorted(checks, key=lambda one: one.at)


def add_up(parts: Sequence[Intervals]) -> Intervals:
    """The sum of several registers over the same grid (tariff registers of one meter): worst method, all flags, least
    confidence; peak-eligible only where all are. Reads are not bounded by one pair any more: -1."""
    first = parts[0]
    for part in parts[1:]:
        if len(part) != len(first) or (part.start != first.start).any():
            raise ValueError(f"intervals from {len(part)} and {len(first)} grid times, expected the same grid")
    peak = np.uint16(Flag.PEAK_ELIGIBLE)
    flags = np.bitwise_or.reduce([part.flags for part in parts]) & ~peak
    flags |= np.bitwise_and.reduce([part.flags for part in parts]) & peak
    none = np.full(len(first), -1, np.int32)
    return replace(
        first,
        value=np.sum([part.value for part in parts], axis=0, dtype=np.int64),
        method=np.max([part.method for part in parts], axis=0),
        flags=flags,
        confidence=np.min([part.confidence for part in parts], axis=0),
        first_read=none,
        last_read=none,
        revision=np.max([part.revision for part in parts], axis=0),
    )
