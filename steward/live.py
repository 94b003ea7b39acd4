"""The live state: the newest usable value of every point, as columns by point number.

Invariants: rows are those of the shared `PointIndex` and only grow; a value moves forward in time only, `min(at, received)`
being its place in time, so that a device whose clock ran ahead cannot freeze its points once the clock is right again;
BAD and historical samples never show; each visible change gives the point a new, higher cursor. Thread-safe, no clock.
"""

from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntEnum

import numpy as np
from numpy.typing import NDArray

from steward.model import Batch, BoolArray, ByteArray, Facility, FloatArray, IntArray, NumberArray, PointIndex, Quality

Rows = NDArray[np.intp]


class Freshness(IntEnum):
    """Whether a live value can be taken for the present one."""

    FRESH = 0
    STALE = 1
    """Silent for longer than k times the expected interval."""
    DEAD = 2
    """Its device was declared lost."""
    NO_DATA = 3
    """Never heard of since the look-back at the start."""


@dataclass(frozen=True, slots=True)
class Snapshot:
    """Columns of equal length, one row per number asked for; copies, safe to keep.

    value: NaN where there is no data; at, received: ns, 0 where there is no data; quality: Quality; freshness: Freshness;
    cursor: the newest change among all points at this moment.
    """

    value: FloatArray
    at: IntArray
    received: IntArray
    quality: ByteArray
    freshness: ByteArray
    cursor: int

    def __len__(self) -> int:
        return len(self.value)


class LiveState:
    """What each point says now. `stale_after`: how many expected intervals of silence make a value stale."""

    def __init__(self, index: PointIndex, facility: Facility, *, stale_after: float = 3.0) -> None:
        self._lock = threading.Lock()
        self._index = index
        self._stale_after = stale_after
        self._cursor = 0
        self._size = 0
        self._value: FloatArray = np.zeros(0)
        self._at: IntArray = np.zeros(0, np.int64)
        self._received: IntArray = np.zeros(0, np.int64)
        self._quality: ByteArray = np.zeros(0, np.uint8)
        self._died: IntArray = np.zeros(0, np.int64)  # when the device was declared lost, 0 for never
        self._silence: IntArray = np.zeros(0, np.int64)  # silence longer than this is stale
        self._freshness: ByteArray = np.zeros(0, np.uint8)
        self._changed: IntArray = np.zeros(0, np.int64)  # cursor of the last change
        self.rebind(facility)

    def __len__(self) -> int:
        return self._size

    @property
    def cursor(self) -> int:
        """The cursor of the newest change; 0 before the first."""
        return self._cursor

    @property
    def newest(self) -> int:
        """When the newest sample of all points was received, ns; 0 before the first."""
        with self._lock:
            return int(self._received[: self._size].max(initial=0))

    # What comes in

    def rebind(self, facility: Facility) -> None:
        """Takes the points of a (new) facility: new ones get rows, the expected interval of each is brought up to date."""
        numbers = np.fromiter((self._index.add(id) for id in facility.points), np.int64, len(facility.points))
        interval = np.fromiter((point.interval for point in facility.points.values()), np.float64, len(numbers))
        with self._lock:
            self._grow(len(self._index))
            self._silence[numbers] = np.minimum(interval * self._stale_after, 2.0**62).astype(np.int64)

    def load(self, batch: Batch) -> None:
        """Takes the newest stored samples at the start; as `update`, but historical ones count too."""
        self._take(batch, batch.quality < Quality.BAD)

    def update(self, batch: Batch) -> None:
        """Moves the live values forward with a batch in any order; what is older than a live value does not show."""
        self._take(batch, (batch.quality < Quality.BAD) & ~batch.historical)

    def _take(self, batch: Batch, usable: BoolArray) -> None:
        if not usable.all():
            batch = batch.take(usable)
        if not len(batch):
            return
        batch = _last_of_each(batch)
        point = batch.point
        with self._lock:
            self._grow(max(len(self._index), int(point.max()) + 1))
            moment = np.minimum(batch.at, batch.received)
            held = np.minimum(self._at[point], self._received[point])
            same = (batch.at == self._at[point]) & (batch.value == self._value[point]) & (batch.quality == self._quality[point])
            ahead = (moment >= held) & ~same
            if not ahead.all():
                batch, point = batch.take(ahead), point[ahead]
            if not len(point):
                return
            self._value[point], self._at[point], self._received[point] = batch.value, batch.at, batch.received
            self._quality[point] = batch.quality
            self._died[point[batch.received > self._died[point]]] = 0  # heard again: not lost
            self._freshness[point] = np.where(self._died[point] > 0, Freshness.DEAD, Freshness.FRESH)
            self._mark(point)

    def deaths(self, points: Sequence[int] | NumberArray, at: int) -> None:
        """The devices of these points are lost since `at` (ns): their values are stale at once."""
        with self._lock:
            rows = self._known(points)
            rows = rows[self._received[rows] <= at]
            self._died[rows] = max(at, 1)
            rows = rows[self._freshness[rows] < Freshness.DEAD]
            self._freshness[rows] = Freshness.DEAD
            self._mark(rows)

    def births(self, points: Sequence[int] | NumberArray) -> None:
        """The devices of these points are back: their values are as fresh as their age at the next `refresh` says."""
        with self._lock:
            rows = self._known(points)
            self._died[rows] = 0
            rows = rows[self._freshness[rows] == Freshness.DEAD]
            self._freshness[rows] = Freshness.FRESH
            self._mark(rows)

    def refresh(self, now: int) -> None:
        """Brings freshness up to date with the time `now` (ns); values that went stale since count as changed."""
        with self._lock:
            size = self._size
            freshness = self._freshness_at(now)
            turned = np.flatnonzero(freshness != self._freshness[:size])
            self._freshness[turned] = freshness[turned]
            self._mark(turned)

    # What goes out

    def stale(self, now: int) -> BoolArray:
        """Which points hold a value that is too old at `now` or whose device is lost, by number; no data is not stale."""
        with self._lock:
            freshness = self._freshness_at(now)
        silent: BoolArray = (freshness == Freshness.STALE) | (freshness == Freshness.DEAD)
        return silent

    def changes(self, since: int) -> NumberArray:
        """The numbers of points that changed after cursor `since`, ascending."""
        with self._lock:
            return np.flatnonzero(self._changed[: self._size] > since).astype(np.int32)

    def snapshot(self, numbers: NumberArray | Sequence[int]) -> Snapshot:
        """The rows of some points at one moment, as of the last `refresh`."""
        rows = np.asarray(numbers, np.intp)
        with self._lock:
            if len(rows) and int(rows.max()) >= self._size:
                self._grow(max(len(self._index), int(rows.max()) + 1))
            return Snapshot(
                self._value[rows],
                self._at[rows],
                self._received[rows],
                self._quality[rows],
                self._freshness[rows],
                self._cursor,
            )

    # Inside, under the lock

    def _freshness_at(self, now: int) -> ByteArray:
        size = self._size
        received, died = self._received[:size], self._died[:size]
        freshness = np.where(now - received > self._silence[:size], Freshness.STALE, Freshness.FRESH).astype(np.uint8)
        freshness[died > 0] = Freshness.DEAD
        freshness[received == 0] = Freshness.NO_DATA
        return freshness

    def _known(self, points: Sequence[int] | NumberArray) -> Rows:
        """Rows of these points that hold a value: a device that was never heard has nothing to lose."""
        rows = np.asarray(points, np.intp)
        rows = rows[rows < self._size]
        return rows[self._received[rows] > 0]

    def _mark(self, rows: Rows | NumberArray) -> None:
        if len(rows):
            self._cursor += 1
            self._changed[rows] = self._cursor

    def _grow(self, size: int) -> None:
        if size > len(self._value):
            more = max(size, 2 * len(self._value), 1024) - len(self._value)
            self._value = np.concatenate([self._value, np.full(more, np.nan)])
            self._quality = np.concatenate([self._quality, np.zeros(more, np.uint8)])
            self._freshness = np.concatenate([self._freshness, np.full(more, Freshness.NO_DATA, np.uint8)])
            self._silence = np.concatenate([self._silence, np.full(more, 2**62, np.int64)])
            for name in ("_at", "_received", "_died", "_changed"):
                setattr(self, name, np.concatenate([getattr(self, name), np.zeros(more, np.int64)]))
        self._size = max(self._size, size)


def _last_of_each(batch: Batch) -> Batch:
    """The row of each point that is latest in time; of rows at one moment the last given."""
    if len(batch) == 1 or bool((batch.point[1:] > batch.point[:-1]).all()):
        return batch
    order = np.lexsort((np.minimum(batch.at, batch.received), batch.point))  # stable: the given order holds within a moment
    point = batch.point[order]
    last = np.ones(len(order), np.bool_)
    last[:-1] = point[1:] != point[:-1]
    return batch.take(order[last])
