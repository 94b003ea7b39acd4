"""Samples: their quality, the numbers of points, and batches of columns.

Invariants: a `Batch` is columns of equal length, never objects; times are int64 nanoseconds since 1970 UTC; `PointIndex`
numbers are append-only, so that a number, once given, means the same point for the life of the process.
"""

from __future__ import annotations

import threading
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from enum import IntEnum
from typing import Any

import numpy as np
from numpy.typing import NDArray

IntArray = NDArray[np.int64]
NumberArray = NDArray[np.int32]
FloatArray = NDArray[np.float64]
ByteArray = NDArray[np.uint8]
BoolArray = NDArray[np.bool_]


class Quality(IntEnum):
    """Whether a sample can be used."""

    GOOD = 0
    UNCERTAIN = 1
    """Stored and shown, with a mark: clock wrong beyond the limit, device says so, restored by a person."""
    BAD = 2
    """Stored for the record, never used."""


class PointIndex:
    """Point ids and their numbers, append-only and shared by every part of a process. Thread-safe."""

    def __init__(self, ids: Iterable[str] = ()) -> None:
        self._lock = threading.Lock()
        self.ids: list[str] = []
        self._numbers: dict[str, int] = {}
        for point in ids:
            self.add(point)

    def add(self, id: str) -> int:
        """The number of `id`, given now if it had none."""
        number = self._numbers.get(id)
        if number is None:
            with self._lock:
                number = self._numbers.setdefault(id, len(self.ids))
                if number == len(self.ids):
                    self.ids.append(id)
        return number

    def get(self, id: str) -> int | None:
        """The number of `id`, None if it has none."""
        return self._numbers.get(id)

    def __len__(self) -> int:
        return len(self.ids)

    def __iter__(self) -> Iterator[str]:
        return iter(self.ids)


@dataclass(frozen=True, slots=True)
class Batch:
    """Samples as columns of equal length n: the unit of commit, and what rules and live state are fed with.

    point: numbers of a PointIndex; at: when it was true, ns; received: when it reached us, ns; value: canonical unit;
    quality: Quality; historical: declared back-fill, stored but never live.
    """

    point: NumberArray
    at: IntArray
    received: IntArray
    value: FloatArray
    quality: ByteArray
    historical: BoolArray

    def __len__(self) -> int:
        return len(self.point)

    @classmethod
    def of(cls, point: Any, at: Any, value: Any, *, received: Any = None, quality: Any = None, historical: Any = None) -> Batch:
        """A batch from anything that numpy understands; missing columns are filled (received = at, GOOD, not historical)."""
        numbers = np.ascontiguousarray(point, dtype=np.int32)
        times = np.ascontiguousarray(at, dtype=np.int64)
        size = len(numbers)
        return cls(
            numbers,
            times,
            times.copy() if received is None else np.ascontiguousarray(np.broadcast_to(np.asarray(received, np.int64), size)),
            np.ascontiguousarray(value, dtype=np.float64),
            np.zeros(size, np.uint8)
            if quality is None
            else np.ascontiguousarray(np.broadcast_to(np.asarray(quality, np.uint8), size)),
            np.zeros(size, np.bool_)
            if historical is None
            else np.ascontiguousarray(np.broadcast_to(np.asarray(historical, np.bool_), size)),
        )

    def take(self, rows: NDArray[Any] | slice) -> Batch:
        """The rows of an index, a boolean mask or a slice."""
        return Batch(
            self.point[rows], self.at[rows], self.received[rows], self.value[rows], self.quality[rows], self.historical[rows]
        )

    @classmethod
    def concat(cls, batches: list[Batch]) -> Batch:
        """All rows of several batches, in order."""
        if not batches:
            return cls.of([], [], [])
        return cls(*(np.concatenate([getattr(batch, name) for batch in batches]) for name in cls.__slots__))
