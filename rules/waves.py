"""Cutting a batch into waves, and routing its points to rows; arrays only, nothing per sample.

A wave holds each key (point or row) at most once, in order of arrival, and the waves of a batch keep each key's order: so
what a row sees does not depend on where batches were split. Routes are offsets by point number (compressed rows): the
entries of point p are `start[p] .. start[p] + count[p]`.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from steward.model import IntArray


class Cutter:
    """Cuts keys into waves, with a scratch array of its own so that the usual case (each key once) costs no sort."""

    def __init__(self) -> None:
        self._scratch = np.empty(0, np.int64)

    def cut(self, keys: IntArray, bound: int) -> list[IntArray]:
        """Index arrays of the waves; keys are in [0, bound)."""
        size = len(keys)
        order = np.arange(size)
        if size < 2:
            return [order] if size else []
        if len(self._scratch) < bound:
            self._scratch = np.empty(bound, np.int64)
        self._scratch[keys[::-1]] = order[::-1]  # of equal keys the last write wins: the earliest
        if np.array_equal(self._scratch.take(keys), order):
            return [order]
        by_key = np.argsort(keys, kind="stable")
        ordered = keys[by_key]
        starts = np.flatnonzero(np.concatenate(([True], ordered[1:] != ordered[:-1])))
        lengths = np.diff(np.append(starts, size))
        occurrence = np.empty(size, np.int64)
        occurrence[by_key] = order - np.repeat(starts, lengths)
        by_wave = np.argsort(occurrence, kind="stable")
        return np.split(by_wave, np.cumsum(np.bincount(occurrence))[:-1])


class Route:
    """Point numbers -> entries. Entry e belongs to row `row[e]` and fills its input `slot[e]`.

    Entries are sorted by point; with one input a row and rows laid out by point, `row` is the identity.
    """

    def __init__(self, numbers: Sequence[int], rows: Sequence[int], slots: Sequence[int], points: int) -> None:
        order = np.argsort(np.asarray(numbers, np.int64), kind="stable")
        self.row: IntArray = np.asarray(rows, np.int64)[order]
        self.slot: IntArray = np.asarray(slots, np.int64)[order]
        self.count = np.bincount(np.asarray(numbers, np.int64), minlength=points).astype(np.int32)
        self.start = (np.cumsum(self.count) - self.count).astype(np.int64)
        self.points = points
        self.identity = bool(np.array_equal(self.row, np.arange(len(self.row))))
        self._seen: IntArray | None = None
        self._known: tuple[IntArray, IntArray] = (self.row[:0], self.row[:0])

    def entries(self, numbers: IntArray) -> tuple[IntArray, IntArray]:
        """(index into `numbers`, entry) of everything that `numbers` (all below `points`) feeds, in their order."""
        if self._seen is not None and np.array_equal(numbers, self._seen):
            return self._known
        count = self.count.take(numbers)
        total = int(count.sum())
        if total == len(numbers) and (not total or int(count.max()) == 1):
            source = np.arange(total)
            entry = self.start.take(numbers)
        else:
            source = np.repeat(np.arange(len(numbers)), count)
            shift = self.start.take(numbers) - (np.cumsum(count) - count)
            entry = np.arange(total) + np.repeat(shift, count)
        self._seen, self._known = numbers.copy(), (source, entry)
        return self._known
