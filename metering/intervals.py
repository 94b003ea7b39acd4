"""Intervals: the corrected cumulative cut at quarter hours, and their sums over hours, days, months, billing periods.

Invariants: the grid is UTC quarter hours (every zone's offset since 2000 is a multiple of 15 min, so each local period is a
whole number of them); a value is the difference of two floors of the exact cumulative share, so any sum telescopes and is
exact; all arithmetic is integer. Times are int64 ns, values int64 ledger units (register resolution / 1000).
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from datetime import UTC, datetime
from enum import IntEnum, IntFlag, StrEnum
from fractions import Fraction
from zoneinfo import ZoneInfo

import numpy as np
from numpy.typing import NDArray

from steward.model import BoolArray, ByteArray, FloatArray, IntArray, NumberArray
from steward.units import DAY, HOUR, MINUTE

QUARTER = 15 * MINUTE
"""Length of a grid interval in ns."""
LEDGER_UNITS = 1000
"""Ledger units in one register unit: a unit change by 1000 stays exact."""


class Method(IntEnum):
    """How an interval's value came about, from best to worst; an interval of several parts carries the worst."""

    MEASURED = 0
    """Between two good reads no further apart than 1.5 x the cadence."""
    MANUAL = 1
    """A bounding read was taken or decided by a person."""
    ROLLOVER = 2
    """The register passed its last digit."""
    REPLAYED = 3
    """A bounding read was sent again from the device's memory."""
    INTERPOLATED = 4
    """Energy of a gap: the total is known, the shape is not; or a gauge was integrated."""
    RESET = 5
    """The register fell to zero and counted on; what was counted before the fall is estimated."""
    SWAP = 6
    """Meter or transformer replaced; declared with both reads, or estimated."""
    ESTIMATED = 7
    """No register supports it: an undecided conflict or a declared estimate."""


class Flag(IntFlag):
    """Marks of an interval. All are joined by `or` in longer periods, only PEAK_ELIGIBLE by `and`."""

    SPREAD = 1
    """Shape unknown: counted in totals, kept out of peaks, baselines, baseload and alerts."""
    ABOVE_LIMIT = 2
    """Rise above the limit of the register: counted, no peak, a person is asked."""
    BACKFLOW = 4
    """The register ran backwards; the only negative intervals."""
    PEAK_ELIGIBLE = 8
    """Every pair of reads that covers it is no further apart than 1.2 x the demand interval, and measured."""
    PROVISIONAL = 16
    """No anchor lies behind it yet: later reads may still restate it."""
    HELD = 32
    """Reads wait for the next ones, or for a person; counted as nothing until then."""
    EVENT = 64
    """A reset, swap, unit change or rollover lies in it."""
    UNRESOLVED = 128
    """Too many contradictions at once: nobody should guess, a person is asked."""
    PROFILE = 256
    """A gap spread by the register's own profile instead of flat."""
    MISSING = 512
    """Some part lies before the first or after the last good read, or where a source of increments was silent."""
    INTEGRATED = 1024
    """Integrated from a power gauge."""
    STUCK = 2048
    """The register stood still for longer than it ever did; counted as it reads, a person is asked."""


class Period(StrEnum):
    """Lengths of local time that intervals are summed over."""

    QUARTER = "quarter"
    HOUR = "hour"
    DAY = "day"
    MONTH = "month"
    BILLING = "billing"
    YEAR = "year"


@dataclass(frozen=True, slots=True)
class Intervals:
    """Grid intervals as columns of equal length n, in time order.

    start: ns, multiples of QUARTER; value: ledger units; method: Method; flags: Flag; confidence: 0-1, see
    `metering.cut.TOLERANCE`; first_read, last_read: row numbers of the bounding good reads, -1 if none; revision: the revision
    that last changed the value, 0 if none did.
    """

    start: IntArray
    value: IntArray
    method: ByteArray
    flags: NDArray[np.uint16]
    confidence: NDArray[np.float32]
    first_read: NumberArray
    last_read: NumberArray
    revision: NumberArray

    def __len__(self) -> int:
        return len(self.start)

    def take(self, rows: NDArray[np.intp] | BoolArray | slice) -> Intervals:
        """The rows of an index, mask or slice."""
        return Intervals(*(getattr(self, column.name)[rows] for column in fields(self)))

    def has(self, flag: Flag) -> BoolArray:
        """Which intervals carry `flag`."""
        return np.asarray((self.flags & np.uint16(flag)) != 0)

    def total(self) -> int:
        """Sum of all values in ledger units."""
        return int(self.value.sum())


@dataclass(frozen=True, slots=True)
class Periods:
    """Sums over local periods, columns of equal length.

    start, end: ns; value: ledger units; method: worst; flags: joined; confidence: mean weighted by consumption; coverage:
    share of the period's grid intervals that are neither missing nor held; count: grid intervals (92, 96, 100 in a day).
    """

    start: IntArray
    end: IntArray
    value: IntArray
    method: ByteArray
    flags: NDArray[np.uint16]
    confidence: NDArray[np.float32]
    coverage: NDArray[np.float32]
    count: NumberArray

    def __len__(self) -> int:
        return len(self.start)


def share_floor(total: IntArray, part: IntArray, whole: IntArray) -> IntArray:
    """floor(total * part / whole), exact although the product passes 2^63. Needs 0 <= part <= whole < 2^61, whole > 0,
    |total| < 2^52: a float guess is put right by the remainder, which modulo 2^64 is exact."""
    guess = np.floor(total.astype(np.float64) * (part / whole)).astype(np.int64)
    with np.errstate(over="ignore"):
        rest = total * part - guess * whole
    return (guess + np.floor_divide(rest, whole)).astype(np.int64)


def grid(start: int, end: int) -> IntArray:
    """Starts of the grid intervals that cover [start, end), ns."""
    return boundaries(start, end)[:-1]


def boundaries(start: int, end: int) -> IntArray:
    """Grid times from the last at or before `start` to the first at or after `end`, ns. Counted in whole numbers: the length
    of `np.arange` is a float and loses the last one."""
    first, last = start // QUARTER, -(-end // QUARTER)
    return (first + np.arange(last - first + 1, dtype=np.int64)) * QUARTER


def canonical(value: IntArray, scale: Fraction) -> FloatArray:
    """Ledger units as canonical units; `scale` is canonical units per register unit with every ratio in it."""
    exact = scale / LEDGER_UNITS
    return value.astype(np.float64) * exact.numerator / exact.denominator


def utc_offsets(start: IntArray, zone: str) -> IntArray:
    """Offset from UTC in ns at each grid start of a time-ordered array, by the rules of an IANA zone."""
    place = ZoneInfo(zone)

    def offset(at: int) -> int:
        moved = datetime.fromtimestamp(at // 1_000_000_000, UTC).astimezone(place).utcoffset()
        assert moved is not None
        return round(moved.total_seconds()) * 1_000_000_000

    if not len(start):
        return start.copy()
    first = int(start[0]) // DAY
    days = np.arange(first, int(start[-1]) // DAY + 2, dtype=np.int64)
    at_midnight = np.array([offset(int(day) * DAY) for day in days], dtype=np.int64)
    row = start // DAY - first
    result = at_midnight[row]
    for row_number in np.flatnonzero(result != at_midnight[row + 1]):
        result[row_number] = offset(int(start[row_number]))
    return result


def period_keys(start: IntArray, zone: str, period: Period, billing_day: int = 1) -> IntArray:
    """A number for each grid start that changes exactly where a new local period begins.

    billing_day: 1-28, the local day on which a billing period begins. An hour repeated in autumn gets a key of its own.
    """
    if not 1 <= billing_day <= 28:
        raise ValueError(f"billing day {billing_day}, expected 1 to 28")
    offset = utc_offsets(start, zone)
    local = start + offset
    if period is Period.QUARTER:
        return start.copy()
    if period is Period.HOUR:
        return (local // HOUR * 64 - offset // QUARTER).astype(np.int64)
    day = local // DAY
    if period is Period.DAY:
        return day
    shifted = day - (billing_day - 1 if period is Period.BILLING else 0)
    unit = "datetime64[Y]" if period is Period.YEAR else "datetime64[M]"
    return shifted.astype("datetime64[D]").astype(unit).astype(np.int64)


def to_periods(intervals: Intervals, zone: str, period: Period | str, billing_day: int = 1) -> Periods:
    """Sums of grid intervals over local periods of an IANA zone; only the given intervals count, whole periods or not."""
    size = len(intervals)
    if not size:
        none = np.zeros(0, np.int64)
        byte, short, real = none.astype(np.uint8), none.astype(np.uint16), none.astype(np.float32)
        return Periods(none, none, none, byte, short, real, real, none.astype(np.int32))
    keys = period_keys(intervals.start, zone, Period(period), billing_day)
    first = np.flatnonzero(np.r_[True, keys[1:] != keys[:-1]])
    count = np.diff(np.r_[first, size])
    weight = np.abs(intervals.value).astype(np.float64) + 1e-9
    joined = np.bitwise_or.reduceat(intervals.flags, first)
    every = np.bitwise_and.reduceat(intervals.flags, first)
    eligible = np.uint16(Flag.PEAK_ELIGIBLE)
    open_ = intervals.has(Flag.MISSING) | intervals.has(Flag.HELD)
    return Periods(
        start=intervals.start[first],
        end=intervals.start[first + count - 1] + QUARTER,
        value=np.add.reduceat(intervals.value, first),
        method=np.maximum.reduceat(intervals.method, first),
        flags=(joined & ~eligible) | (every & eligible),
        confidence=(np.add.reduceat(intervals.confidence * weight, first) / np.add.reduceat(weight, first)).astype(np.float32),
        coverage=(1 - np.add.reduceat(open_.astype(np.float64), first) / count).astype(np.float32),
        count=count.astype(np.int32),
    )
