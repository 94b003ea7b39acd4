"""The process that the crash test kills: writes without end, compacts without end, says what it has been told is durable.

Each step writes two hours of ten points every minute, every sample worth the number of its step, and corrects the samples of
thirteen steps earlier (a day that is being sealed, or is) by adding a half. With a last step it ends compaction, writes that
step and waits for its end: every byte that it then leaves behind was acknowledged, the step last.
"""

from __future__ import annotations

import asyncio
import sys

import numpy as np

from steward.model import Batch, PointIndex
from steward.store.embedded import EmbeddedStore

MINUTE = 60 * 10**9
START = 20_454 * 86_400 * 10**9
IDS = [f"p{number}" for number in range(10)]
BACK = 13
ROWS = 120 * len(IDS)


def samples(step: int, correction: bool = False) -> Batch:
    """What step `step` writes, or what corrects it."""
    at = START + (step * 120 + np.repeat(np.arange(120), len(IDS))) * MINUTE
    return Batch.of(
        np.tile(np.arange(len(IDS)), 120), at, np.full(ROWS, step + correction * 0.5), received=at + (step % 7) * MINUTE
    )


async def main(path: str, step: int, last: int | None) -> None:
    now = START + step * 120 * MINUTE
    store = EmbeddedStore(path, PointIndex(IDS), clock=lambda: now)
    await store.open()

    async def compact() -> None:
        while last is None or step < last:
            print("compact", flush=True)
            await store.compact()
            print("compacted", flush=True)
            await asyncio.sleep(0.001)

    task = asyncio.create_task(compact())
    while True:
        if step == last:
            await task
        elif task.done():
            task.result()
        now = START + step * 120 * MINUTE
        parts = [samples(step)] + ([samples(step - BACK, correction=True)] if step >= BACK else [])
        await store.write(Batch.concat(parts))
        print(step, flush=True)
        if step == last:
            await asyncio.Event().wait()
        step += 1


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]) if len(sys.argv) > 3 else None))
