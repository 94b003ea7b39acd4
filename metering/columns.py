"""Consumption in canonical units, as columns: what the ledger hands out, and what every derived figure is made from and is.

Invariants: columns are of equal length and in time order; a value is consumption in [start, end) in the canonical unit of its
metric; what is held or missing counts as nothing and says so by its flag; a sum takes the worst method, all flags (peak
eligible only where all are), the least confidence. Times are int64 ns.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from metering.intervals import QUARTER, Flag, Method, Period, grid, period_keys
from steward.model import BoolArray, ByteArray, FloatArray, IntArray

PEAK = np.uint16(Flag.PEAK_ELIGIBLE)
OPEN = np.uint16(Flag.MISSING | Flag.HELD)
ESTIMATED = np.uint16(Flag.SPREAD | Flag.UNRESOLVED)


@dataclass(frozen=True, slots=True)
class Columns:
    """Consumption of one register, virtual meter or sum: columns of equal length n, in time order.

    start, end: ns; value: canonical unit (Wh, m3 ...); method: Method; flags: Flag; confidence: 0-1; coverage: share of the
    interval that is neither missing nor held; revision: number that rises with every restatement.
    """

    start: IntArray
    end: IntArray
    value: FloatArray
    method: ByteArray
    flags: NDArray[np.uint16]
    confidence: NDArray[np.float32]
    coverage: NDArray[np.float32]
    revision: IntArray

    def __len__(self) -> int:
        return len(self.start)

    @classmethod
    def of(cls, start: Any, end: Any, value: Any, **more: Any) -> Columns:
        """Columns of anything that numpy understands; missing columns: measured, no flags, sure, whole, revision 0."""
        size = len(start)
        column = {
            "method": np.zeros(size),
            "flags": np.zeros(size),
            "confidence": np.ones(size),
            "coverage": np.ones(size),
            "revision": np.zeros(size),
        } | more
        return cls(
            np.asarray(start, np.int64),
            np.asarray(end, np.int64),
            np.asarray(value, np.float64),
            np.asarray(column["method"], np.uint8),
            np.asarray(column["flags"], np.uint16),
            np.asarray(column["confidence"], np.float32),
            np.asarray(column["coverage"], np.float32),
            np.asarray(column["revision"], np.int64),
        )

    @classmethod
    def missing(cls, start: IntArray, end: IntArray) -> Columns:
        """Nothing known in the given intervals."""
        size = len(start)
        flags = np.full(size, Flag.MISSING)
        return cls.of(start, end, np.zeros(size), flags=flags, confidence=np.zeros(size), coverage=np.zeros(size))

    def take(self, rows: NDArray[np.intp] | BoolArray | slice) -> Columns:
        """The rows of an index, mask or slice."""
        return Columns(*(getattr(self, column.name)[rows] for column in fields(self)))

    def has(self, flag: Flag) -> BoolArray:
        """Which intervals carry any of `flag`."""
        return np.asarray((self.flags & np.uint16(flag)) != 0)

    def total(self) -> float:
        """Sum of all values, canonical unit."""
        return float(self.value.sum())

    def estimated(self) -> BoolArray:
        """Which intervals are of an estimated size or shape: worse than replayed, spread, or unresolved."""
        return np.asarray((self.method >= Method.INTERPOLATED) | ((self.flags & ESTIMATED) != 0))

    def open(self) -> BoolArray:
        """Which intervals are missing or held, wholly or in part."""
        return np.asarray((self.flags & OPEN) != 0)

    def shapely(self) -> BoolArray:
        """Which intervals show the true course of the load: measured, whole, neither spread nor estimated."""
        return ~self.open() & ~self.estimated() & ~self.has(Flag.ABOVE_LIMIT)


def grid_columns(start: int, end: int) -> tuple[IntArray, IntArray]:
    """Starts and ends of the quarter hours that cover [start, end)."""
    starts = grid(start, end)
    return starts, starts + QUARTER


def align(columns: Columns, start: IntArray) -> Columns:
    """The columns on the quarter-hour grid `start`; what they do not hold is missing. Raises ValueError off the grid."""
    if len(columns) == len(start) and (columns.start == start).all():
        return columns
    whole = Columns.missing(start, start + QUARTER)
    if not len(columns) or not len(start):
        return whole
    place = (columns.start - start[0]) // QUARTER
    if (columns.start % QUARTER).any():
        raise ValueError("columns lie beside the quarter-hour grid")
    inside = (place >= 0) & (place < len(start))
    rows, source = place[inside], columns.take(inside)
    out = {column.name: getattr(whole, column.name).copy() for column in fields(whole)}
    for name, target in out.items():
        target[rows] = getattr(source, name)
    return Columns(**out)


def marks(parts: Sequence[Columns]) -> Mapping[str, Any]:
    """The marks of something made from all of `parts` (same grid, at least one): see the module's invariants. `revision` is the
    sum of the parts' revisions, so it rises whenever any of them is restated."""
    flags = np.bitwise_or.reduce([part.flags for part in parts]) & ~PEAK
    flags |= np.bitwise_and.reduce([part.flags for part in parts]) & PEAK
    return {
        "method": np.maximum.reduce([part.method for part in parts]),
        "flags": flags,
        "confidence": np.minimum.reduce([part.confidence for part in parts]),
        "coverage": np.minimum.reduce([part.coverage for part in parts]),
        "revision": np.sum([part.revision for part in parts], axis=0, dtype=np.int64),
    }


def add(parts: Sequence[Columns], weights: Sequence[float] | None = None) -> Columns:
    """The weighted sum of columns over one grid. Raises ValueError for different grids or none."""
    if not parts:
        raise ValueError("a sum of nothing has no grid")
    first = parts[0]
    if any(len(part) != len(first) or (part.start != first.start).any() for part in parts[1:]):
        raise ValueError("columns of different grids cannot be added")
    factors = [1.0] * len(parts) if weights is None else list(weights)
    value = np.zeros(len(first))
    for part, factor in zip(parts, factors, strict=True):
        value += factor * part.value
    return replace(first, value=value, **marks(parts))


def negative_flagged(columns: Columns, tolerance: float = 1e-6) -> Columns:
    """The columns with BACKFLOW on every value below zero: no negative consumption without a mark. A rounding error of less
    than `tolerance` below zero is zero."""
    value = np.where((columns.value < 0) & (columns.value > -tolerance), 0.0, columns.value)
    flags = np.where(value < 0, columns.flags | np.uint16(Flag.BACKFLOW), columns.flags)
    return replace(columns, value=value, flags=flags.astype(np.uint16))


def sum_periods(columns: Columns, zone: str, period: Period | str, billing_day: int = 1) -> Columns:
    """Quarter-hour columns summed over local periods of an IANA zone; the worst method, all flags, confidence weighted by
    consumption, the share covered, the newest revision."""
    size = len(columns)
    if not size or Period(period) is Period.QUARTER:
        return columns
    keys = period_keys(columns.start, zone, Period(period), billing_day)
    first = np.flatnonzero(np.r_[True, keys[1:] != keys[:-1]])
    last = np.r_[first[1:], size] - 1
    weight = np.abs(columns.value) + 1e-9
    joined = np.bitwise_or.reduceat(columns.flags, first)
    every = np.bitwise_and.reduceat(columns.flags, first)
    confidence = np.add.reduceat(columns.confidence * weight, first) / np.add.reduceat(weight, first)
    span = (columns.end - columns.start).astype(np.float64)
    return Columns(
        columns.start[first],
        columns.end[last],
        np.add.reduceat(columns.value, first),
        np.maximum.reduceat(columns.method, first),
        (joined & ~PEAK) | (every & PEAK),
        confidence.astype(np.float32),
        (np.add.reduceat(columns.coverage * span, first) / np.add.reduceat(span, first)).astype(np.float32),
        np.maximum.reduceat(columns.revision, first),
    )


@dataclass(frozen=True, slots=True)
class Quality:
    """How a total came about. estimated: share of its consumption that is interpolated, estimated, of a reset or swap; spread:
    share whose shape is unknown; held: share of its time that waits for reads or a person; missing: share of its time without
    reads; provisional: share of its time that later reads may restate; negative: intervals below zero; method: the worst."""

    estimated: float
    spread: float
    held: float
    missing: float
    provisional: float
    negative: int
    confidence: float
    method: Method
    revision: int

    @property
    def whole(self) -> bool:
        """Whether all of it is known and settled."""
        return not (self.held or self.missing or self.provisional)


def quality(columns: Columns) -> Quality:
    """The quality of the total of all rows."""
    size = len(columns)
    if not size:
        return Quality(0.0, 0.0, 0.0, 1.0, 0.0, 0, 0.0, Method.ESTIMATED, 0)
    weight = np.abs(columns.value)
    whole = float(weight.sum())

    def share(rows: BoolArray) -> float:
        return float(weight[rows].sum() / whole) if whole else 0.0

    counted = columns.flags & np.uint16(Flag.MISSING) == 0
    return Quality(
        estimated=share(np.asarray(columns.method >= Method.INTERPOLATED)),
        spread=share(columns.has(Flag.SPREAD)),
        held=float(columns.has(Flag.HELD).mean()),
        missing=float(columns.has(Flag.MISSING).mean()),
        provisional=float(columns.has(Flag.PROVISIONAL).mean()),
        negative=int((columns.value < 0).sum()),
        confidence=float((columns.confidence * (weight + 1e-9)).sum() / (weight + 1e-9).sum()),
        method=Method(int(columns.method[counted].max(initial=0))) if counted.any() else Method.ESTIMATED,
        revision=int(columns.revision.max(initial=0)),
    )
