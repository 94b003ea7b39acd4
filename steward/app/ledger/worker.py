"""The worker of the books: solves registers in trouble, and whole histories at a first start, beside the closings.

Invariants: the store is read in the event loop, outside the lock and the thread of the books, so a slow or failing read holds
up nothing; a read that fails is halved until the register that makes it fail stands alone, which is tried again ever later; the
work done at once under the lock is bounded, so closings and questions slip in between.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator, Sequence
from typing import Any

import structlog
from prometheus_client import Counter

from steward.app.ledger.core import Core
from steward.app.ledger.restate import Outcome, Window
from steward.app.ledger.solve import ranked
from steward.model import Batch
from steward.store import Store
from steward.units import DAY, SECOND

log = structlog.get_logger()

PATIENCE = 60.0
"""Seconds that a read of the store may take."""
STEP_ROWS, STEP = 250_000, 40
"""About so many samples, and at most so many registers, are solved at once under the lock."""
_TRIES = 10
"""Reads that fail in a row before the store is taken to be away, and the worker rests."""
_REST = 30 * SECOND
_SAY = 5_000
"""A backlog of so many registers, and each tenth of it, is said in the log."""

Run = Callable[..., Awaitable[Any]]


class Worker:
    """Empties the queue of a core. run: calls a function in the thread of the books, under their lock; ready: the store
    holds all that was taken; tell: derived samples."""

    def __init__(
        self,
        core: Core,
        run: Run,
        clock: Callable[[], int],
        ready: Callable[[], bool],
        tell: Callable[[Batch], Awaitable[None]],
        failures: Counter,
    ) -> None:
        self._core, self._run, self._clock, self._ready, self._tell = core, run, clock, ready, tell
        self._failures = failures
        self._wake, self._quiet = asyncio.Event(), asyncio.Event()
        self._quiet.set()
        self._groups: list[list[Window]] = []
        self._failed, self._rest = 0, 0
        self._said = 0
        self._task: asyncio.Task[None] | None = None

    @property
    def waiting(self) -> int:
        """Registers that wait to be solved."""
        return len(self._core.queue.due) + sum(len(group) for group in self._groups)

    def start(self, store: Store) -> None:
        """Begins to work."""
        self._store = store
        self._task = asyncio.create_task(self._work(), name="books")

    async def stop(self) -> None:
        """Ends; what was under way is open as before and done after the next start."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
            self._task = None

    def wake(self) -> None:
        """There may be work."""
        if self._task is not None and (self._groups or self._core.queue.ready(self._clock())):
            self._quiet.clear()
            self._wake.set()

    async def idle(self) -> None:
        """Waits until nothing is left that can be done now."""
        self.wake()
        await self._quiet.wait()

    async def _work(self) -> None:
        while True:
            await self._wake.wait()
            self._wake.clear()
            try:
                while await self._turn():
                    self._say()
            except Exception:  # the task boundary: the next closing wakes it again
                log.exception("books_worker_failed")
            if not self._wake.is_set():
                self._quiet.set()

    async def _turn(self) -> bool:
        """One read and what follows from it; whether there may be more to do."""
        now = self._clock()
        if not self._ready() or now < self._rest:
            return False
        if not self._groups:
            picked = await self._run(self._core.queue.pick, now)
            if not picked:
                return False
            self._groups.append(picked)
        windows = self._groups.pop()
        found = await self._read(windows, now)
        if found is None:
            return True
        for part in _steps(windows, found):
            outcome, told = await self._run(self._solve, part)
            self._count(outcome)
            if len(told):
                await self._tell(told)
        return True

    async def _read(self, windows: list[Window], now: int) -> list[Batch] | None:
        """The samples of each window; None where the read failed."""
        shelf, index = self._core.shelf, self._core.index
        every = [shelf.registers[shelf.slots[window.name]].points if window.name in shelf.slots else () for window in windows]
        numbers = [[index.add(id) for id in ids] for ids in every]
        begin = min(window.begin for window in windows)
        try:
            async with asyncio.timeout(PATIENCE):
                batch = await self._store.read([number for one in numbers for number in one], begin, now + DAY)
        except Exception as error:  # of any kind: the register is tried again, the others go on
            self._failed += 1
            if self._failed >= _TRIES:
                self._rest, self._failed = now + _REST, 0
            if len(windows) > 1:
                half = len(windows) // 2
                self._groups += [windows[half:], windows[:half]]
                return None
            self._failures.labels("read").inc()
            self._core.shelf.errors[windows[0].name] = f"{type(error).__name__}: {error}"
            log.warning("register_not_read", register=windows[0].name, error=str(error))
            await self._run(self._core.queue.failed, windows[0], now)
            return None
        self._failed = 0
        parts = [ranked(batch, one) for one in numbers]
        return [part.take(part.at >= window.begin) for window, part in zip(windows, parts, strict=True)]

    def _solve(self, part: Sequence[tuple[Window, Batch]]) -> tuple[Outcome, Batch]:
        now = self._clock()
        outcome = self._core.queue.solve(part, now)
        return outcome, self._core.derived(now, [window.name for window, _ in part])

    def _count(self, outcome: Outcome) -> None:
        for reason in outcome.failed.values():
            self._failures.labels(reason).inc()

    def _say(self) -> None:
        """Says how far a long backlog is."""
        left = self.waiting
        if left > self._said:
            self._said = left
            if left >= _SAY // 10:
                log.info("ledger_working_out", registers=left)
        elif self._said >= _SAY // 10 and left <= self._said * 0.9:
            self._said = left
            log.info("ledger_working_out", registers=left)
        if not left:
            self._said = 0


def _steps(windows: Sequence[Window], found: Sequence[Batch]) -> Iterator[list[tuple[Window, Batch]]]:
    """Windows with their samples in parts that are solved at once."""
    part: list[tuple[Window, Batch]] = []
    rows = 0
    for window, batch in zip(windows, found, strict=True):
        if part and (rows + len(batch) > STEP_ROWS or len(part) >= STEP):
            yield part
            part, rows = [], 0
        part.append((window, batch))
        rows += len(batch)
    if part:
        yield part
