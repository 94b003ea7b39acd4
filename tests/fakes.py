"""Fakes, each under 20 lines: small real behaviour, no mocks."""

from __future__ import annotations

import asyncio

from steward.errors import StoreUnavailable
from steward.model import Batch


class MemoryStore:
    """Keeps samples in a dict by (point, at). `delay` slows a write down, `down` makes it fail, `gate` holds it."""

    def __init__(self, delay: float = 0.0) -> None:
        self.samples: dict[tuple[int, int], float] = {}
        self.writes: list[int] = []
        self.delay, self.down = delay, False
        self.gate = asyncio.Event()
        self.gate.set()

    async def write(self, batch: Batch) -> None:
        await asyncio.sleep(self.delay)
        await self.gate.wait()
        if self.down:
            raise StoreUnavailable("the memory store is down")
        self.samples.update(zip(zip(batch.point.tolist(), batch.at.tolist(), strict=True), batch.value.tolist(), strict=True))
        self.writes.append(len(batch))
