"""A durable local spool before any store: what the store cannot take now is kept on disk and drained in order.

Invariants: `write` returns when the batch is durable, in the store or in the spool; while anything is spooled, new batches
queue behind it, so that the store sees batches in the order of their writing (a batch whose write timed out may reach it
twice, which the store's idempotence absorbs); the spool never grows past its limit: then `SpoolFull`, nothing is dropped.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import structlog
from prometheus_client import CollectorRegistry, Counter, Gauge

from steward.errors import SpoolFull, StoreError, StoreUnavailable
from steward.model import Batch, PointIndex
from steward.store import Store, Windows
from steward.store._segments import Segments

FILLING = 0.5
"""Share of the limit from which the state is `filling`: time to look at the store."""

_GIVE_UP = 20
"""A write that has not come back after so many times the patience is abandoned."""

_AT_ONCE = 50_000
"""Samples drained with one write: many small batches as one transaction, so that draining outruns new batches."""

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class SpoolStatus:
    """state: `empty`, `draining` (something is spooled), `filling` (half of the limit and more), `full` (writes are refused).

    size, limit: bytes; samples: spooled samples; oldest: when the oldest of them was spooled, ns by the clock, None if none;
    refused: batches that the store found wrong while draining, set aside in files named `*.refused`; error: the last reason
    why the store was not available.
    """

    state: str
    size: int
    limit: int
    samples: int
    oldest: int | None
    refused: int
    error: str


class SpooledStore:
    """Any `Store` with a spool before it, under the same contract.

    store: the engine; index: what its point numbers mean (the spool holds ids, and survives a changed index); path: folder of
    the spool; limit_bytes: its greatest size; clock: now in ns; patience: seconds that a write may take before its batch is
    spooled; retry: seconds between attempts, doubled up to sixteen times while they fail. Reads, `delete`, `retain`, `compact`
    and `count` go straight to the store: they do not see what is still spooled.
    """

    def __init__(
        self,
        store: Store,
        index: PointIndex,
        path: Path | str,
        limit_bytes: int,
        clock: Callable[[], int],
        registry: CollectorRegistry,
        *,
        patience: float = 5.0,
        retry: float = 1.0,
    ) -> None:
        self.store = store
        self._segments = Segments(Path(path), index, limit_bytes)
        self._clock = clock
        self._patience, self._retry = patience, retry
        self._limit = limit_bytes
        self._order = asyncio.Lock()
        self._waiting = asyncio.Event()
        self._drainer: asyncio.Task[None] | None = None
        self._late: asyncio.Task[None] | None = None
        self._store_open = False
        self._full = False
        self._refused = 0
        self._singly = 0  # how many of the oldest batches are to be drained one by one, a wrong one being among them
        self._error = ""
        self._bytes = Gauge("steward_spool_bytes", "Size of the spool on disk", registry=registry)
        self._samples = Gauge("steward_spool_samples", "Samples in the spool", registry=registry)
        self._is_full = Gauge("steward_spool_full", "1 while the spool refuses batches", registry=registry)
        Gauge("steward_spool_limit_bytes", "Limit of the spool", registry=registry).set(limit_bytes)
        self._spooled = Counter("steward_spool_spooled_samples", "Samples that went to the spool", registry=registry)
        self._drained = Counter("steward_spool_drained_samples", "Samples drained into the store", registry=registry)
        self._rejected = Counter("steward_spool_refused_batches", "Batches set aside or refused", ["reason"], registry=registry)

    async def open(self) -> None:
        """Opens the spool, then the store; a store that is down is opened later, what is wrong for good is raised."""
        self._files = ThreadPoolExecutor(1, "spool")
        damaged = await self._in_thread(self._segments.open)
        for text in damaged:
            log.warning("spool_damaged", detail=text)
        try:
            await self._try_to_open()
        except BaseException:
            await self._in_thread(self._segments.close)
            self._files.shutdown(wait=False)
            raise
        self._measure()
        if self._segments.samples or not self._store_open:
            self._waiting.set()
        self._drainer = asyncio.create_task(self._drain(), name="spool-drain")

    async def close(self) -> None:
        """Closes the store; what is spooled stays on disk and is drained after the next `open`."""
        if self._drainer is None:
            return
        tasks = [task for task in (self._drainer, self._late) if task]
        self._drainer = None
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        async with self._order:
            await self._in_thread(self._segments.close)
        await asyncio.to_thread(self._files.shutdown)
        await self.store.close()

    async def write(self, batch: Batch) -> None:
        """Makes a batch durable, in the store or in the spool. Raises SpoolFull, StoreError (a batch that is wrong)."""
        if self._drainer is None:
            raise StoreUnavailable("the spool is not open")
        async with self._order:
            if not self._waiting.is_set() and await self._written(batch):
                return
            check(batch)
            await self._spool(batch)

    async def _written(self, batch: Batch) -> bool:
        """Whether the store took the batch in time."""
        task = self._begin(batch)
        try:
            async with asyncio.timeout(self._patience):  # wait_for of Python 3.11 can swallow a cancellation
                await asyncio.shield(task)
        except StoreUnavailable as error:
            self._error = str(error)
        except TimeoutError:
            self._error = f"a write took longer than {self._patience} s"
            self._late = asyncio.create_task(self._settle(task))  # may still succeed; its batch is drained again after it
        else:
            self._error = ""
            return True
        log.warning("store_unavailable", detail=self._error)
        return False

    def _begin(self, batch: Batch) -> asyncio.Future[None]:
        task = asyncio.ensure_future(self.store.write(batch))
        task.add_done_callback(lambda done: done.cancelled() or done.exception())  # heard even when nobody waits any more
        return task

    async def _spool(self, batch: Batch) -> None:
        try:
            await self._in_thread(self._segments.append, batch, self._clock())
        except SpoolFull:
            self._full = True
            self._rejected.labels("full").inc()
            raise
        finally:
            self._measure()
        self._spooled.inc(len(batch))
        self._waiting.set()

    async def _drain(self) -> None:
        """The background task: takes the oldest batches until none is left, then waits for the next outage."""
        failures, proven = 0, False
        while True:
            await self._waiting.wait()
            try:
                if proven and self._segments.samples <= _AT_ONCE:
                    async with self._order:  # the last step: new batches wait for it, else there would always be one more
                        await self._drain_some()
                        self._end_if_empty()
                else:
                    await self._drain_some()
            except (StoreError, OSError) as error:
                self._error = str(error)
                failures, proven = min(failures + 1, 5), False
                await asyncio.sleep(self._retry * 2 ** (failures - 1))
            else:
                failures, proven = 0, True

    def _end_if_empty(self) -> None:
        if not self._segments.samples:
            self._waiting.clear()
            self._error = ""
            log.info("spool_drained")

    async def _drain_some(self) -> None:
        """Moves the oldest batches into the store."""
        if self._late is not None:  # a write that timed out is still under way: the order would be lost
            async with asyncio.timeout(self._patience):  # wait_for of Python 3.11 can swallow a cancellation
                await asyncio.shield(self._late)
            self._late = None
        if not self._store_open and not await self._try_to_open():
            raise StoreUnavailable(self._error)
        found = await self._in_thread(self._segments.first, 0 if self._singly else _AT_ONCE)
        if found is None:
            return
        batch, count = found
        task = self._begin(batch)
        try:
            async with asyncio.timeout(self._patience):  # wait_for of Python 3.11 can swallow a cancellation
                await asyncio.shield(task)
        except TimeoutError:
            self._late = asyncio.create_task(self._settle(task))
            raise
        except StoreUnavailable:
            raise
        except StoreError as error:  # never to be taken: set aside, so that it does not block what follows
            if count > 1:
                self._singly = count
                return
            self._refused += 1
            self._rejected.labels("wrong").inc()
            await self._in_thread(self._segments.set_aside)
            log.error("spooled_batch_refused", detail=str(error), samples=len(batch))
        else:
            self._drained.inc(len(batch))
            await self._in_thread(self._segments.drop, count)
        self._singly = max(0, self._singly - count)
        self._full = False
        self._measure()

    async def _try_to_open(self) -> bool:
        try:
            await self.store.open()
        except StoreUnavailable as error:
            self._error = str(error)
            log.warning("store_unavailable", detail=self._error)
            return False
        self._store_open = True
        return True

    async def _settle(self, task: asyncio.Future[None]) -> None:
        """Waits for a write that came too late, to the bitter end; whatever becomes of it, its batch is in the spool."""
        done, _ = await asyncio.wait([task], timeout=_GIVE_UP * self._patience)
        if not done:
            task.cancel()
            log.error("store_write_abandoned", seconds=_GIVE_UP * self._patience)
        with contextlib.suppress(StoreError, asyncio.CancelledError):
            await task

    async def _in_thread(self, method: Callable[..., Any], *arguments: Any) -> Any:
        return await asyncio.get_running_loop().run_in_executor(self._files, method, *arguments)

    def _measure(self) -> None:
        self._bytes.set(self._segments.size)
        self._samples.set(self._segments.samples)
        self._is_full.set(self._full)

    def status(self) -> SpoolStatus:
        """Where the spool stands; cheap, to be asked at any time."""
        size = self._segments.size
        state = (
            "full"
            if self._full
            else "filling"
            if size >= FILLING * self._limit
            else "draining"
            if self._waiting.is_set()
            else "empty"
        )
        return SpoolStatus(state, size, self._limit, self._segments.samples, self._segments.oldest, self._refused, self._error)

    # Straight to the store

    async def latest(self, points: Sequence[int] | None, since: int) -> Batch:
        """As the store's."""
        return await self.store.latest(points, since)

    async def read(self, points: Sequence[int], start: int, end: int, limit: int | None = None) -> Batch:
        """As the store's."""
        return await self.store.read(points, start, end, limit)

    async def aggregate(self, points: Sequence[int], start: int, end: int, window: int, origin: int = 0) -> Windows:
        """As the store's."""
        return await self.store.aggregate(points, start, end, window, origin)

    async def arrived(self, since: int, until: int, limit: int | None = None) -> Batch:
        """As the store's."""
        return await self.store.arrived(since, until, limit)

    async def delete(self, points: Sequence[int], start: int, end: int) -> int:
        """As the store's."""
        return await self.store.delete(points, start, end)

    async def retain(self, before: int) -> None:
        """As the store's."""
        await self.store.retain(before)

    async def compact(self) -> None:
        """As the store's."""
        await self.store.compact()

    def refresh(self) -> None:
        """As the store's."""
        self.store.refresh()

    async def count(self) -> int:
        """As the store's."""
        return await self.store.count()


def check(batch: Batch) -> None:
    """Raises StoreError for what no store takes, so that it is refused now and not found in the spool later."""
    if not np.isfinite(batch.value).all():
        raise StoreError("the batch holds a value that is not a finite number")
