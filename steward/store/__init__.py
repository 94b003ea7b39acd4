"""The time-series store: one contract, one file per engine (`embedded`: DuckDB; `influx`: InfluxDB 2).

Contract, held by `tests/store/test_contract.py` for every engine:
- `write` returns when the batch is durable; writing the same (point, at) again changes nothing, or replaces the value
  where it differs (the last write wins). NaN and infinite values are refused with StoreError before anything is written.
- Reads give columns sorted by (point, at); a read after a write sees it. `start` is included, `end` is not.
- StoreUnavailable means: the same call may succeed later (the spool takes over). Every method may be called from any
  task of one event loop; engines do their blocking work in threads of their own.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from steward.model import Batch, FloatArray, IntArray, NumberArray


@dataclass(frozen=True, slots=True)
class Windows:
    """Aggregates by window as columns of equal length, sorted by (point, start); windows without samples are absent.

    start: ns, first moment of the window; first, last: values at the earliest and latest `at` of the window.
    """

    point: NumberArray
    start: IntArray
    mean: FloatArray
    min: FloatArray
    max: FloatArray
    sum: FloatArray
    count: IntArray
    first: FloatArray
    last: FloatArray

    def __len__(self) -> int:
        return len(self.point)


class Store(Protocol):
    """Samples of quality BAD are stored and read raw, but never aggregated nor the latest."""

    async def open(self) -> None:
        """Opens or creates the store. Raises StoreVersion, StoreUnavailable, StoreError."""

    async def close(self) -> None:
        """Flushes and closes; may be called twice."""

    async def write(self, batch: Batch) -> None:
        """Makes a batch durable. Raises StoreUnavailable, StoreError."""

    async def latest(self, points: Sequence[int] | None, since: int) -> Batch:
        """The newest sample at or after `since` of each point (all points when None); points without one are absent."""

    async def read(self, points: Sequence[int], start: int, end: int, limit: int | None = None) -> Batch:
        """Raw samples in [start, end), sorted by (point, at); at most `limit` rows in all."""

    async def aggregate(self, points: Sequence[int], start: int, end: int, window: int, origin: int = 0) -> Windows:
        """Aggregates over windows of `window` ns aligned to `origin` ns, over samples in [start, end)."""

    async def arrived(self, since: int, until: int, limit: int | None = None) -> Batch:
        """Samples with since <= received < until, sorted by (received, point, at): what a replay after a restart feeds.

        An engine may bound how late such a sample can be (InfluxDB: seven days) and says so in its docstring.
        """

    async def delete(self, points: Sequence[int], start: int, end: int) -> int:
        """Deletes samples in [start, end); returns how many (-1 where the engine cannot tell)."""

    async def retain(self, before: int) -> None:
        """Forgets all samples with at < before."""

    async def compact(self) -> None:
        """Background housekeeping (sorting, merging); safe at any time."""

    def refresh(self) -> None:
        """The metadata of points have changed (a reload, an admission): what an engine derived from them is derived anew."""

    async def count(self) -> int:
        """How many samples are stored (-1 where the engine cannot tell cheaply)."""
