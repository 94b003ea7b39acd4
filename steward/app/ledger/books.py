"""The books: the ledger of the running service, in a thread of its own; its state in the records, replay from the store.

Invariants: fed in the order of commits; state is saved with the moment of arrival up to which everything was taken and with
marks of the samples of the last minute, so that a replay takes each once; the store is read only when it holds all that was
taken. Queries block and are safe from any thread but the event loop's. See docs/adr/0013.
"""

from __future__ import annotations

import asyncio
import struct
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, TypeVar
from zoneinfo import ZoneInfo

import numpy as np
import structlog
from numpy.typing import NDArray
from prometheus_client import CollectorRegistry, Counter, Gauge

from metering.intervals import QUARTER
from metering.restate import Reason
from steward.app.ledger.answers import Answers
from steward.app.ledger.baselines import YEAR, weather_point
from steward.app.ledger.core import Core
from steward.app.ledger.people import Act
from steward.app.ledger.registers import registers_of, sums_of
from steward.app.ledger.restate import Cause
from steward.app.ledger.shelf import FAR, HOT
from steward.app.ledger.worker import Worker
from steward.config.meters import LedgerTable, MeterTable
from steward.errors import StewardError
from steward.model import Batch, Facility, PointIndex
from steward.records import LedgerRecords, Records
from steward.store import Store
from steward.units import DAY, MINUTE, SECOND

log = structlog.get_logger()

Result = TypeVar("Result")
STATE = "books"
MARGIN = 60 * SECOND
"""Arrivals are replayed from this long before the saved watermark: batches of several brokers may commit crosswise."""
PAGE = 200_000
CATCH_UP = 10 * SECOND
"""Reads of quarter-hours that are closed already (a backlog, late data) wait so long after the last closing at most."""
_LEARNED = 20
"""Registers that learn in one go."""
_HEAD = struct.Struct("<qqqq")


class Books(Answers):
    """The ledger of a service. `told` hears of derived samples, in the event loop."""

    def __init__(
        self,
        facility: Facility,
        index: PointIndex,
        records: Records,
        clock: Callable[[], int],
        told: Callable[[Batch], Any],
        registry: CollectorRegistry,
        *,
        meters: Sequence[MeterTable] = (),
        table: LedgerTable | None = None,
        behind: Callable[[], bool] = lambda: False,
        weather_file: Path | None = None,
    ) -> None:
        super().__init__(Core(LedgerRecords(records.database), index), records, index, clock, registry, lambda: not behind())
        self._told, self._weather_file = told, weather_file
        self._thread = ThreadPoolExecutor(1, "books")
        self._watermark, self._closed_at = 0, 0
        self._recent: list[tuple[int, NDArray[np.uint64]]] = []
        self._meters, self._table, self._facility = tuple(meters), table or LedgerTable(), facility
        self.worker = Worker(self.core, self._held, clock, self._ready, self._tell, self._failures)
        Gauge("steward_ledger_waiting", "Registers that wait to be solved", registry=registry).set_function(
            lambda: self.worker.waiting
        )
        self._samples = Counter("steward_ledger_reads", "Samples taken into the ledger", registry=registry)
        self._seconds = Counter("steward_ledger_seconds", "Time spent closing", registry=registry)
        rows = self.core.shelf
        Gauge("steward_ledger_registers", "Registers", registry=registry).set_function(lambda: len(rows.names))
        open_ = Gauge("steward_ledger_open", "Registers that are solved by themselves", registry=registry)
        open_.set_function(lambda: int((rows.rows["open_from"] < FAR).sum()))
        asked = Gauge("steward_ledger_questions", "Questions that wait for a person", registry=registry)
        asked.set_function(lambda: sum(len(one) for one in rows.questions.values()))

    # the service's side

    async def start(self, store: Store) -> None:
        """Restores the saved state and takes what arrived since from the store; what takes long goes on afterwards."""
        self._store, self._loop = store, asyncio.get_running_loop()
        saved = await asyncio.to_thread(self._records.load_state, STATE)
        await self._run(self._restore, saved)
        if self._watermark:
            await self._catch_up(store)
        self._watermark = max(self._watermark, self._clock())
        self.worker.start(store)
        await self._tell(await self._run(self._again))
        self.worker.wake()

    async def _catch_up(self, store: Store) -> None:
        """Takes what arrived since the state was saved: a page in the order of arrival, the rest as registers to be solved."""
        since, count, until = max(0, self._watermark - MARGIN), 0, self._clock() + MINUTE
        while since < until:
            batch = await store.arrived(since, until, PAGE)
            if not len(batch):
                break
            last = int(batch.received[-1])
            whole = len(batch) < PAGE or last == int(batch.received[0])
            batch = batch if whole else batch.take(batch.received < last)
            since = last + 1 if whole else last
            await self._tell(await self._run(self._skim if count else self._replay, batch))
            count += len(batch)
            log.info("ledger_replayed", samples=count)

    async def commit(self, batch: Batch) -> None:
        """Takes a committed batch, and closes what is due."""
        if len(batch):
            await self._tell(await self._run(self._take, batch, self._clock()))
            self.worker.wake()

    async def tick(self) -> None:
        """Lets time pass: closes the quarter-hour that is over, and works in what came for those closed before."""
        now = self._clock()
        if self.core.due(now) or (self.core.behind and now - self._closed_at >= CATCH_UP):
            await self._tell(await self._run(self._close, now))
        self.worker.wake()

    async def idle(self) -> None:
        """Waits until every register that can be solved now is solved."""
        await self.worker.idle()

    async def rebind(self, facility: Facility, meters: Sequence[MeterTable], table: LedgerTable | None = None) -> None:
        """Another facility: registers that stay keep what they have."""
        self._facility, self._meters, self._table = facility, tuple(meters), table or self._table
        await self._run(self._bind)
        self.worker.wake()

    def _portions(self) -> list[list[str]]:
        """The registers in small parts: closings and questions slip in between."""
        return [part[place : place + _LEARNED] for part in self._desk.slices() for place in range(0, len(part), _LEARNED)]

    async def _fit_all(self, now: int) -> None:
        """Fits, one by one, every register that has half a year settled and no accepted baseline."""
        if not self._baselines.knows_weather:
            return
        names: list[str] = []
        for part in self._portions():
            names += await self._held(self._baselines.candidates, part)
        if names:
            weather = await asyncio.to_thread(self._baselines.weather, now - YEAR - DAY, now)
        for name in names:
            await self._held(self._baselines.fit_settled, name, weather, now)

    async def save(self) -> None:
        """Saves the state with its watermark."""
        payload = await self._run(self._pack)
        await asyncio.to_thread(self._records.save_state, STATE, payload, self._clock())

    async def stop(self) -> None:
        """Saves and ends the thread."""
        await self.worker.stop()
        await self.save()
        await asyncio.to_thread(self._thread.shutdown)

    async def nightly(self) -> None:
        """Seals, learns limits and shapes, fits baselines, and closes the month before on its day."""
        now = self._clock()
        cut = (now - HOT) // QUARTER * QUARTER
        for part in self._desk.slices():
            await self._held(self._desk.seal, part, cut)
        await self._held(self._desk.drop, cut)
        for part in self._portions():
            for act in await self._held(self._desk.learn, part, now):
                await asyncio.to_thread(self._perform, act)
        await self._fit_all(now)
        zones = {site.time_zone for site in self._facility.sites.values()} or {"UTC"}
        days = [datetime.fromtimestamp(now / SECOND, ZoneInfo(zone)).date() for zone in zones]
        day = min(days)  # a month is closed when its day has come at every site
        if self._table.close_day and day.day >= self._table.close_day:
            await self._held(self._desk.close, f"{day.replace(day=1) - timedelta(days=1):%Y-%m}", "", now)

    # reads by hand

    async def read(self, point: str, reads: Sequence[tuple[int, float]], who: str, origin: str = "api") -> None:
        """Takes reads by hand: (ns, canonical value as the register shows it). They are samples, and on record."""
        now = self._clock()
        assert self._store is not None
        await asyncio.to_thread(self._note_reads, point, [(at, value, origin) for at, value in reads], who, now)
        number = self._index.add(point)
        at = [one[0] for one in reads]
        batch = Batch.of([number] * len(at), at, [one[1] for one in reads], received=now, historical=True)
        await self._store.write(batch)
        await self.commit(batch)
        await self._tell(await self._run(self._close, now))
        await self._held(self._reopen, point, min(at))
        try:  # the person sees at once what follows
            await asyncio.to_thread(self._perform, Act(point, Cause(Reason.NEXT, now, who)))
        except (ValueError, StewardError, TimeoutError) as error:  # the reads are taken; the worker tries again
            log.warning("reads_not_solved_yet", register=point, error=str(error))
        self.worker.wake()

    def _note_reads(self, point: str, rows: list[tuple[int, float, str]], who: str, now: int) -> None:
        with self._lock:
            self._desk.read(point, rows, who, now)
        self._audit(who, "ledger.read", point, {"reads": len(rows)}, now)

    # in the thread

    def _reopen(self, point: str, since: int) -> None:
        slot = self._figures.slot(point)
        self.core.queue.open(slot, since, late=since <= int(self.core.shelf.rows["last_at"][slot]))

    def _restore(self, saved: bytes | None) -> None:
        self.core.decisions.load()
        if saved is not None and len(saved) > _HEAD.size:
            watermark, closed, snapped, size = _HEAD.unpack_from(saved)
            place = _HEAD.size + 16 * size
            try:
                self.core.load(saved[place:])
                marks = np.frombuffer(saved[_HEAD.size : place], "<u8").reshape(2, size)
                self._recent = [(int(marks[0].max(initial=0)), marks[1].astype(np.uint64))]
                self._watermark, self.core.closed_until, self.core.snapped = watermark, closed, snapped
            except ValueError as error:
                log.error("ledger_state_refused", error=str(error))
        self._bind()

    def _bind(self) -> None:
        with self._lock:
            meters = {meter.id: meter for meter in self._meters}
            self._figures.sums = sums_of(meters)
            self._baselines.weather_point = weather_point(self._facility, self._table.weather)
            self._baselines.weather_file = None if self._table.weather else self._weather_file
            self.core.bind(registers_of(self._facility, meters), list(self._facility.points))

    def _pack(self) -> bytes:
        with self._lock:
            none = np.zeros(0, np.uint64)
            marks = np.concatenate([none, *(part for _, part in self._recent)])
            stamps = np.concatenate([none, *(np.full(len(part), at, np.uint64) for at, part in self._recent)])
            head = _HEAD.pack(self._watermark, self.core.closed_until, self.core.snapped, len(marks))
            return head + stamps.astype("<u8").tobytes() + marks.astype("<u8").tobytes() + self.core.save()

    def _replay(self, batch: Batch) -> Batch:
        """Takes stored samples as they arrived, but those that were taken before."""
        known = np.concatenate([np.zeros(0, np.uint64), *(part for _, part in self._recent)])
        fresh = batch.take(~np.isin(_marks(batch), known)) if len(known) else batch
        parts = []
        quarter = 15 * MINUTE
        for moment in np.unique(fresh.received // quarter).tolist():  # as it would have been closed then
            part = fresh.take(fresh.received // quarter == moment)
            parts.append(self._take(part, int(part.received.max())))
        return Batch.concat(parts)

    def _skim(self, batch: Batch) -> Batch:
        """Opens the registers of stored samples, and no more: each is solved once, whatever arrived."""
        with self._lock:
            self.core.take(batch, apart=True)
            self._watermark = max(self._watermark, int(batch.received.max()))
            return Batch.of([], [], [])

    def _again(self) -> Batch:
        with self._lock:
            now = self._clock()
            self.core.queue.turn()
            self.core.tell_again(now)
            return self.core.derived(now)

    def _take(self, batch: Batch, now: int) -> Batch:
        with self._lock:
            self._samples.inc(self.core.take(batch))
            newest = int(batch.received.max())
            self._watermark = max(self._watermark, newest)
            self._recent = [one for one in self._recent if one[0] >= self._watermark - 2 * MARGIN]
            self._recent.append((newest, _marks(batch)))
            return self._close(now) if self.core.due(now) else Batch.of([], [], [])

    def _close(self, now: int) -> Batch:
        with self._lock:
            started = self._clock()
            made = self.core.close(now)
            self._closed_at = now
            self._seconds.inc(max(0, self._clock() - started) / SECOND)
            return made

    async def _tell(self, batch: Batch) -> None:
        """Tells of derived samples. Faults follow from no figure, so they are stored: their history is the store's."""
        if not len(batch):
            return
        faults = batch.take(self.core.faults_of(batch))
        if len(faults) and self._store is not None:
            try:
                await self._store.write(faults)
            except StewardError as error:
                log.warning("faults_not_stored", error=str(error))
        answer = self._told(batch)
        if asyncio.iscoroutine(answer):
            await answer

    async def _held(self, call: Callable[..., Result], *arguments: Any) -> Result:
        """In the thread, under the lock."""

        def locked() -> Result:
            with self._lock:
                return call(*arguments)

        return await self._run(locked)

    async def _run(self, call: Callable[..., Result], *arguments: Any) -> Result:
        return await asyncio.get_running_loop().run_in_executor(self._thread, lambda: call(*arguments))


def _marks(batch: Batch) -> NDArray[np.uint64]:
    """A mark of each sample: of its point, time and value."""
    with np.errstate(over="ignore"):
        value = np.ascontiguousarray(batch.value).view(np.uint64)
        mixed = batch.at.astype(np.uint64) * np.uint64(0x9E3779B97F4A7C15) ^ value * np.uint64(0xC2B2AE3D27D4EB4F)
        return np.asarray((mixed ^ batch.point.astype(np.uint64)) * np.uint64(0x165667B19E3779F9), np.uint64)
