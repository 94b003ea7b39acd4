"""The embedded store: one DuckDB file, one process, no server.

Invariants: a batch is one transaction and is on disk when `write` returns; rows are appended with a rising `seq` and
never updated, so that of several rows with one (point, at) the last written wins, at every read and for good when a
closed day is compacted. Writing, housekeeping and reading have threads of their own; readers see one snapshot each.
"""

from __future__ import annotations

import asyncio
import contextlib
import queue
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any, TypeVar

import duckdb
import numpy as np

from steward.errors import StoreError, StoreUnavailable
from steward.model import Batch, NumberArray, PointIndex
from steward.store import Windows, _arrivals, _compaction, _samples
from steward.store._columns import merge, order, sorted_windows
from steward.store._duckfile import Mark, close_file, open_file, settle_log
from steward.store._samples import DAY, HIGHEST, LOWEST, SECOND, Cursor, Keys, snapshot

Result = TypeVar("Result")


class EmbeddedStore:
    """A `Store` in one DuckDB file at `path`.

    memory_limit, threads: what DuckDB may use; readers: reads that run at the same time; clock: now in ns, which days are
    closed for `compact` (without it: those before the newest arrival).
    """

    def __init__(
        self,
        path: Path | str,
        index: PointIndex,
        *,
        clock: Callable[[], int] | None = None,
        memory_limit: str = "1GB",
        threads: int = 2,
        readers: int = 2,
    ) -> None:
        self.path = Path(path)
        self._index = index
        self._clock = clock
        self._memory_limit, self._threads = memory_limit, threads
        self._readers = readers
        self._connection: Cursor | None = None
        self._keys: NumberArray = np.zeros(0, np.int32)  # number of the index -> key in the file, -1 for none
        self._numbers: NumberArray = np.zeros(0, np.int32)  # key in the file -> number of the index
        self._sequence = 0  # rows ever written: the order of writing
        self.lost = 0
        """Samples that had been acknowledged and were not there at `open`: the file or its log was damaged from outside."""
        self._swept: int | None = None  # the UTC day of the last pass that took every late sample
        self._closing = False
        self._broken = False  # DuckDB gave up after a failed checkpoint (a full disk) and wants to be opened again
        self._mending = asyncio.Lock()

    async def open(self) -> None:
        """Opens or creates the file. Raises StoreVersion, StoreUnavailable (another process holds it), StoreError."""
        if self._connection is not None:
            return
        self._writer = ThreadPoolExecutor(1, "store-writer")
        self._keeper = ThreadPoolExecutor(1, "store-keeper")
        self._reader = ThreadPoolExecutor(self._readers, "store-reader")
        try:
            await asyncio.get_running_loop().run_in_executor(self._writer, self._open)
        except BaseException:
            for pool in (self._writer, self._keeper, self._reader):
                pool.shutdown(wait=False)
            raise

    def _open(self) -> None:
        connection = open_file(self.path, memory_limit=self._memory_limit, threads=self._threads)
        mark = Mark(self.path)
        try:
            self._begin(connection, mark)
        except BaseException as error:
            mark.close()
            close_file(self.path, connection)
            if isinstance(error, duckdb.Error):
                raise StoreUnavailable(f"{self.path} cannot be brought up: {error}") from error
            raise

    def _begin(self, connection: Cursor, mark: Mark) -> None:
        ids = [row[0] for row in connection.execute("SELECT id FROM points ORDER BY key").fetchall()]
        self._numbers = np.fromiter((self._index.add(id) for id in ids), np.int32, len(ids))
        self._keys = np.full(len(self._index), -1, np.int32)
        self._keys[self._numbers] = np.arange(len(ids), dtype=np.int32)
        self._sequence = connection.execute(
            """SELECT greatest(value::BIGINT, (SELECT coalesce(max(seq) + 1, 0) FROM recent)) FROM steward_meta
            WHERE key = 'sequence'"""
        ).fetchall()[0][0]
        self.lost = max(0, mark.read() - self._sequence)
        settle_log(self.path, connection, self.lost)
        mark.write(self._sequence)
        self._mark = mark
        self._write_cursor, self._keep_cursor = connection.cursor(), connection.cursor()
        self._read_cursors: queue.SimpleQueue[Cursor] = queue.SimpleQueue()
        for _ in range(self._readers):
            self._read_cursors.put(connection.cursor())
        self._closing = False
        self._connection = connection

    async def close(self) -> None:
        """Waits for what is under way and closes; may be called twice."""
        self._broken = False
        await self._shut()

    async def _shut(self) -> None:
        connection, self._connection = self._connection, None
        if connection is None:
            return
        self._closing = True
        for pool in (self._writer, self._keeper, self._reader):
            await asyncio.to_thread(pool.shutdown)
        cursors = [self._write_cursor, self._keep_cursor, *(self._read_cursors.get() for _ in range(self._readers))]
        for cursor in cursors:
            cursor.close()
        await asyncio.to_thread(close_file, self.path, connection)
        self._mark.close()

    # Writing

    async def write(self, batch: Batch) -> None:
        """Makes a batch durable: one transaction, on disk on return."""
        if len(batch):
            await self._run("_writer", self._write, batch)

    def _write(self, batch: Batch) -> None:
        size = len(batch)
        if not np.isfinite(batch.value).all():
            row = int(np.flatnonzero(~np.isfinite(batch.value))[0])
            raise StoreError(f"row {row} of the batch holds {batch.value[row]}: a sample is a finite number")
        if (
            int(batch.at.min()) < LOWEST
            or int(max(batch.at.max(), batch.received.max())) > HIGHEST
            or int(batch.received.min()) < LOWEST
        ):
            raise StoreError(f"a time outside {LOWEST} to {HIGHEST} ns (years 1823 to 2116)")
        if int(batch.point.min()) < 0 or int(batch.point.max()) >= len(self._index):
            raise StoreError(f"the batch holds point numbers that the index does not ({len(self._index)} points)")
        with snapshot(self._write_cursor) as cursor:
            keys, numbers = self._with_keys(cursor, batch.point)
            columns = {  # noqa: F841  DuckDB finds it by its name
                "point": keys[batch.point],
                "at_ns": batch.at,
                "received_ns": batch.received,
                "value": batch.value,
                "quality": batch.quality,
                "historical": batch.historical,
                "seq": np.arange(self._sequence, self._sequence + size),
            }
            cursor.execute("INSERT INTO recent SELECT * FROM columns")
            self._numbers = numbers  # before the commit, since a reader may see the rows at once
        self._sequence += size
        self._keys = keys
        self._mark.write(self._sequence)

    def _with_keys(self, cursor: Cursor, point: NumberArray) -> tuple[NumberArray, NumberArray]:
        """The key and number tables after giving keys to the points of a batch that have none yet."""
        keys = self._keys
        numbers = self._numbers[: int(keys.max(initial=-1)) + 1]  # without what a failed commit left behind
        if len(keys) < len(self._index):
            keys = np.concatenate([keys, np.full(len(self._index) - len(keys), -1, np.int32)])
        unknown = np.unique(point[keys[point] < 0])
        if len(unknown):
            given = np.arange(len(numbers), len(numbers) + len(unknown), dtype=np.int32)
            ids = np.array([self._index.ids[number] for number in unknown.tolist()], dtype=object)
            new_points = {"key": given, "id": ids}  # noqa: F841
            cursor.execute("INSERT INTO points SELECT * FROM new_points")
            keys = keys.copy()
            keys[unknown] = given
            numbers = np.concatenate([numbers, unknown.astype(np.int32)])
        return keys, numbers

    # Reading

    async def latest(self, points: Sequence[int] | None, since: int) -> Batch:
        """The newest usable sample at or after `since` of each point; the nearer `since`, the less is read."""
        keys = None if points is None else self._keys_of(points)
        return await self._read(lambda cursor: _samples.latest_rows(cursor, keys, max(since, LOWEST)))

    async def read(self, points: Sequence[int], start: int, end: int, limit: int | None = None) -> Batch:
        """Raw samples in [start, end), sorted by (point, at)."""
        keys = self._keys_of(points)
        if limit is None:
            return await self._read(lambda cursor: _samples.rows(cursor, keys, start, end))
        return await self._read(lambda cursor: _samples.first_rows(cursor, keys, start, end, limit))

    async def aggregate(self, points: Sequence[int], start: int, end: int, window: int, origin: int = 0) -> Windows:
        """Aggregates over windows of `window` ns aligned to `origin` ns; whole quarters of an hour are the cheapest."""
        if window <= 0:
            raise StoreError(f"a window of {window} ns: expected more than 0")
        return await self._run("_reader", self._with_cursor, self._aggregate, self._keys_of(points), start, end, window, origin)

    def _aggregate(self, cursor: Cursor, keys: Keys, start: int, end: int, window: int, origin: int) -> Windows:
        start, end = max(start, LOWEST), min(end, HIGHEST + 1)
        with snapshot(cursor):
            found = merge(_samples.partials(cursor, keys, start, end, window, origin) if start < end else [])
        return sorted_windows(found, self._numbers[found.point])

    async def arrived(self, since: int, until: int, limit: int | None = None) -> Batch:
        """Samples with since <= received < until, sorted by (received, point, at), however late they were."""
        return await self._run("_reader", self._with_cursor, self._arrived, since, until, limit)

    def _arrived(self, cursor: Cursor, since: int, until: int, limit: int | None) -> Batch:
        with snapshot(cursor):
            found = _arrivals.arrived(cursor, since, until, limit)
        found = replace(found, point=self._numbers[found.point])
        return found.take(np.lexsort((found.at, found.point, found.received))[:limit])

    def refresh(self) -> None:
        """Nothing to do: only ids are stored."""

    async def count(self) -> int:
        """How many samples are stored, each (point, at) once."""
        return await self._run("_reader", self._with_cursor, _compaction.count)

    # Housekeeping

    async def delete(self, points: Sequence[int], start: int, end: int) -> int:
        """Deletes samples in [start, end); returns how many (point, at) there were."""
        return await self._run("_keeper", self._delete, self._keys_of(points), start, end)

    def _delete(self, keys: Keys, start: int, end: int) -> int:
        with snapshot(self._keep_cursor) as cursor:
            count = _compaction.distinct(cursor, keys, start, end)
            _compaction.forget(cursor, keys, start, end)
        return count

    async def retain(self, before: int) -> None:
        """Forgets all samples with at < before; the file reuses the space."""
        await self._run("_keeper", self._retain, before)

    def _retain(self, before: int) -> None:
        with snapshot(self._keep_cursor) as cursor:
            _compaction.forget(cursor, None, LOWEST, before)
        self._checkpoint()

    async def compact(self) -> None:
        """Seals the days that are over: sorts them, drops replaced versions, rolls them up by quarters of an hour.

        Costs about a second for each million rows, in steps of one transaction, beside running writes and reads. A sealed
        day with late samples is rewritten once these are 2 % of it, at the latest in the first pass of the next UTC day.
        """
        await self._run("_keeper", self._compact)

    def _compact(self) -> None:
        cursor = self._keep_cursor
        now = self._clock() if self._clock else cursor.execute("SELECT max(received_ns) FROM recent").fetchall()[0][0]
        if now is None:
            return
        today = now // SECOND // DAY
        days = _compaction.waiting_days(cursor, today, everything=self._swept != today)
        while days and not self._closing:
            days = days[_compaction.seal(cursor, days) :]
            self._checkpoint()
        while not self._closing and _compaction.group_rollup(cursor):
            self._checkpoint()
        self._swept = today

    def _checkpoint(self) -> None:
        with contextlib.suppress(duckdb.TransactionException):  # a write is under way: a later commit does it by itself
            self._keep_cursor.execute("CHECKPOINT")

    # Inside

    def _keys_of(self, points: Sequence[int]) -> NumberArray:
        """Keys of the points that the file knows, in the order of their numbers."""
        known = self._keys
        numbers = np.unique(np.asarray(points, np.int64))
        numbers = numbers[(numbers >= 0) & (numbers < len(known))]
        keys = known[numbers]
        return keys[keys >= 0]

    async def _read(self, method: Callable[[Cursor], Batch]) -> Batch:
        return await self._run("_reader", self._with_cursor, self._numbered, method)

    def _numbered(self, cursor: Cursor, method: Callable[[Cursor], Batch]) -> Batch:
        """What `method` finds in one snapshot, with numbers of the index, sorted by (point, at)."""
        with snapshot(cursor):
            found = method(cursor)
        found = replace(found, point=self._numbers[found.point])
        rows = order(found.point, found.at)
        return found if rows is None else found.take(rows)

    def _with_cursor(self, method: Callable[..., Result], *arguments: Any) -> Result:
        cursor = self._read_cursors.get()
        try:
            return method(cursor, *arguments)
        finally:
            self._read_cursors.put(cursor)

    async def _run(self, pool: str, method: Callable[..., Result], *arguments: Any) -> Result:
        if self._broken:
            await self._mend()
        if self._connection is None:
            raise StoreUnavailable(f"{self.path} is not open")
        try:
            return await asyncio.get_running_loop().run_in_executor(getattr(self, pool), method, *arguments)
        except duckdb.FatalException as error:
            self._broken = True
            raise StoreUnavailable(f"{self.path} is opened again after: {error}") from error
        except (duckdb.IOException, duckdb.OutOfMemoryException, duckdb.TransactionException) as error:
            raise StoreUnavailable(f"{self.path}: {error}") from error
        except duckdb.Error as error:
            raise StoreError(f"{self.path}: {error}") from error

    async def _mend(self) -> None:
        """Closes and opens a store that DuckDB has given up; what was acknowledged is in its log."""
        async with self._mending:
            if not self._broken:
                return
            await self._shut()
            try:
                await self.open()
            except StoreError as error:
                raise StoreUnavailable(str(error)) from error
            self._broken = False
