"""Arithmetic on sample columns: order, de-duplication, windows. Pure numpy, shared by the engines of this package.

Invariants: "later row wins" everywhere (rows of one (point, at) are given in write order); results are sorted by
(point, at) or (point, start); windows are merged from partial aggregates, so that the rows may come in any number of
sorted runs (a day each, say) without being sorted as a whole first.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from steward.model import Batch, BoolArray, FloatArray, IntArray, Quality
from steward.store import Windows

Rows = NDArray[np.intp]


def in_order(point: NDArray[Any], at: IntArray) -> bool:
    """Whether the rows are sorted by (point, at); equal rows may follow each other."""
    ahead = point[1:] > point[:-1]
    ahead |= (point[1:] == point[:-1]) & (at[1:] >= at[:-1])
    return bool(ahead.all())


def newest(batch: Batch) -> Batch:
    """Rows sorted by (point, at), of rows with the same (point, at) only the last given."""
    if not in_order(batch.point, batch.at):
        batch = batch.take(np.lexsort((batch.at, batch.point)))  # lexsort is stable: the write order within a key holds
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


def windows(batch: Batch, window: int, origin: int) -> Windows:
    """Aggregates of usable rows; rows may be any sequence of runs sorted by (point, at), without a key twice."""
    start = window_start(batch.at, window, origin)
    begins = _run_starts(batch.point, start)
    ends = _run_ends(begins, len(batch))
    partial = _Partial(batch.point[begins], start[begins], batch.at[begins], batch.at[ends], *_fold(batch.value, begins, ends))
    return merge([partial])


def window_start(at: IntArray, window: int, origin: int) -> IntArray:
    """The first moment of the window that holds each `at`, windows being aligned to `origin`."""
    phase = origin % window
    return at - (at - phase) % window


class _Partial:
    """Aggregates of runs: a window may be in several of them, and is made whole by `merge`."""

    def __init__(self, point: NDArray[np.int32], start: IntArray, first_at: IntArray, last_at: IntArray, *folded: Any) -> None:
        self.point, self.start, self.first_at, self.last_at = point, start, first_at, last_at
        self.sum, self.min, self.max, self.count, self.first, self.last = folded


def _run_starts(point: NDArray[np.int32], start: IntArray) -> Rows:
    fresh: BoolArray = np.ones(len(point), np.bool_)
    fresh[1:] = (point[1:] != point[:-1]) | (start[1:] != start[:-1])
    return np.flatnonzero(fresh)


def _run_ends(begins: Rows, size: int) -> Rows:
    return np.append(begins, size)[1:] - 1


def _fold(value: FloatArray, begins: Rows, ends: Rows) -> tuple[Any, ...]:
    if not len(begins):
        nothing = np.zeros(0)
        return nothing, nothing, nothing, np.zeros(0, np.int64), nothing, nothing
    return (
        np.add.reduceat(value, begins),
        np.minimum.reduceat(value, begins),
        np.maximum.reduceat(value, begins),
        (ends - begins + 1).astype(np.int64),
        value[begins],
        value[ends],
    )


def merge(partials: list[_Partial]) -> Windows:
    """Whole windows from partial ones, sorted by (point, start)."""

    def column(name: str) -> Any:
        return getattr(partials[0], name) if len(partials) == 1 else np.concatenate([getattr(p, name) for p in partials])

    point, start, first_at = column("point"), column("start"), column("first_at")
    order = np.lexsort((first_at, start, point))
    point, start = point[order], start[order]
    begins = _run_starts(point, start)
    total, count = column("sum")[order], column("count")[order]
    low, high, first, last = column("min")[order], column("max")[order], column("first")[order], column("last")[order]
    if len(begins) < len(point):
        last_at = column("last_at")[order]
        latest = np.lexsort((last_at, start, point))  # within a window the run that ends last is now last
        ends = _run_ends(begins, len(point))
        first, last = first[begins], last[latest][ends]
        total, count = np.add.reduceat(total, begins), np.add.reduceat(count, begins)
        low, high = np.minimum.reduceat(low, begins), np.maximum.reduceat(high, begins)
        point, start = point[begins], start[begins]
    return Windows(point, start, total / count, low, high, total, count, first, last)
