"""Fakes, each under 20 lines: small real behaviour, no mocks."""

from __future__ import annotations

import asyncio

import numpy as np

from metering.intervals import QUARTER, Flag
from steward.app.ledger.model import Consumption
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


class FlatBooks:
    """Books of registers that each count so much (canonical unit) a quarter hour, from `begin` (ns) on; others have nothing."""

    def __init__(self, each: dict[str, float], begin: int = 0) -> None:
        self.each, self.begin = each, begin

    def consumption(self, point: str, start: int, end: int, period: str = "quarter") -> Consumption:
        at = np.arange(start // QUARTER, -(-end // QUARTER), dtype=np.int64) * QUARTER
        value = np.where(at >= self.begin, self.each.get(point, np.nan), np.nan)
        zero, one = np.zeros(len(at), np.int64), np.ones(len(at), np.float32)
        flags = np.full(len(at), Flag.PEAK_ELIGIBLE, np.uint16)
        method, numbers = zero.astype(np.uint8), zero.astype(np.int32)
        return Consumption(point, "", at, at + QUARTER, value, value, value, method, flags, one, one, numbers)
