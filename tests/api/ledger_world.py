"""A ledger behind the API of the small service: four days of a register with one zero and a swap that nobody declared."""

from __future__ import annotations

import numpy as np
from prometheus_client import CollectorRegistry

from steward.app.ledger.books import Books
from steward.config.meters import MeterTable
from steward.model import Batch, FloatArray, IntArray
from steward.units import DAY, MINUTE
from tests.api.world import World

POINT = "block-a.energy"
SWAP = 200


async def books_of(world: World) -> tuple[Books, IntArray, FloatArray]:
    """Books that took the reads as they came; moments and values of the reads. The world's time is as before."""
    begin, end = world.now - 4 * DAY, world.now
    world.now = begin
    meters = (MeterTable(id=POINT, limit=100, cadence="15m"),)
    books = Books(
        world.facility,
        world.index,
        world.records,
        lambda: world.now,
        lambda batch: None,
        CollectorRegistry(),
        meters=meters,
    )
    await books.start(world.store)
    await books.idle()
    number = world.index.add(POINT)
    at = begin // MINUTE * MINUTE + np.arange(4 * 96, dtype=np.int64) * 15 * MINUTE
    value = 1e6 + np.arange(4 * 96) * 2500.0
    value[100] = 0.0
    value[SWAP:] += 4e8
    for place in range(0, len(at), 32):
        rows = slice(place, place + 32)
        world.now = int(at[rows][-1])
        batch = Batch.of([number] * len(at[rows]), at[rows], value[rows], received=world.now)
        await world.store.write(batch)
        await books.commit(batch)
        await books.idle()
    world.now = end
    await books.tick()
    await books.idle()
    return books, at, value
