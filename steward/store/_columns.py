"""Arithmetic on sample columns: order, de-duplication, windows. Pure numpy, shared by the engines of this package.

Invariants: "later row wins" everywhere (rows of one (point, at) are given in write order); results are sorted by
(point, at) or (point, start); windows are merged from partial aggregates, so that the rows may come in any number of
sorted runs (a day each, say) without being sorted as a whole first.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from steward.model import Batch, BoolArray, FloatArray, IntArray, NumberArray, Quality
from steward.store import Windows

Rows = NDArray[np.intp]

_RADIX = 1 << 16  # numpy sorts 16-bit integers by radix, in a fraction of the time of a comparison sort


def in_order(point: NDArray[Any], at: IntArray) -> bool:
    """Whether the rows are sorted by (point, at); equal rows may follow each other."""
    ahead = point[1:] > point[:-1]
    ahead |= (point[1:] == point[:-1]) & (at[1:] >= at[:-1])
    return bool(ahead.all())


def order(point: NDArray[Any], at: IntArray) -> Rows | None:
    """The stable order by (point, at), None when the rows are in it already."""
    if in_order(point, at):
        return None
    low = int(point.min())
    if int(point.max()) - low < _RADIX:  # rows by day, each day sorted: the order by point alone is the whole order
        by_point = np.argsort((point - low).astype(np.uint16), kind="stable")
        if in_order(point[by_point], at[by_point]):
            return by_point
    return np.lexsort((at, point))


def newest(batch: Batch) -> Batch:
    """Rows sorted by (point, at), of rows with the same (point, at) only the last given."""
    rows = order(batch.point, batch.at)
    if rows is not None:
        batch = batch.take(rows)
    last = np.ones(len(batch), np.bool_)
    last[:-1] = (batch.point[1:] != batch.point[:-1]) | (batch.at[1:] != batch.at[:-1])
    return batch if last.all() else batch.take(last)


def usable(batch: Batch) -> Batch:
    """The rows that are not BAD."""
    good = batch.quality < Quality.BAD
    return batch if good.all() else batch.take(good)


def newest_of_each(batch: Batch) -> Batch:
    """The row of the greatest `at` of each point, of a batch sorted by (point, at)."""
    last = np.ones(len(batch), np.bool_)
    last[:-1] = batch.point[1:] != batch.point[:-1]
    return batch.take(last)


class Partial(NamedTuple):
    """Aggregates of parts of windows, columns of equal length: a window may be in several rows, made whole by `merge`.

    start: first moment of the window, ns; first_at, last_at: any moments that put the parts of a window in their order.
    """

    point: NumberArray
    start: IntArray
    first_at: IntArray
    last_at: IntArray
    total: FloatArray
    low: FloatArray
    high: FloatArray
    samples: IntArray
    first: FloatArray
    last: FloatArray


def window_start(at: IntArray, window: int, origin: int) -> IntArray:
    """The first moment of the window that holds each `at`, windows being aligned to `origin`."""
    phase = origin % window
    return at - (at - phase) % window


def fold(point: NumberArray, at: IntArray, value: FloatArray, window: int, origin: int) -> Partial:
    """Partial aggregates of rows that come as any sequence of runs sorted by (point, at), without a key twice."""
    start = window_start(at, window, origin)
    begins = _run_starts(point, start)
    ends = _run_ends(begins, len(point))
    if not len(begins):
        nothing = np.zeros(0)
        return Partial(point, start, at, at, nothing, nothing, nothing, np.zeros(0, np.int64), nothing, nothing)
    with np.errstate(over="ignore"):  # the sum of the largest doubles is infinite
        total = np.add.reduceat(value, begins)
    low, high = np.minimum.reduceat(value, begins), np.maximum.reduceat(value, begins)
    count = (ends - begins + 1).astype(np.int64)
    return Partial(point[begins], start[begins], at[begins], at[ends], total, low, high, count, value[begins], value[ends])


def merge(partials: list[Partial]) -> Windows:
    """Whole windows from partial ones, sorted by (point, start)."""
    if not partials:
        return merge([fold(np.zeros(0, np.int32), np.zeros(0, np.int64), np.zeros(0), 1, 0)])
    whole = partials[0] if len(partials) == 1 else Partial(*map(np.concatenate, zip(*partials, strict=True)))
    rows = order(whole.point, whole.first_at)
    if rows is not None:
        columns: list[Any] = [column[rows] for column in whole]
        whole = Partial(*columns)
    begins = _run_starts(whole.point, whole.start)
    if len(begins) == len(whole.point):
        total, count, low, high, first, last = whole.total, whole.samples, whole.low, whole.high, whole.first, whole.last
    else:
        ends = _run_ends(begins, len(whole.point))
        first, last = whole.first[begins], _last(whole, begins)[ends]
        with np.errstate(over="ignore"):
            total = np.add.reduceat(whole.total, begins)
        count = np.add.reduceat(whole.samples, begins)
        low, high = np.minimum.reduceat(whole.low, begins), np.maximum.reduceat(whole.high, begins)
    return Windows(whole.point[begins], whole.start[begins], total / count, low, high, total, count, first, last)


def sorted_windows(windows: Windows, point: NumberArray) -> Windows:
    """The same windows under other point numbers, sorted by (point, start)."""
    columns = [point, *(getattr(windows, name) for name in Windows.__slots__[1:])]
    rows = order(point, windows.start)
    return Windows(*(columns if rows is None else (column[rows] for column in columns)))


def _last(whole: Partial, begins: Rows) -> FloatArray:
    """The `last` column with, in each window, the part that ends last at the end."""
    rising = whole.last_at[1:] >= whole.last_at[:-1]
    rising[begins[1:] - 1] = True
    if rising.all():
        return whole.last
    return whole.last[np.lexsort((whole.last_at, whole.start, whole.point))]


def _run_starts(point: NumberArray, start: IntArray) -> Rows:
    fresh: BoolArray = np.ones(len(point), np.bool_)
    fresh[1:] = (point[1:] != point[:-1]) | (start[1:] != start[:-1])
    return np.flatnonzero(fresh)


def _run_ends(begins: Rows, size: int) -> Rows:
    return np.append(begins, size)[1:] - 1
