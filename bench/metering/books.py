"""The books of the service at size: `python -m bench.metering.books [registers]`.

Measured through the service's own path (Core: take, close, seal, restate) with a real records database in SQLite: CPU of
closing an hour of 10,000 registers read every 15 minutes, bytes held for each register, bytes sealed for a
register-year, and the restating of one register's year after a late read.
"""

from __future__ import annotations

import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from metering.intervals import QUARTER
from steward.app.books_columns import COLUMNS
from steward.app.books_core import Core
from steward.app.books_desk import Desk
from steward.app.books_figures import Figures
from steward.app.books_registers import registers_of
from steward.config import parse
from steward.model import Batch, Facility, PointIndex
from steward.records import LedgerRecords, Records
from steward.units import DAY, HOUR, MINUTE

T0 = 20_454 * DAY
POINT = '[[point]]\nid = "m{0}"\nsite = "a"\nmetric = "energy"\nunit = "kWh"\ninterval = "15m"\nrated_power = "100kW"\n'


def facility(count: int) -> Facility:
    """A site with so many registers."""
    return parse([("f.toml", '[[site]]\nid = "a"\nname = "A"\n' + "".join(POINT.format(one) for one in range(count)))]).facility


def made(folder: Path, count: int, stored: dict[str, Batch]) -> Core:
    """Books of so many registers; `stored` is the store."""
    described = facility(count)
    index = PointIndex(described.points)
    records = Records(f"sqlite:///{folder}/records.db")
    records.open()

    def fetch(points: Sequence[str], start: int, end: int) -> dict[str, Batch]:
        found = {}
        for point in points:
            batch = stored[point]
            found[point] = batch.take((batch.at >= start) & (batch.at < end))
        return found

    core = Core(LedgerRecords(records.database), index, fetch)
    core.bind(registers_of(described, {}), list(described.points))
    return core


def level(at: np.ndarray, seed: int) -> np.ndarray:
    """A register in Wh with a day and a week in it, in whole units."""
    hours = (at - T0) / HOUR
    shape = hours * 20_000 - 12_000 * np.cos(hours / 24 * 2 * np.pi) + 900 * np.sin(hours * (1 + seed % 7))
    return np.asarray(np.maximum.accumulate(np.rint(1e7 + shape + 25_000)))


def hours(count: int, folder: Path) -> None:
    """Closing: one read each quarter-hour of every register, hour by hour."""
    stored: dict[str, Batch] = {}
    core = made(folder, count, stored)
    numbers = np.array([core.index.add(f"m{one}") for one in range(count)], np.int32)
    every = T0 + np.arange(0, 30 * HOUR, 15 * MINUTE, dtype=np.int64)
    values = level(every, 3)
    for one in range(count):
        stored[f"m{one}"] = Batch.of(np.full(len(every), numbers[one]), every, values)
    spent = []
    for hour in range(30):
        began = time.process_time()
        for step in range(4):
            place = hour * 4 + step
            core.take(Batch.of(numbers, np.full(count, every[place]), np.full(count, values[place])))
            if core.due(int(every[place]) + 2 * MINUTE):
                core.close(int(every[place]) + 2 * MINUTE)
        spent.append(time.process_time() - began)
    hot = sum(getattr(core.shelf.hot, name).nbytes for name in COLUMNS)
    rows = sum(column.nbytes for column in core.shelf.rows.values())
    print(
        f"closing an hour of {count} registers: median {np.median(spent[12:]):.3f} s CPU (limit 1), worst {max(spent[12:]):.3f}"
    )
    print(f"  first hours, all solved by themselves: {max(spent[:12]):.2f} s CPU an hour")
    print(f"held: {(hot + rows) / count:.0f} B a register, of it {hot / core.shelf.hot.size / count:.0f} B a quarter-hour")


def year(folder: Path) -> None:
    """One register's year: sealed bytes, and restating it after a late read at its beginning."""
    stored: dict[str, Batch] = {}
    core = made(folder, 1, stored)
    at = T0 + np.arange(0, 365 * DAY, 15 * MINUTE, dtype=np.int64)
    value = level(at, 5)
    keep = np.ones(len(at), np.bool_)
    keep[500] = False
    stored["m0"] = Batch.of(np.zeros(int(keep.sum()), np.int32), at[keep], value[keep])
    now = int(at[-1]) + 2 * MINUTE
    core.take(stored["m0"])
    core.close(now)
    Desk(core, Figures(core)).seal(now)
    chunks, size = core.records.sealed_size()
    print(f"sealed: {size / 1e3:.0f} kB a register-year in {chunks} rows, {size / (len(at) - 1):.2f} B a quarter-hour")
    stored["m0"] = Batch.of(np.zeros(len(at), np.int32), at, value)
    began, cpu = time.perf_counter(), time.process_time()
    core.take(Batch.of([0], at[500:501], value[500:501], received=now))
    core.close(now)
    spent, cpu = time.perf_counter() - began, time.process_time() - cpu
    (row,) = core.records.revisions("m0", 0, now)
    changed = (row["end"] - row["start"]) // QUARTER
    figures = f"{cpu * 1e3:.0f} ms CPU (limit 100), {spent * 1e3:.0f} ms passed"
    print(f"restating a year after one late read: {figures}, {changed} quarter-hours changed")


def main() -> None:
    """Prints the figures."""
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 10_000
    with tempfile.TemporaryDirectory() as folder:
        year(Path(folder))
    with tempfile.TemporaryDirectory() as folder:
        hours(count, Path(folder))


if __name__ == "__main__":
    main()
