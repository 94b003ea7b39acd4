"""SQLite as the peer of the embedded store: one table keyed by (point, at), WAL, each batch one transaction on disk."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

from bench.store.load import DAY, START, batches
from steward.model import Batch

QUARTER = 900 * 10**9


class SqlitePeer:
    """A file that takes the same batches and answers the same two questions."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.connection = sqlite3.connect(path)
        self.connection.execute("PRAGMA journal_mode = WAL")
        self.connection.execute("PRAGMA synchronous = FULL")
        self.connection.execute(
            "CREATE TABLE samples (point INTEGER, at INTEGER, received INTEGER, value REAL, quality INTEGER,"
            " PRIMARY KEY (point, at)) WITHOUT ROWID"
        )

    def write(self, batch: Batch) -> None:
        """A batch as one transaction, idempotent."""
        columns = (batch.point, batch.at, batch.received, batch.value, batch.quality)
        rows = zip(*(column.tolist() for column in columns), strict=True)
        with self.connection:
            self.connection.executemany("INSERT OR REPLACE INTO samples VALUES (?, ?, ?, ?, ?)", rows)

    def read(self, point: int) -> object:
        """One point's day, raw."""
        return self.connection.execute(
            "SELECT * FROM samples WHERE point = ? AND at >= ? AND at < ?", (point, START, START + DAY)
        ).fetchall()

    def quarters(self, points: list[int]) -> object:
        """Fifty points' day in windows of 15 min."""
        marks = ", ".join("?" * len(points))
        return self.connection.execute(
            f"SELECT point, at / {QUARTER}, avg(value), min(value), max(value), sum(value), count(*) FROM samples "
            f"WHERE point IN ({marks}) AND at >= ? AND at < ? GROUP BY 1, 2",
            (*points, START, START + DAY),
        ).fetchall()

    def run(self, whole: Batch, say: Callable[[str, list[float]], None], times: int = 20) -> None:
        """Writes one day and asks."""
        begin = time.perf_counter()
        for part in batches(whole, 10_000):
            self.write(part)
        rate = len(whole) / (time.perf_counter() - begin)
        size = (self.path.stat().st_size + self.path.with_name(self.path.name + "-wal").stat().st_size) / len(whole)
        print(f"\nSQLite with one day ({len(whole):,} samples): {rate:,.0f} samples/s, {size:.0f} bytes for a sample\n")
        print("| question, no writer | p50 ms | p95 ms | max ms |\n|---|---|---|---|")
        random = np.random.default_rng(4)
        points = int(whole.point.max()) + 1
        self._ask("one point, the day, raw", say, times, lambda: self.read(int(random.integers(points))))
        self._ask(
            "50 points, the day, 15 min", say, times, lambda: self.quarters(random.choice(points, 50, replace=False).tolist())
        )
        self.connection.close()

    def _ask(self, name: str, say: Callable[[str, list[float]], None], times: int, ask: Callable[[], object]) -> None:
        taken = []
        for _ in range(times):
            begin = time.perf_counter()
            ask()
            taken.append(time.perf_counter() - begin)
        say(name, taken)
