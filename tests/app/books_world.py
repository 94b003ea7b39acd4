"""Books with a real store and real records that outlive them; time stands where its user puts it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from prometheus_client import CollectorRegistry

from steward.app.ledger.books import Books
from steward.app.ledger.registers import with_derived
from steward.config import parse
from steward.config.meters import LedgerTable, MeterTable
from steward.model import Batch, Facility, PointIndex
from steward.records import Records
from steward.store.embedded import EmbeddedStore
from steward.units import DAY, MINUTE

T0 = 20_600 * DAY
"""A midnight UTC in May 2026."""
FILE = """
[[site]]
id = "a"
name = "A"
time_zone = "Asia/Shanghai"
"""
POINT = """
[[point]]
id = "{id}"
site = "a"
metric = "{metric}"
unit = "{unit}"
interval = "15m"
{extra}
"""
RATED = 'rated_power = "60kW"'


class World:
    """The world around books."""

    def __init__(
        self,
        folder: Path,
        count: int = 3,
        more: str = "",
        meters: tuple[MeterTable, ...] = (),
        table: LedgerTable | None = None,
        start: int = T0,
        weather_file: Path | None = None,
    ) -> None:
        text = (
            FILE
            + "".join(POINT.format(id=f"m{number}", metric="energy", unit="kWh", extra=RATED) for number in range(count))
            + more
        )
        self.meters, self.table, self.weather_file = meters, table, weather_file
        self.facility: Facility = with_derived(parse([("f.toml", text)]).facility, meters)
        self.now = start
        self.records = Records(f"sqlite:///{folder}/records.db")
        self.records.open()
        self.index = PointIndex(self.facility.points)
        self.store = EmbeddedStore(folder / "s.duckdb", self.index)
        self.told: list[Batch] = []
        self.books = self.made()

    def made(self) -> Books:
        """New books on the same records."""
        self.registry = CollectorRegistry()
        return Books(
            self.facility,
            self.index,
            self.records,
            lambda: self.now,
            self.told.append,
            self.registry,
            meters=self.meters,
            table=self.table,
            weather_file=self.weather_file,
        )

    async def open(self) -> None:
        await self.store.open()
        await self.books.start(self.store)
        await self.books.idle()

    async def close(self) -> None:
        await self.books.stop()
        await self.store.close()
        self.records.close()

    async def restart(self, *, killed: bool = False) -> None:
        """The books end (or are killed: nothing saved) and new ones begin."""
        if killed:
            await self.books.worker.stop()
        else:
            await self.books.stop()
        self.books = self.made()
        await self.books.start(self.store)
        await self.books.idle()

    async def feed(self, point: str, at: np.ndarray, value: np.ndarray, received: int | None = None) -> None:
        """Samples of one point arrive together, at `received` (default: the last of their times)."""
        self.now = max(self.now, int(at.max()) if received is None else received)
        number = self.index.add(point)
        await self.commit(Batch.of([number] * len(at), at, value, received=self.now))

    async def commit(self, batch: Batch) -> None:
        await self.store.write(batch)
        await self.books.commit(batch)
        await self.books.idle()

    async def pass_time(self, until: int) -> None:
        self.now = until
        await self.books.tick()
        await self.books.idle()

    def figures(self, point: str, start: int, end: int) -> tuple[list[float], list[int], list[int]]:
        """Values in Wh, methods and flags by quarter-hour."""
        found = self.books.consumption(point, start, end)
        return np.nan_to_num(found.value, nan=-1.0).tolist(), found.method.tolist(), found.flags.tolist()


def steady(days: float, kw: float = 10.0, step: int = 15 * MINUTE, start: int = T0) -> tuple[np.ndarray, np.ndarray]:
    """Times, and a register in Wh with a daily shape."""
    at = start + np.arange(0, int(days * DAY), step, dtype=np.int64)
    hours = (at - start) / DAY * 24
    value = 1e6 + 1000 * np.floor(kw * (hours - 3 * np.cos(hours / 24 * 2 * np.pi)))
    return at, value
