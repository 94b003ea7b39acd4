"""Reads of a register, its dated parameters, and what is rejected before any search.

Invariants: a read is int64 register units at int64 ns, never edited; `Reads` are sorted by (at, value) and hold each (at,
value) once, whatever the order, repetition and batches of arrival; a limit, digits or cadence is a `Parameters` row with
validity, frozen until a person or a learning job writes another: nothing is learned on the fly. See docs/adr/0011.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields
from enum import IntEnum, StrEnum

import numpy as np
from numpy.typing import ArrayLike, NDArray

from steward.model import BoolArray, ByteArray, FloatArray, IntArray
from steward.units import DAY, HOUR, MINUTE, SECOND

BEGINNING = -(2**62)
"""A validity that begins before every read, ns."""


class Source(IntEnum):
    """Where a read came from. Of two equal reads the lower source is kept, so the method does not depend on arrival."""

    DEVICE = 0
    REPLAY = 1
    MANUAL = 2
    INTEGRATED = 3
    DECLARED = 4


class Label(StrEnum):
    """Why a read was thrown away; for people, the consumption does not depend on it."""

    ZERO = "zero"
    STUCK = "stuck"
    JITTER = "jitter"
    UNIT = "unit"
    REPLAY = "replay"
    TRUNCATED = "truncated"
    DIP = "dip"
    SPIKE = "spike"
    CONFLICT = "conflict"
    DISCARDED = "discarded"
    NEGATIVE = "negative"
    IMPOSSIBLE = "impossible"


@dataclass(frozen=True, slots=True)
class Parameters:
    """What is known of a register from `valid_from` (ns) on.

    rate: highest plausible consumption, register units per hour (rated power or flow, or learned); None = not known, then
    only falls are judged. daily: the same over a day, register units per day; None = 24 x rate. digits: decimal digits of
    the register, None = unknown. cadence: expected ns between reads. still: longest learned spell without advance, ns.
    reason: who or what set it; revision: the revision that it caused.
    """

    valid_from: int = BEGINNING
    rate: float | None = None
    daily: float | None = None
    digits: int | None = None
    cadence: int = 15 * MINUTE
    still: int | None = None
    reason: str = ""
    revision: int = 0

    def __post_init__(self) -> None:
        if self.rate is not None and not 0 < self.rate < float("inf"):
            raise ValueError(f"rate {self.rate}, expected a positive number of register units per hour")
        if self.daily is not None and not 0 < self.daily < float("inf"):
            raise ValueError(f"daily {self.daily}, expected a positive number of register units per day")
        if self.digits is not None and not 1 <= self.digits <= 15:
            raise ValueError(f"digits {self.digits}, expected 1 to 15")
        if self.cadence <= 0:
            raise ValueError(f"cadence {self.cadence} ns, expected a positive duration")

    @property
    def horizon(self) -> int:
        """H: sixteen bad reads and their return fit into it, ns."""
        return max(DAY, 32 * self.cadence)

    @property
    def slack(self) -> int:
        """tau: clock noise, two reads seconds apart, ns."""
        return max(MINUTE, self.cadence // 12)


@dataclass(frozen=True, slots=True)
class Reads:
    """Reads of one register as columns: at, received: ns; value: register units; source: Source; id: the caller's number."""

    at: IntArray
    value: IntArray
    received: IntArray
    source: ByteArray
    id: IntArray

    @classmethod
    def of(
        cls,
        at: ArrayLike,
        value: ArrayLike,
        *,
        received: ArrayLike | None = None,
        source: ArrayLike = Source.DEVICE,
        id: ArrayLike | None = None,
    ) -> Reads:
        """Columns from anything numpy understands; received = at and id = -1 where not given. Values must be whole."""
        times = np.atleast_1d(np.asarray(at, np.int64))
        values = np.atleast_1d(np.asarray(value))
        if values.dtype.kind not in "iu" and len(values):
            raise ValueError(f"values of type {values.dtype}, expected whole register units (see metering.reads.admit)")
        size = len(times)
        if len(values) != size:
            raise ValueError(f"{size} times and {len(values)} values, expected as many")
        return cls(
            times,
            values.astype(np.int64),
            times.copy() if received is None else np.array(np.broadcast_to(np.asarray(received, np.int64), size)),
            np.array(np.broadcast_to(np.asarray(source, np.uint8), size)),
            np.array(np.broadcast_to(np.asarray(-1 if id is None else id, np.int64), size)),
        )

    def __len__(self) -> int:
        return len(self.at)

    def take(self, rows: NDArray[np.intp] | BoolArray | slice) -> Reads:
        """The rows of an index, mask or slice."""
        return Reads(*(getattr(self, column.name)[rows] for column in fields(self)))


def join(parts: Sequence[Reads]) -> Reads:
    """All reads of several parts in the one canonical order, each (at, value) once: the order of parts does not matter."""
    if not parts:
        return Reads.of([], np.zeros(0, np.int64))
    every = Reads(*(np.concatenate([getattr(part, column.name) for part in parts]) for column in fields(Reads)))
    order = np.lexsort((every.id, every.received, every.source, every.value, every.at))
    every = every.take(order)
    if len(every) < 2:
        return every
    fresh = np.r_[True, (every.at[1:] != every.at[:-1]) | (every.value[1:] != every.value[:-1])]
    return every if fresh.all() else every.take(fresh)


@dataclass(frozen=True, slots=True)
class Admitted:
    """What `admit` let through, and why not the rest: `kept` rows of the input; `rejected` rows with their `reasons`."""

    value: IntArray
    kept: NDArray[np.intp]
    rejected: NDArray[np.intp]
    reasons: tuple[Label, ...]


def ceiling(digits: int | None) -> float:
    """Register units at and above which no register shows a value, whatever unit it is sent in: a million times its size
    (two changes of unit by 1000), 2^53 where the digits are not known."""
    return 2.0**53 if digits is None else min(1e6 * 10.0**digits, 2.0**53)


def admit(raw: ArrayLike, resolution: float = 1.0, digits: int | None = None) -> Admitted:
    """Quantise raw register values to whole units of `resolution`, rejecting what no register can show.

    Rejected: not finite or at or above `ceiling` as impossible, below zero as negative.
    """
    values = np.atleast_1d(np.asarray(raw, np.float64))
    units = values / resolution
    with np.errstate(invalid="ignore"):
        impossible = ~np.isfinite(units) | (units >= ceiling(digits))
        negative = ~impossible & (units < 0)
    bad = impossible | negative
    rejected = np.flatnonzero(bad)
    kept = np.flatnonzero(~bad)
    return Admitted(
        np.rint(units[kept]).astype(np.int64),
        kept,
        rejected,
        tuple(Label.NEGATIVE if negative[row] else Label.IMPOSSIBLE for row in rejected),
    )


@dataclass(frozen=True, slots=True)
class Limits:
    """Parameters laid beside n reads: rate (units per ns), daily (units per ns past a day), modulus (0 = unknown), times ns.

    `raised` is the factor of a lasting demand above the limit, 1 where there is none.
    """

    rate: FloatArray
    daily: FloatArray
    modulus: FloatArray
    raised: FloatArray
    cadence: int
    horizon: int
    slack: int

    def take(self, rows: NDArray[np.intp] | slice) -> Limits:
        """The limits at the rows of an index or slice."""
        return Limits(
            self.rate[rows], self.daily[rows], self.modulus[rows], self.raised[rows], self.cadence, self.horizon, self.slack
        )

    def cap(self, elapsed: NDArray[np.int64], rows: NDArray[np.intp] | slice) -> FloatArray:
        """Most that can have been consumed in `elapsed` ns up to the reads `rows`, register units of the base scale."""
        span = (elapsed + self.slack).astype(np.float64)
        within = np.minimum(span, DAY)
        with np.errstate(invalid="ignore"):
            most = self.rate[rows] * within + np.where(span > DAY, self.daily[rows] * (span - DAY), 0.0)
        return np.asarray(most * self.raised[rows])


def lay(parameters: Sequence[Parameters], at: IntArray) -> Limits:
    """The limits at the times `at` by rows sorted by validity; before the first row its values hold."""
    rows = sorted(parameters, key=lambda row: (row.valid_from, row.revision)) or [Parameters()]
    rate = np.array([np.inf if row.rate is None else row.rate / HOUR for row in rows])
    daily = np.array([day_rate(row) for row in rows])
    modulus = np.array([0.0 if row.digits is None else 10.0**row.digits for row in rows])
    if len(rows) == 1:
        shape = len(at)
        laid = (np.full(shape, rate[0]), np.full(shape, daily[0]), np.full(shape, modulus[0]))
    else:
        starts = np.array([row.valid_from for row in rows], np.int64)
        which = np.maximum(np.searchsorted(starts, at, side="right") - 1, 0)
        laid = (rate[which], daily[which], modulus[which])
    return Limits(
        *laid,
        np.ones(len(at)),
        max(row.cadence for row in rows),
        max(row.horizon for row in rows),
        max(row.slack for row in rows),
    )


def day_rate(row: Parameters) -> float:
    """Rd of a row in register units per ns."""
    if row.daily is not None:
        return row.daily / DAY
    return np.inf if row.rate is None else row.rate / HOUR


def round_up(value: float) -> float:
    """The next of 1, 2, 5 x 10^n at or above `value` (> 0)."""
    power = float(10.0 ** np.floor(np.log10(value)))
    return next(step * power for step in (1.0, 2.0, 5.0, 10.0) if step * power >= value * (1 - 1e-12))


def learn(at: IntArray, value: IntArray, template: Parameters) -> Parameters | None:
    """Limits learned from reads in the base unit: 20 x q95 of the rates of rises not next to a fall, 3 x q95 of daily sums.

    Needs 20 rises (7 days for the daily limit), else None. q99 must not be used: returns from zero can be over 1 % of rises.
    """
    if len(at) < 21:
        return None
    step, elapsed = np.diff(value), np.diff(at)
    fall = step < 0
    beside = fall | np.r_[False, fall[:-1]] | np.r_[fall[1:], False]
    rises = (step > 0) & ~beside & (elapsed >= SECOND)
    if rises.sum() < 20:
        return None
    rate = round_up(20 * float(np.quantile(step[rises] / elapsed[rises] * HOUR, 0.95)))
    calm = np.where(beside, 0, step)
    days, row = np.unique(at[1:] // DAY, return_inverse=True)
    daily = None
    if len(days) >= 7:
        sums = np.bincount(row, weights=calm)
        daily = min(24 * rate, max(round_up(3 * max(float(np.quantile(sums, 0.95)), 1.0)), rate))
    still = longest_still(at, value)
    return Parameters(template.valid_from, rate, daily, template.digits, template.cadence, still, "learned")


def longest_still(at: IntArray, value: IntArray) -> int:
    """The longest time between two advances of the register, ns."""
    moved = np.flatnonzero(np.diff(value) != 0) + 1
    edges = np.r_[0, moved, len(at) - 1]
    return int(np.diff(at[edges]).max())
