"""`python -m bench.store`: the embedded store at 50 million samples, and SQLite as its peer at one day of them.

Builds the store as it would grow (a day of batches, then the housekeeping of the day before), then asks it what pages ask,
while a writer goes on writing 25,000 samples a second. Prints Markdown.
"""

from __future__ import annotations

import argparse
import asyncio
import tempfile
import time
from collections.abc import Awaitable, Callable
from pathlib import Path

import numpy as np

from bench.store.load import DAY, SECOND, START, batches, day_of
from bench.store.sqlite import SqlitePeer
from steward.model import Batch, PointIndex
from steward.store.embedded import EmbeddedStore

MINUTE, HOUR = 60 * SECOND, 3600 * SECOND


def say(name: str, seconds: list[float]) -> None:
    """One row of the table: median, 95th percentile and maximum in ms."""
    p50, p95 = np.percentile(np.array(seconds) * 1e3, [50, 95])
    print(f"| {name} | {p50:.1f} | {p95:.1f} | {max(seconds) * 1e3:.1f} |", flush=True)


async def timed(times: int, ask: Callable[[], Awaitable[object]]) -> list[float]:
    """Durations of repeated questions, after one to warm up."""
    await ask()
    taken = []
    for _ in range(times):
        begin = time.perf_counter()
        await ask()
        taken.append(time.perf_counter() - begin)
    return taken


class Ingest:
    """Writes days and keeps count."""

    def __init__(self, store: EmbeddedStore, series: int, samples: int) -> None:
        self.store, self.series, self.samples = store, series, samples
        self.rows, self.writing, self.compacting = 0, 0.0, 0.0

    async def day(self, day: int, size: int = 10_000) -> None:
        """A day in batches of `size`, then the housekeeping that seals the days before it."""
        whole = day_of(day, self.series, self.samples)
        begin = time.perf_counter()
        for part in batches(whole, size):
            await self.store.write(part)
        middle = time.perf_counter()
        await self.store.compact()
        self.rows += len(whole)
        self.writing += middle - begin
        self.compacting += time.perf_counter() - middle


async def write_on(store: EmbeddedStore, day: int, series: int, samples: int, taken: list[float]) -> None:
    """5,000 samples five times a second, for ever: what a busy site does while people look."""
    while True:
        for part in batches(day_of(day, series, samples, seed=2), 5_000):
            begin = time.perf_counter()
            await store.write(part)
            taken.append(time.perf_counter() - begin)
            await asyncio.sleep(max(0.0, 0.2 - taken[-1]))


async def ask_all(store: EmbeddedStore, days: int, series: int, times: int) -> None:
    """The questions of the page, with other points each time."""
    random = np.random.default_rng(3)
    end = START + days * DAY
    today = end - DAY

    def some(count: int) -> list[int]:
        return sorted(random.choice(series, count, replace=False).tolist())

    def day() -> int:
        return START + int(random.integers(0, days - 1)) * DAY

    async def one_day() -> None:
        begin = day()
        await store.read(some(1), begin, begin + DAY)

    async def quarters_of_a_day() -> None:
        begin = day()
        await store.aggregate(some(50), begin, begin + DAY, 15 * MINUTE)

    say("one point, a sealed day, raw", await timed(times, one_day))
    say("one point, today (unsealed), raw", await timed(times, lambda: store.read(some(1), today, end)))
    say("one point, the whole time, raw", await timed(times, lambda: store.read(some(1), START, end)))
    say("one point, 1,000 rows from the beginning", await timed(times, lambda: store.read(some(1), START, end, limit=1000)))
    say("50 points, a day, 15 min", await timed(times, quarters_of_a_day))
    say("**50 points, the whole time, 15 min**", await timed(times, lambda: store.aggregate(some(50), START, end, 15 * MINUTE)))
    say("50 points, the whole time, 1 h", await timed(times, lambda: store.aggregate(some(50), START, end, HOUR)))
    say(
        "50 points, the whole time, days of UTC+8",
        await timed(times, lambda: store.aggregate(some(50), START, end, DAY, -8 * HOUR)),
    )
    say(
        "50 points, the whole time, 10 min (no rollup)",
        await timed(times // 4, lambda: store.aggregate(some(50), START, end, 10 * MINUTE)),
    )
    say("all points, today, 1 h", await timed(times // 4, lambda: store.aggregate(range(series), today, end, HOUR)))
    say("all points, the whole time, 1 day", await timed(3, lambda: store.aggregate(range(series), START, end, DAY)))
    say("latest of all points, since an hour", await timed(times, lambda: store.latest(None, end - HOUR)))
    say("latest of all points, since the beginning", await timed(times // 4, lambda: store.latest(None, 0)))
    say("arrived in the last ten minutes", await timed(times, lambda: store.arrived(end - 10 * MINUTE, end + HOUR)))
    say("count", await timed(3, store.count))


async def late(store: EmbeddedStore, days: int, series: int, samples: int) -> None:
    """A correction of 10,000 old samples of one sealed day."""
    old = day_of(days // 2, series, samples).take(np.arange(10_000))
    begin = time.perf_counter()
    await store.write(Batch.of(old.point, old.at, old.value + 1, received=START + days * DAY))
    print(f"\nOverwriting 10,000 samples of a sealed day: {(time.perf_counter() - begin) * 1e3:.0f} ms", flush=True)


async def main(total: int, series: int, days: int, times: int, folder: Path) -> None:
    """The whole benchmark, in `folder`."""
    samples = total // series // days
    path = folder / "steward.duckdb"
    store = EmbeddedStore(path, PointIndex(f"p{number}" for number in range(series)))
    await store.open()
    ingest = Ingest(store, series, samples)
    for day in range(days):
        await ingest.day(day)
    print(f"{ingest.rows:,} samples of {series:,} points in {days} days, batches of 10,000, each one transaction on disk\n")
    print(f"- ingest: {ingest.rows / ingest.writing:,.0f} samples/s")
    print(f"- sealing: {ingest.compacting / ingest.rows * 1e6:.2f} s for a million samples")
    print(f"- file: {path.stat().st_size / ingest.rows:.2f} bytes for a sample, rollup included\n")
    print("| question, while a writer writes | p50 ms | p95 ms | max ms |\n|---|---|---|---|")
    taken: list[float] = []
    writer = asyncio.create_task(write_on(store, days - 1, series, samples, taken))
    await ask_all(store, days, series, times)
    writer.cancel()
    await asyncio.gather(writer, return_exceptions=True)
    say("meanwhile: writing 5,000 samples", taken)
    await late(store, days, series, samples)
    await store.close()
    begin = time.perf_counter()
    await store.open()
    print(f"Opening again: {(time.perf_counter() - begin) * 1e3:.0f} ms")
    await store.close()
    SqlitePeer(folder / "peer.sqlite").run(day_of(0, series, samples), say)


if __name__ == "__main__":
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--samples", type=int, default=50_000_000)
    arguments.add_argument("--series", type=int, default=2_000)
    arguments.add_argument("--days", type=int, default=30)
    arguments.add_argument("--times", type=int, default=40, help="how often each question is asked")
    given = arguments.parse_args()
    with tempfile.TemporaryDirectory() as name:
        asyncio.run(main(given.samples, given.series, given.days, given.times, Path(name)))
