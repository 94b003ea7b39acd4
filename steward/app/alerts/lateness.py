"""Which samples came late, and from when on that is not settled yet, so that a crash forgets none of them.

Invariants: no mark is written; on record is only the arrival before which everything late was looked at (`watermark`), and
after a crash the marks are made anew from what the store holds of the arrivals since. A mark is taken to be looked at, and
comes back when that failed. Late: older than what had arrived before, or declared so; delayed: came long after its time.
"""

from __future__ import annotations

import asyncio
import struct
from dataclasses import dataclass

import numpy as np

from steward.app.alerts.absence import DELAYED
from steward.model import Batch, BoolArray, IntArray, Quality
from steward.store import Store
from steward.units import DAY, MINUTE, SECOND

STATE = "late"
"""The watermark's name among the states of the records."""
WAITING = 20_000
"""Points that may wait; beyond it late samples are counted and left."""
SETTLED = 2 * MINUTE
"""A device has told what it kept when nothing delayed has come for so long ..."""
PATIENCE = 30 * MINUTE
"""... or has been telling for so long."""
MARGIN = 60 * SECOND
"""Arrivals are gone through again from this long before the watermark: batches of several brokers may commit crosswise."""
REACH = 7 * DAY
"""What arrived longer ago than this is not looked at any more."""
LAG = 5 * SECOND
"""A sample that is no older than this when it arrives is live: nothing newer is looked for that had come before it."""
POINTS_READ = 500
PAGE = 200_000
SAMPLES = 2_000_000
_HEAD = struct.Struct("<q")
_NEVER = np.iinfo(np.int64).min

Late = dict[int, set[int]]
"""Point number -> times of its late samples, ns."""


@dataclass(slots=True)
class Flush:
    """Delayed samples of a point: their first and last `at`, and when the first and the last of them came, ns."""

    first: int
    last: int
    began: int
    ended: int


class Lateness:
    """The marks of one service: `note` each committed batch, `take` marks and `put_back` what could not be looked at."""

    def __init__(self, started: int) -> None:
        self.started = started
        self.crowded = 0
        self._newest = np.full(1024, _NEVER, np.int64)
        self._late: Late = {}
        self._came: dict[int, int] = {}  # point number -> arrival of the earliest of its late samples
        self._flushes: dict[int, Flush] = {}
        self._seen = started
        self._unread: int | None = None  # arrivals since then, up to `started`, were not gone through yet

    # the watermark

    def restore(self, payload: bytes | None) -> None:
        """Goes on from a saved watermark; without one from the start on."""
        if payload is not None and len(payload) == _HEAD.size:
            self._unread = max(_HEAD.unpack(payload)[0] - MARGIN, self.started - REACH)

    def watermark(self) -> bytes:
        """The arrival (ns) before which no late sample waits, to be saved."""
        pending = [*self._came.values(), *(flush.began for flush in self._flushes.values())]
        if self._unread is not None:
            pending.append(self._unread + MARGIN)
        return _HEAD.pack(min([self._seen, *pending]))

    async def recover(self, store: Store) -> int:
        """Marks what arrived between the saved watermark and the start; returns how many samples that are late."""
        if self._unread is None:
            return 0
        since, count = self._unread, 0
        while since < self.started:
            page = await store.arrived(since, self.started, PAGE)
            if not len(page):
                break
            end = int(page.received[-1])
            if len(page) >= PAGE and end > since:
                page = page.take(page.received < end)  # the last moment may be cut: it comes whole with the next page
            else:
                end += 1
            count += await self._recover(store, page, since)
            since = end
        self._unread = None
        return count

    async def _recover(self, store: Store, page: Batch, since: int) -> int:
        """Marks a page of arrivals. What came before `since` is asked only for points of which the page holds something that
        old, those of about the same age together: of live ones there are many."""
        old = page.take(page.at < since - LAG)
        order = np.argsort(old.at, kind="stable")
        points, first = np.unique(old.point[order], return_index=True)
        oldest = old.at[order][first]
        ranked = np.argsort(oldest, kind="stable")
        before: list[Batch] = []
        for chunk in np.array_split(ranked, -(-len(ranked) // POINTS_READ)) if len(ranked) else ():
            known = await store.read(points[chunk].tolist(), int(oldest[chunk].min()), int(self.started + DAY), SAMPLES)
            before.append(known.take(known.received < since))
        found = await asyncio.to_thread(late_of, Batch.concat([*before, page]))
        late = found[sum(map(len, before)) :]
        late = (late | page.historical) & (page.quality != Quality.BAD)
        self._mark(page, late)
        return int(late.sum())

    # marks

    def seed(self, latest: Batch) -> None:
        """The newest sample of every point, as the store has it: what is older than these is late."""
        self._advance(latest)

    def note(self, batch: Batch) -> None:
        """A committed batch: remembers which of its samples are late, and which were delayed."""
        if not len(batch):
            return
        self._grow(int(batch.point.max()))
        late = (batch.historical | (batch.at < self._newest[batch.point])) & (batch.quality != Quality.BAD)
        self._advance(batch)
        self._mark(batch, late)
        self._seen = max(self._seen, int(batch.received.max()))

    def _mark(self, batch: Batch, late: BoolArray) -> None:
        rows = batch.take(late)
        for point, at, came in zip(rows.point.tolist(), rows.at.tolist(), rows.received.tolist(), strict=True):
            if point not in self._late and len(self._late) >= WAITING:
                self.crowded += 1
                continue
            self._late.setdefault(point, set()).add(at)
            self._came[point] = min(came, self._came.get(point, came))
        delayed = batch.received - batch.at > DELAYED
        if not delayed.any():
            return
        rows = batch.take(delayed)
        order = np.argsort(rows.point, kind="stable")
        numbers, starts = np.unique(rows.point[order], return_index=True)
        at, came = rows.at[order], rows.received[order]
        spans = zip(
            numbers.tolist(),
            np.minimum.reduceat(at, starts).tolist(),
            np.maximum.reduceat(at, starts).tolist(),
            np.minimum.reduceat(came, starts).tolist(),
            np.maximum.reduceat(came, starts).tolist(),
            strict=True,
        )
        for number, *span in spans:
            self._widen(number, Flush(*span))

    def _widen(self, number: int, span: Flush) -> None:
        held = self._flushes.get(number)
        if held is None:
            if len(self._flushes) < WAITING:
                self._flushes[number] = span
            return
        held.first, held.last = min(held.first, span.first), max(held.last, span.last)
        held.began, held.ended = min(held.began, span.began), max(held.ended, span.ended)

    def _advance(self, batch: Batch) -> None:
        if len(batch):
            self._grow(int(batch.point.max()))
            live = ~batch.historical
            np.maximum.at(self._newest, batch.point[live], batch.at[live])

    def _grow(self, number: int) -> None:
        if number >= len(self._newest):
            more = np.full(max(number + 1 - len(self._newest), len(self._newest)), _NEVER, np.int64)
            self._newest = np.concatenate([self._newest, more])

    # what is to be looked at

    def take(self, points: int) -> tuple[Late, dict[int, int]]:
        """The late samples of the `points` that wait longest, and when the first of each came."""
        chosen = list(self._late)[:points]
        return {point: self._late.pop(point) for point in chosen}, {point: self._came.pop(point) for point in chosen}

    def put_back(self, late: Late, came: dict[int, int]) -> None:
        """They could not be looked at: they wait again, behind the others."""
        for point, times in late.items():
            self._late.setdefault(point, set()).update(times)
            self._came[point] = min(came[point], self._came.get(point, came[point]))

    def settled(self, now: int) -> dict[int, Flush]:
        """The points whose devices have told what they had kept; taken out."""
        ready = [number for number, one in self._flushes.items() if now - one.ended >= SETTLED or now - one.began >= PATIENCE]
        return {number: self._flushes.pop(number) for number in ready}

    def again(self, flushes: dict[int, Flush]) -> None:
        """They could not be looked at: they wait again."""
        for number, flush in flushes.items():
            self._widen(number, flush)


def late_of(batch: Batch) -> BoolArray:
    """Which samples are older than one of the same point that had arrived before them; rows in any order."""
    size = len(batch)
    if not size:
        return np.zeros(0, np.bool_)
    rank = np.unique(batch.at, return_inverse=True)[1].astype(np.int64)
    point = np.unique(batch.point, return_inverse=True)[1].astype(np.int64)
    order = np.lexsort((rank, batch.received, point))
    key: IntArray = point[order] * (size + 1) + rank[order]  # rises from point to point, so one running maximum serves all
    newest = np.maximum.accumulate(key)
    received, points = batch.received[order], point[order]
    begins = np.r_[True, (points[1:] != points[:-1]) | (received[1:] != received[:-1])]
    group = np.maximum.accumulate(np.where(begins, np.arange(size), 0))
    before = np.where(group > 0, newest[np.maximum(group - 1, 0)], -1)
    found = np.zeros(size, np.bool_)
    found[order] = (before >= points * (size + 1)) & (before > key)
    return found
