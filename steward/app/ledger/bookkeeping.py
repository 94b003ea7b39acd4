"""The books within a service: what they derive goes to the page and the rules, and their failing stops neither.

Invariant: the store has the reads before the books see them, so whatever fails here is made good by a replay.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import structlog
from prometheus_client import CollectorRegistry

from steward.app.jobs import Jobs
from steward.app.ledger.books import Books
from steward.config import Settings
from steward.live import LiveState
from steward.model import Batch, Facility, PointIndex
from steward.records import Records
from steward.store.spool import SpooledStore

log = structlog.get_logger()

SAVE_EVERY = 1800.0


def books_of(
    settings: Settings,
    facility: Facility,
    parts: tuple[PointIndex, Records, LiveState, SpooledStore],
    clock: Callable[[], int],
    judged: Callable[[Batch], Awaitable[None]],
    registry: CollectorRegistry,
) -> Books:
    """The books of a service; `judged` gives derived samples to the rules."""
    index, records, live, store = parts

    async def told(batch: Batch) -> None:
        live.update(batch)
        await judged(batch)

    return Books(
        facility,
        index,
        records,
        clock,
        told,
        registry,
        meters=settings.meters,
        table=settings.ledger,
        behind=lambda: store.status().samples > 0,
        weather_file=settings.root / settings.derived.energy.weather_file if settings.derived.energy.weather_file else None,
    )


async def book(books: Books, batch: Batch) -> None:
    """Gives a committed batch to the books."""
    try:
        await books.commit(batch)
    except Exception:  # the task boundary: the store has the reads, a restart takes them
        log.exception("not_booked", samples=len(batch))


def schedule(jobs: Jobs, books: Books) -> None:
    """The jobs of the ledger."""
    jobs.nightly("ledger", "00:40", books.nightly)
    jobs.every("save-ledger", SAVE_EVERY, books.save)
