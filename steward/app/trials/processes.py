"""The processes of a trial: each replays some of the rules, all of them read the same blocks of history in shared memory."""

from __future__ import annotations

import asyncio
import contextlib
import multiprocessing
from collections.abc import AsyncIterator
from multiprocessing.connection import Connection
from multiprocessing.context import SpawnProcess
from multiprocessing.shared_memory import SharedMemory
from typing import Any

from rules.backtest import Outcome
from rules.contract import Rule
from steward.app.trials import worker as trial_worker
from steward.errors import StewardError
from steward.model import Batch, Facility


class Block:
    """Memory shared with the workers, as large as the largest block so far."""

    def __init__(self) -> None:
        self._memory: SharedMemory | None = None

    def hold(self, batch: Batch) -> str:
        """Writes a batch; the name of the memory that holds it. No worker may still be reading."""
        needed = len(batch) * trial_worker.WIDTH
        if self._memory is None or self._memory.size < needed:
            self.close()
            self._memory = SharedMemory(create=True, size=needed)
        trial_worker.write(self._memory, batch)
        return self._memory.name

    def close(self) -> None:
        """Gives the memory back."""
        if self._memory is not None:
            self._memory.close()
            self._memory.unlink()
            self._memory = None


class Worker:
    """One process and the way to it: at most one message is under way."""

    def __init__(self, pipe: Connection) -> None:
        self._pipe = pipe
        self._busy = False
        self.begin = 0
        self.points: list[int] = []

    async def greet(self) -> None:
        """Waits until its rules are bound."""
        self.begin, self.points = await self._answer("ready")

    def feed(self, memory: str, size: int) -> None:
        """Points to a block in shared memory; `settle` waits until it is done with it."""
        self._pipe.send(("feed", (memory, size)))
        self._busy = True

    async def settle(self) -> None:
        """Waits until nothing is under way."""
        if self._busy:
            self._busy = False
            await self._answer("fed")

    async def outcome(self, word: str, end: int | None) -> Outcome:
        """What it has found; with "end" it ends."""
        self._pipe.send((word, end))
        found = await self._answer("outcome")
        assert isinstance(found, Outcome)
        return found

    async def _answer(self, expected: str) -> Any:
        try:
            word, content = await asyncio.to_thread(self._pipe.recv)
        except (EOFError, OSError):
            raise StewardError("the process of a trial ended before its work was done") from None
        if word != expected:
            raise StewardError(str(content))
        return content


@contextlib.asynccontextmanager
async def worker(rules: list[Rule], facility: Facility, ids: list[str], start: int) -> AsyncIterator[Worker]:
    """A process for some rules, ended on the way out."""
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe()
    process: SpawnProcess = context.Process(
        target=trial_worker.main, args=(theirs, rules, facility, ids, start), daemon=True, name="steward trial"
    )
    starting = asyncio.create_task(asyncio.to_thread(process.start))
    made = Worker(ours)
    try:
        await asyncio.shield(starting)
        theirs.close()
        await made.greet()
        yield made
    finally:
        await starting  # whoever is cancelled here has a process all the same
        theirs.close()
        process.terminate()  # also frees a thread of ours that waits for its answer
        await asyncio.to_thread(process.join)
        ours.close()
