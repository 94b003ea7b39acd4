"""The archive: the store with the history of derived points, which are not stored but follow from the ledger.

Invariants: the contract of steward.store.Store; a derived mean is answered from the figures as they are now, so a restatement
shows in its history at once; everything else is the store's.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import Any, Protocol

import numpy as np

from steward.model import Batch, Quality
from steward.store import Store, Windows


class Past(Protocol):
    """What the archive needs of the books."""

    def means(self, points: Sequence[int]) -> list[int]:
        """Which of these points are derived means."""

    def past(self, points: Sequence[int], start: int, end: int) -> Batch:
        """The samples of derived means in [start, end), sorted by (point, at). Blocks."""


class Archive:
    """A store that knows derived points too; `books` gives the books, None as long as there are none."""

    def __init__(self, store: Store, books: Callable[[], Past | None]) -> None:
        self._store, self._books = store, books

    async def read(self, points: Sequence[int], start: int, end: int, limit: int | None = None) -> Batch:
        """Samples of points in [start, end), sorted by (point, at); at most `limit`."""
        stored, derived = self._parted(points)
        if not derived:
            return await self._store.read(stored, start, end, limit)
        parts = [await self._past(derived, start, end)]
        if stored:
            parts.append(await self._store.read(stored, start, end, limit))
        found = Batch.concat(parts)
        return found.take(np.lexsort((found.at, found.point))[:limit])

    async def aggregate(self, points: Sequence[int], start: int, end: int, window: int, origin: int = 0) -> Windows:
        """Aggregates by windows, as the store gives them."""
        stored, derived = self._parted(points)
        if not derived:
            return await self._store.aggregate(stored, start, end, window, origin)
        made = windows_of(await self._past(derived, start, end), window, origin)
        if not stored:
            return made
        other = await self._store.aggregate(stored, start, end, window, origin)
        joined = {name: np.concatenate([getattr(made, name), getattr(other, name)]) for name in Windows.__slots__}
        order = np.lexsort((joined["start"], joined["point"]))
        return Windows(**{name: column[order] for name, column in joined.items()})

    async def latest(self, points: Sequence[int] | None, since: int) -> Batch:
        """The newest sample of each point since; of all points, only those that are stored."""
        if points is None:
            return await self._store.latest(None, since)
        stored, derived = self._parted(points)
        parts = [await self._store.latest(stored, since)] if stored else []
        if derived:
            found = await self._past(derived, since, 2**62)
            parts.append(found.take(np.append(found.point[1:] != found.point[:-1], np.ones(min(1, len(found)), np.bool_))))
        return Batch.concat(parts)

    def _parted(self, points: Sequence[int]) -> tuple[list[int], list[int]]:
        books = self._books()
        derived = set(books.means(points)) if books is not None else set()
        return [point for point in points if point not in derived], sorted(derived)

    async def _past(self, points: Sequence[int], start: int, end: int) -> Batch:
        books = self._books()
        return Batch.of([], [], []) if books is None else await asyncio.to_thread(books.past, points, start, end)

    def __getattr__(self, name: str) -> Any:
        """Everything else is the store's."""
        return getattr(self._store, name)


def windows_of(batch: Batch, window: int, origin: int = 0) -> Windows:
    """Aggregates of samples sorted by (point, at)."""
    batch = batch.take(batch.quality < Quality.BAD)
    start = (batch.at - origin) // window * window + origin
    first = np.flatnonzero(np.append(True, (batch.point[1:] != batch.point[:-1]) | (start[1:] != start[:-1]))[: len(batch)])
    last = np.append(first[1:], len(batch))[: len(first)] - 1
    count = last - first + 1
    if not len(first):
        none = np.zeros(0)
        whole = np.zeros(0, np.int64)
        return Windows(whole.astype(np.int32), whole, none, none, none, none, whole, none, none)
    total = np.add.reduceat(batch.value, first)
    return Windows(
        batch.point[first],
        start[first],
        total / count,
        np.minimum.reduceat(batch.value, first),
        np.maximum.reduceat(batch.value, first),
        total,
        count.astype(np.int64),
        batch.value[first],
        batch.value[last],
    )
