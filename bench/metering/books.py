"""The books of the service at size: `python -m bench.metering.books [registers]`.

Measured through the service's own path (Core: take, close, queue, restate, save) with a real records database in SQLite and a
store in memory that shows only what has arrived: CPU of an hour's closings of registers read every 15 minutes, at a start from
nothing, with a day or a month of history that is still being worked out, and with 100 registers in trouble; the CPU of working
out histories; bytes held and sealed; restating a register's year; building a year of many registers from an embedded store.
"""

from __future__ import annotations

import asyncio
import resource
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
from prometheus_client import CollectorRegistry

from metering.intervals import QUARTER
from steward.app.ledger.books import Books
from steward.app.ledger.columns import COLUMNS, Cells, month_of, month_span, pack, unpack
from steward.app.ledger.core import Core
from steward.app.ledger.figures import Figures
from steward.app.ledger.people import Desk
from steward.app.ledger.registers import registers_of
from steward.config import parse
from steward.model import Batch, Facility, FloatArray, IntArray, PointIndex
from steward.records import LedgerRecords, Records
from steward.store.embedded import EmbeddedStore
from steward.units import DAY, HOUR, MINUTE

T0 = 20_454 * DAY
LIMIT = 1.0
"""CPU seconds that the closings of an hour may take."""
POINT = '[[point]]\nid = "m{0}"\nsite = "a"\nmetric = "energy"\nunit = "kWh"\ninterval = "15m"\nrated_power = "100kW"\n'


def facility(count: int) -> Facility:
    """A site with so many registers."""
    return parse([("f.toml", '[[site]]\nid = "a"\nname = "A"\n' + "".join(POINT.format(one) for one in range(count)))]).facility


def level(at: IntArray, seed: int) -> FloatArray:
    """A register in Wh with a day and a week in it, in whole units."""
    hours = (at - T0) / HOUR
    shape = hours * 20_000 - 12_000 * np.cos(hours / 24 * 2 * np.pi) + 900 * np.sin(hours * (1 + seed % 7))
    return np.asarray(np.maximum.accumulate(np.rint(1e7 + shape + 25_000)))


class Site:
    """Books of many registers that all show the same series, but some have zeros; `now` is what has arrived."""

    def __init__(self, folder: Path, count: int, span: int, trouble: int = 0) -> None:
        described = facility(count)
        self.records = Records(f"sqlite:///{folder}/records.db")
        self.records.open()
        self.core = Core(LedgerRecords(self.records.database), PointIndex(described.points))
        self.core.bind(registers_of(described, {}), list(described.points))
        self.numbers = np.array([self.core.index.add(f"m{one}") for one in range(count)], np.int32)
        self.at = T0 + np.arange(0, span, 15 * MINUTE, dtype=np.int64)
        self.good = level(self.at, 3)
        self.bad = np.where(np.arange(len(self.at)) % 8 < 4, 0.0, self.good)
        self.trouble, self.count = trouble, count
        self.drift: IntArray = np.zeros(count, np.int64)
        """By how much each register has run ahead of the series, for those that are never read back."""

    def samples(self, name: str, begin: int, end: int) -> Batch:
        """What the store has of a register."""
        number = int(name[1:])
        rows = slice(*np.searchsorted(self.at, [begin, end + 1]))
        values = self.bad if number < self.trouble else self.good
        return Batch.of(np.full(len(self.at[rows]), self.numbers[number]), self.at[rows], values[rows])

    def serve(self, now: int, until: Callable[[], bool] = lambda: False) -> int:
        """Solves what is due, as the worker does; how many registers."""
        done = 0
        while not until() and (windows := self.core.queue.pick(now)):
            for place in range(0, len(windows), 40):
                part = windows[place : place + 40]
                self.core.queue.solve([(one, self.samples(one.name, one.begin, now)) for one in part], now)
                self.core.derived(now, [one.name for one in part])
            done += len(windows)
        return done

    def hour(self, begin: int, serve: bool = True) -> tuple[float, float]:
        """CPU seconds of one hour: its closings, and what was solved after each."""
        closing = solving = 0.0
        for at in range(begin, begin + HOUR, 15 * MINUTE):
            place = int(np.searchsorted(self.at, at))
            values = np.full(self.count, self.good[place])
            values += self.drift
            values[: self.trouble] = self.bad[place]
            now = at + 2 * MINUTE
            started = time.process_time()
            self.core.take(Batch.of(self.numbers, np.full(self.count, at), values))
            if self.core.due(now):
                self.core.close(now)
            between = time.process_time()
            if serve:
                self.serve(now)
            closing, solving = closing + between - started, solving + time.process_time() - between
        return closing, solving


def _folder(call: Callable[[Path], None]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        call(Path(folder))


def fresh(count: int) -> Callable[[Path], None]:
    """A start with nothing in the store."""

    def run(folder: Path) -> None:
        site = Site(folder, count, 30 * HOUR)
        site.serve(T0 - HOUR)
        noise = np.random.default_rng(1)
        sums = []
        for hour in range(30):
            site.drift += noise.integers(0, 900, count)
            sums.append(sum(site.hour(T0 + hour * HOUR)))
        median, worst = np.median(sums), max(sums)
        print(f"an hour of {count} registers from nothing: median {median:.3f} s, worst {worst:.3f} s (limit {LIMIT})")
        shelf = site.core.shelf
        hot = sum(getattr(shelf.hot, name).nbytes for name in COLUMNS)
        rows = sum(column.nbytes for column in shelf.rows.values())
        snaps = sum(at.nbytes + seen.nbytes for at, seen in shelf.snaps)
        print(f"held: {(hot + rows + snaps) / count:.0f} B a register ({hot / count:.0f} of quarter-hours)")
        began = time.process_time()
        payload = site.core.save()
        print(f"saving: {time.process_time() - began:.2f} s, {len(payload) / 1e6:.1f} MB")

    return run


def history(count: int, days: int) -> Callable[[Path], None]:
    """A first start with history: closings while it is worked out, and how long that takes in all."""

    def run(folder: Path) -> None:
        site = Site(folder, count, (days + 1) * DAY)
        begin = T0 + days * DAY
        closing = site.hour(begin, serve=False)[0]
        began = time.process_time()
        done = site.serve(begin + HOUR - 13 * MINUTE)
        spent = time.process_time() - began
        after = [sum(site.hour(begin + hour * HOUR)) for hour in range(1, 4)]
        print(
            f"{days} days of history, {count} registers: an hour's closings meanwhile {closing:.3f} s (limit {LIMIT}), "
            f"worked out in {spent:.1f} s CPU ({spent / done * 1e3:.2f} ms a register), then {np.median(after):.3f} s an hour"
        )

    return run


def trouble(count: int) -> Callable[[Path], None]:
    """100 registers that show zero every other hour."""

    def run(folder: Path) -> None:
        site = Site(folder, count, 60 * HOUR, 100)
        site.serve(T0 - HOUR)
        spent = [site.hour(T0 + hour * HOUR) for hour in range(60)]
        closing, solving = (np.median([one[part] for one in spent[36:]]) for part in (0, 1))
        print(f"100 of {count} in trouble: closing {closing:.3f} s, solving {solving:.3f} s an hour (limit {LIMIT} in all)")

    return run


def year(folder: Path) -> None:
    """One register's year: sealed bytes, and restating it after a late read at its beginning."""
    site = Site(folder, 1, 365 * DAY)
    now = int(site.at[-1]) + 2 * MINUTE
    late = int(site.at[500])
    whole = site.at, site.good, site.bad
    keep = site.at != late
    site.at, site.good, site.bad = (column[keep] for column in whole)
    site.serve(now)
    Desk(site.core, Figures(site.core)).seal(["m0"], now)
    chunks, size = site.core.records.sealed_size()
    print(f"sealed: {size / 1e3:.0f} kB a register-year in {chunks} rows, {size / (len(site.at) - 1):.2f} B a quarter-hour")
    site.at, site.good, site.bad = whole
    began, cpu = time.perf_counter(), time.process_time()
    site.core.take(Batch.of([0], [late], site.good[500:501], received=now))
    site.core.queue.turn()
    site.serve(now)
    spent, cpu = time.perf_counter() - began, time.process_time() - cpu
    (row,) = site.core.records.revisions("m0", 0, now)
    changed = (row["end"] - row["start"]) // QUARTER
    figures = f"{cpu * 1e3:.0f} ms CPU (limit 100), {spent * 1e3:.0f} ms passed"
    print(f"restating a year after one late read: {figures}, {changed} quarter-hours changed")


def held(count: int) -> Callable[[Path], None]:
    """A year of quarter-hours of every register, sealed by months; what a question about it costs."""

    def run(folder: Path) -> None:
        records = Records(f"sqlite:///{folder}/records.db")
        records.open()
        ledger = LedgerRecords(records.database)
        rng = np.random.default_rng(5)
        first = month_of(T0)
        began, cpu = time.perf_counter(), time.process_time()
        shape = 40_000 * (1.2 - np.cos(np.arange(96) * 2 * np.pi / 96))
        for month in range(first, first + 12):
            begin, end = month_span(month)
            size = (end - begin) // QUARTER
            load = np.resize(shape, size)
            for place in range(0, count, 500):
                noise = rng.uniform(0.1, 3, (500, 1)) * rng.normal(1, 0.1, (500, size)).clip(0.2)
                block = np.rint(load * noise).astype(np.int64)
                none = (np.zeros(size, np.uint16), np.zeros(size, np.uint8), np.full(size, 250, np.uint8))
                ledger.seal({(f"m{place + one}", month): pack(Cells(begin, block[one], *none)) for one in range(500)})
        spent, cpu = time.perf_counter() - began, time.process_time() - cpu
        chunks, size = ledger.sealed_size()
        each = f"{size / count / 1e3:.0f} kB a register-year, {size / count / 35_040:.2f} B a quarter-hour of noise"
        print(
            f"a year of {count} registers: {chunks} chunks, {size / 1e6:.0f} MB, {each}; {cpu:.0f} s CPU, {spent:.0f} s passed"
        )
        began = time.perf_counter()
        one = sum(unpack(payload).size for payload in ledger.chunks(["m77"], first, first + 11).values())
        single = time.perf_counter() - began
        began = time.perf_counter()
        found = ledger.chunks([f"m{one}" for one in range(count)], first, first)
        many = sum(int(unpack(payload).value.sum()) > 0 for payload in found.values())
        spent = time.perf_counter() - began
        print(f"one register's year ({one} quarter-hours) {single * 1e3:.1f} ms; a month of all {many} registers {spent:.1f} s")
        records.close()

    return run


def first_start(count: int) -> Callable[[Path], None]:
    """A service that starts without state on a year of reads in an embedded store."""

    async def run(folder: Path) -> None:
        described = facility(count)
        index = PointIndex(described.points)
        records = Records(f"sqlite:///{folder}/records.db")
        await asyncio.to_thread(records.open)
        store = EmbeddedStore(folder / "s.duckdb", index)
        await store.open()
        at = T0 + np.arange(0, 365 * DAY, 15 * MINUTE, dtype=np.int64)
        for one in range(count):
            await store.write(Batch.of(np.full(len(at), one), at, level(at, one), received=at))
        await store.compact()
        now = int(at[-1]) + 2 * MINUTE
        books = Books(described, index, records, lambda: now, lambda batch: None, CollectorRegistry())
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        began, cpu = time.perf_counter(), time.process_time()
        await books.start(store)
        up = time.perf_counter() - began
        await books.idle()
        spent, cpu = time.perf_counter() - began, time.process_time() - cpu
        grown = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024
        assert all(state.clean for state in books.registers())
        print(
            f"first start on a year of {count} registers ({count * len(at) / 1e6:.1f} M reads in DuckDB): up in {up:.2f} s, "
            f"worked out in {spent:.0f} s ({cpu:.0f} s CPU, {spent / count * 1e3:.0f} ms a register), {grown:.0f} MB more"
        )
        await books.stop()
        await store.close()

    return lambda folder: asyncio.run(run(folder))


def main() -> None:
    """Prints the figures."""
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 10_000
    for part in (
        year,
        held(count),
        fresh(count),
        trouble(count),
        history(count, 1),
        history(count, 30),
        first_start(max(10, count // 100)),
    ):
        _folder(part)


if __name__ == "__main__":
    main()
