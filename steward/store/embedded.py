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
from pathlib import Path
from typing import Any, TypeVar

import duckdb
import numpy as np
from numpy.typing import NDArray

from steward.errors import StoreError, StoreUnavailable
from steward.model import Batch, IntArray, NumberArray, PointIndex
from steward.store import Windows
from steward.store._columns import newest, newest_of_each, usable, windows
from steward.store._duckfile import close_file, open_file

Result = TypeVar("Result")
Cursor = duckdb.DuckDBPyConnection

_COLUMNS = "point, at_ns, received_ns, value, quality, historical"
_LOWEST, _HIGHEST = -(2**63), 2**63 - 1


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
        self._sequence = 0

    async def open(self) -> None:
        """Opens or creates the file. Raises StoreVersion, StoreUnavailable (another process holds it), StoreError."""
        if self._connection is not None:
            return
        self._writer = ThreadPoolExecutor(1, "store-writer")
        self._keeper = ThreadPoolExecutor(1, "store-keeper")
        self._reader = ThreadPoolExecutor(self._readers, "store-reader")
        await asyncio.get_running_loop().run_in_executor(self._writer, self._open)

    def _open(self) -> None:
        connection = open_file(self.path, memory_limit=self._memory_limit, threads=self._threads)
        ids = [row[0] for row in connection.execute("SELECT id FROM points ORDER BY key").fetchall()]
        self._numbers = np.fromiter((self._index.add(id) for id in ids), np.int32, len(ids))
        self._keys = np.full(len(self._index), -1, np.int32)
        self._keys[self._numbers] = np.arange(len(ids), dtype=np.int32)
        self._sequence = connection.execute("SELECT coalesce(max(seq) + 1, 0) FROM recent").fetchall()[0][0]
        self._write_cursor, self._keep_cursor = connection.cursor(), connection.cursor()
        self._read_cursors: queue.SimpleQueue[Cursor] = queue.SimpleQueue()
        for _ in range(self._readers):
            self._read_cursors.put(connection.cursor())
        self._connection = connection

    async def close(self) -> None:
        """Waits for what is under way and closes; may be called twice."""
        connection, self._connection = self._connection, None
        if connection is None:
            return
        for pool in (self._writer, self._keeper, self._reader):
            await asyncio.to_thread(pool.shutdown)
        cursors = [self._write_cursor, self._keep_cursor, *(self._read_cursors.get() for _ in range(self._readers))]
        for cursor in cursors:
            cursor.close()
        await asyncio.to_thread(close_file, self.path, connection)

    # Writing

    async def write(self, batch: Batch) -> None:
        """Makes a batch durable: one transaction, on disk on return."""
        if len(batch):
            await self._run(self._writer, self._write, batch)

    def _write(self, batch: Batch) -> None:
        size = len(batch)
        if not np.isfinite(batch.value).all():
            row = int(np.flatnonzero(~np.isfinite(batch.value))[0])
            raise StoreError(f"row {row} of the batch holds {batch.value[row]}: a sample is a finite number")
        if int(batch.point.min()) < 0 or int(batch.point.max()) >= len(self._index):
            raise StoreError(f"the batch holds point numbers that the index does not ({len(self._index)} points)")
        cursor = self._write_cursor
        cursor.execute("BEGIN")
        try:
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
            before, self._numbers = self._numbers, numbers  # before the commit: a reader may see the rows at once
            try:
                cursor.execute("COMMIT")
            except BaseException:
                self._numbers = before
                raise
        except BaseException:
            _roll_back(cursor)
            raise
        self._sequence += size
        self._keys = keys

    def _with_keys(self, cursor: Cursor, point: NumberArray) -> tuple[NumberArray, NumberArray]:
        """The key and number tables after giving keys to the points of a batch that have none yet."""
        keys, numbers = self._keys, self._numbers
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
        """The newest usable sample at or after `since` of each point."""
        return await self._read(self._latest, points, since)

    def _latest(self, cursor: Cursor, points: Sequence[int] | None, since: int) -> Batch:
        return newest_of_each(usable(self._rows(cursor, self._keys_of(points), since, _HIGHEST)))

    async def read(self, points: Sequence[int], start: int, end: int, limit: int | None = None) -> Batch:
        """Raw samples in [start, end), sorted by (point, at)."""
        return await self._read(self._read_rows, points, start, end, limit)

    def _read_rows(self, cursor: Cursor, points: Sequence[int], start: int, end: int, limit: int | None) -> Batch:
        rows = self._rows(cursor, self._keys_of(points), start, end)
        return rows if limit is None else rows.take(np.arange(min(limit, len(rows))))

    async def aggregate(self, points: Sequence[int], start: int, end: int, window: int, origin: int = 0) -> Windows:
        """Aggregates over windows of `window` ns aligned to `origin` ns."""
        if window <= 0:
            raise StoreError(f"a window of {window} ns: expected more than 0")
        return await self._read(self._aggregate, points, start, end, window, origin)

    def _aggregate(self, cursor: Cursor, points: Sequence[int], start: int, end: int, window: int, origin: int) -> Windows:
        return windows(usable(self._rows(cursor, self._keys_of(points), start, end)), window, origin)

    async def arrived(self, since: int, until: int, limit: int | None = None) -> Batch:
        """Samples with since <= received < until, sorted by (received, point, at)."""
        return await self._read(self._arrived, since, until, limit)

    def _arrived(self, cursor: Cursor, since: int, until: int, limit: int | None) -> Batch:
        rows = self._rows(cursor, None, _LOWEST, _HIGHEST)
        rows = rows.take((rows.received >= since) & (rows.received < until))
        return rows.take(np.lexsort((rows.at, rows.point, rows.received))[:limit])

    async def count(self) -> int:
        """How many samples are stored, each (point, at) once."""
        return await self._read(self._count)

    def _count(self, cursor: Cursor) -> int:
        return int(cursor.execute("SELECT count(*) FROM (SELECT DISTINCT point, at_ns FROM recent)").fetchall()[0][0])

    # Housekeeping

    async def delete(self, points: Sequence[int], start: int, end: int) -> int:
        """Deletes samples in [start, end); returns how many (point, at) there were."""
        return await self._run(self._keeper, self._delete, self._keys_of(points), start, end)

    def _delete(self, keys: IntArray, start: int, end: int) -> int:
        rows = len(self._rows(self._keep_cursor, keys, start, end))
        self._keep_cursor.execute(f"DELETE FROM recent WHERE {_where(keys, start, end)}")  # noqa: S608  integers only
        return rows

    async def retain(self, before: int) -> None:
        """Forgets all samples with at < before."""
        await self._run(self._keeper, self._keep_cursor.execute, f"DELETE FROM recent WHERE at_ns < {int(before)}")  # noqa: S608

    async def compact(self) -> None:
        """Folds the write-ahead log into the file."""
        await self._run(self._keeper, self._keep_cursor.execute, "CHECKPOINT")

    # Inside

    def _rows(self, cursor: Cursor, keys: IntArray | None, start: int, end: int) -> Batch:
        """Samples in [start, end) of some or all keys, sorted by (point number, at), each (point, at) once."""
        found = cursor.execute(f"SELECT {_COLUMNS} FROM recent WHERE {_where(keys, start, end)} ORDER BY seq").fetchnumpy()  # noqa: S608
        rows = Batch(self._numbers[found["point"]], *(found[name] for name in _COLUMNS.split(", ")[1:]))
        return newest(rows)

    def _keys_of(self, points: Sequence[int] | None) -> Any:
        if points is None:
            return None
        numbers = np.unique(np.asarray(points, np.int64))
        numbers = numbers[(numbers >= 0) & (numbers < len(self._keys))]
        keys = self._keys[numbers]
        return keys[keys >= 0]

    async def _read(self, method: Callable[..., Result], *arguments: Any) -> Result:
        return await self._run(self._reader, self._with_cursor, method, *arguments)

    def _with_cursor(self, method: Callable[..., Result], *arguments: Any) -> Result:
        cursor = self._read_cursors.get()
        try:
            return method(cursor, *arguments)
        finally:
            self._read_cursors.put(cursor)

    async def _run(self, pool: ThreadPoolExecutor, method: Callable[..., Result], *arguments: Any) -> Result:
        if self._connection is None:
            raise StoreUnavailable(f"{self.path} is not open")
        try:
            return await asyncio.get_running_loop().run_in_executor(pool, method, *arguments)
        except (duckdb.IOException, duckdb.FatalException, duckdb.OutOfMemoryException, duckdb.TransactionException) as error:
            raise StoreUnavailable(f"{self.path}: {error}") from error
        except duckdb.Error as error:
            raise StoreError(f"{self.path}: {error}") from error


def _where(keys: NDArray[Any] | None, start: int, end: int) -> str:
    time = f"at_ns >= {int(start)} AND at_ns < {int(end)}"
    if keys is None:
        return time
    if not len(keys):
        return "false"
    return f"point IN ({', '.join(map(str, keys.tolist()))}) AND {time}"


def _roll_back(cursor: Cursor) -> None:
    with contextlib.suppress(duckdb.Error):  # no transaction is open, or the database has ended it itself
        cursor.execute("ROLLBACK")
