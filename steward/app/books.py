"""The books: the ledger of the running service, in a thread of its own; its state in the records, replay from the store.

Invariants: fed in the order of commits; state is saved with the moment of arrival up to which everything was taken and with
marks of the samples of the last minute, so that a replay takes each once; the store is read only when it holds all that was
taken. Queries block and are safe from any thread but the event loop's. See docs/adr/0013.
"""

from __future__ import annotations

import asyncio
import struct
import threading
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

import numpy as np
import structlog
from numpy.typing import NDArray
from prometheus_client import CollectorRegistry, Counter, Gauge

from metering.baselines import Baseline, Refusal
from metering.declarations import Declaration, Declared
from metering.savings import Savings
from steward.app.books_baselines import Baselines, weather_point
from steward.app.books_core import Core
from steward.app.books_desk import Desk
from steward.app.books_figures import Figures
from steward.app.books_model import AskedQuestion, Closed, Consumption, Proof, RegisterState, Restated
from steward.app.books_registers import registers_of, sums_of
from steward.app.books_shelf import FAR
from steward.config.meters import LedgerTable, MeterTable
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
PATIENCE = 60.0
"""Seconds that a read of the store may take."""
_HEAD = struct.Struct("<qqqq")


class Books:
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
    ) -> None:
        self._records, self._index, self._clock, self._told, self._behind = records, index, clock, told, behind
        self._lock = threading.RLock()
        self._thread = ThreadPoolExecutor(1, "books")
        self._store: Store | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._watermark, self._closed_at = 0, 0
        self._recent: list[tuple[int, NDArray[np.uint64]]] = []
        self.core = Core(LedgerRecords(records.database), index, self._fetch)
        self._figures = Figures(self.core)
        self._desk = Desk(self.core, self._figures)
        self._baselines = Baselines(self.core, self._figures, self._fetch)
        self._meters, self._table, self._facility = tuple(meters), table or LedgerTable(), facility
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
        """Restores the saved state and takes what arrived since from the store."""
        self._store, self._loop = store, asyncio.get_running_loop()
        saved = await asyncio.to_thread(self._records.load_state, STATE)
        await self._run(self._restore, saved)
        now = self._clock()
        since, count = max(0, self._watermark - MARGIN), 0
        until = now + MINUTE
        while since < until:
            batch = await store.arrived(since, until, PAGE)
            if not len(batch):
                break
            last = int(batch.received[-1])
            whole = len(batch) < PAGE or last == int(batch.received[0])
            batch = batch if whole else batch.take(batch.received < last)
            since = last + 1 if whole else last
            count += len(batch)
            await self._tell(await self._run(self._replay, batch))
        if count:
            log.info("ledger_replayed", samples=count)

    async def commit(self, batch: Batch) -> None:
        """Takes a committed batch, and closes what is due."""
        if len(batch):
            await self._tell(await self._run(self._take, batch, self._clock()))

    async def tick(self) -> None:
        """Lets time pass: closes the quarter-hour that is over, and works in what came for those closed before."""
        now = self._clock()
        if self.core.due(now) or (self.core.behind and now - self._closed_at >= CATCH_UP):
            await self._tell(await self._run(self._close, now))

    async def rebind(self, facility: Facility, meters: Sequence[MeterTable], table: LedgerTable | None = None) -> None:
        """Another facility: registers that stay keep what they have."""
        self._facility, self._meters, self._table = facility, tuple(meters), table or self._table
        await self._run(self._bind)

    async def save(self) -> None:
        """Saves the state with its watermark."""
        payload = await self._run(self._pack)
        await asyncio.to_thread(self._records.save_state, STATE, payload, self._clock())

    async def stop(self) -> None:
        """Saves and ends the thread."""
        await self.save()
        await asyncio.to_thread(self._thread.shutdown)

    async def nightly(self) -> None:
        """Seals, learns limits and shapes, fits baselines, and closes the month before on its day."""
        now = self._clock()
        await self._run(self._desk.seal, now)
        await self._run(self._desk.learn, now)
        await self._run(self._baselines.fit_all, now)
        day = np.datetime64(now // DAY, "D")
        if self._table.close_day and int(str(day)[8:]) >= self._table.close_day:
            month = str(day.astype("datetime64[M]") - 1)
            await self._run(self._desk.close, month, "", now)

    # what others ask; see books_model.Ledgers

    def consumption(self, point: str, start: int, end: int, period: str = "quarter") -> Consumption:
        """Consumption of [start, end) by periods of the site's local time."""
        with self._lock:
            return self._figures.consumption(point, start, end, period)

    def registers(self) -> list[RegisterState]:
        """Every register, by point id."""
        with self._lock:
            shelf, rows = self.core.shelf, self.core.shelf.rows
            found = []
            for slot, register in enumerate(shelf.registers):
                seen = int(rows["last_at"][slot]) >= 0
                settled = int(rows["settled"][slot])
                found.append(
                    RegisterState(
                        register.id,
                        int(rows["last_at"][slot]) if seen else None,
                        int(rows["last_value"][slot]) * float(abs(register.factor)) if seen else None,
                        settled if settled > 0 else None,
                        int(rows["held"][slot]),
                        len(shelf.questions.get(register.id, ())),
                        int(rows["revision"][slot]),
                        int(rows["open_from"][slot]) == FAR,
                        max(0, int(rows["fault"][slot])),
                        shelf.errors.get(register.id, ""),
                    )
                )
            return sorted(found, key=lambda state: state.point)

    def questions(self, point: str | None = None) -> list[AskedQuestion]:
        """What waits for a person, oldest first."""
        with self._lock:
            return self._desk.questions(point)

    def answer(
        self, question: str, answer: int, who: str, now: int, values: Mapping[str, float] | None = None
    ) -> list[Restated]:
        """Takes answer number `answer` of a question, on record."""
        with self._lock:
            made = self._desk.answer(question, answer, who, now, values)
        self._audit(who, "ledger.answer", question, {"answer": answer, "values": dict(values or {})}, now)
        return made

    def declare(
        self,
        point: str,
        kind: str,
        at: int,
        who: str,
        now: int,
        *,
        end: float | None = None,
        start: float | None = None,
        until: int | None = None,
        value: float | None = None,
        power: int = 0,
        reason: str = "",
    ) -> list[Restated]:
        """A person's word; reads and consumption in the canonical unit as the register shows it (before ratios)."""
        with self._lock:
            size = self._figures.register(point).resolution
            ends = [None if one is None else round(one / size) for one in (end, start, value)]
            declaration = Declaration(at, Declared(kind), ends[0], ends[1], until, ends[2], power, who, reason)
            made = self._desk.declare(point, declaration, who, now)
        self._audit(who, "ledger.declare", point, {"kind": kind, "at": at, "end": end, "start": start, "reason": reason}, now)
        return made

    def revisions(self, point: str, start: int, end: int) -> list[Restated]:
        """The revisions that touched [start, end), oldest first."""
        with self._lock:
            return self._figures.revisions(point, start, end)

    def evidence(self, point: str, start: int, end: int) -> Proof:
        """What the figures of [start, end) rest on."""
        with self._lock:
            return self._figures.evidence(point, start, end)

    def close(self, month: str, who: str, now: int) -> list[Closed]:
        """Closes a month for every register that is not closed yet."""
        with self._lock:
            made = self._desk.close(month, who, now)
        self._audit(who, "ledger.close", month, {"registers": len(made)}, now)
        return made

    def closed(self, month: str) -> list[Closed]:
        """The closings of a month, with their adjustments so far."""
        with self._lock:
            return self._desk.closed(month)

    def baseline(self, point: str) -> Baseline | Refusal | None:
        """The fitted baseline of a register, or why there is none; None before the first fit."""
        with self._lock:
            return self._baselines.baseline(point)

    def savings(self, point: str, start: int, end: int) -> Savings | Refusal:
        """Savings of [start, end) against the baseline."""
        with self._lock:
            return self._baselines.savings(point, start, end)

    def fit(self, point: str, start: int, end: int, who: str, now: int) -> Baseline | Refusal:
        """Fits the baseline of [start, end) now."""
        with self._lock:
            return self._baselines.fit(point, start, end, self._baselines.weather(start - DAY, end), now, who)

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

    def _note_reads(self, point: str, rows: list[tuple[int, float, str]], who: str, now: int) -> None:
        with self._lock:
            self._desk.read(point, rows, who, now)
        self._audit(who, "ledger.read", point, {"reads": len(rows)}, now)

    def _audit(self, who: str, what: str, subject: str, detail: Mapping[str, Any], now: int) -> None:
        self._records.audit(who, what, subject, detail, now)

    # in the thread

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
            made = self.core.close(now, ready=not self._behind())
            self._closed_at = now
            self._seconds.inc(max(0, self._clock() - started) / SECOND)
            return made

    def _fetch(self, points: Sequence[str], start: int, end: int) -> dict[str, Batch]:
        """Stored samples by point; called in a thread, never in the event loop."""
        assert self._store is not None
        assert self._loop is not None
        numbers = [self._index.add(point) for point in points]
        end = min(end, self._clock() + DAY)
        found = asyncio.run_coroutine_threadsafe(self._store.read(numbers, start, end), self._loop).result(PATIENCE)
        edges = np.searchsorted(found.point, np.array([[number, number + 1] for number in numbers]))
        return {point: found.take(slice(*edge)) for point, edge in zip(points, edges.tolist(), strict=True)}  # type: ignore[arg-type]

    async def _tell(self, batch: Batch) -> None:
        if len(batch):
            answer = self._told(batch)
            if asyncio.iscoroutine(answer):
                await answer

    async def _run(self, call: Callable[..., Result], *arguments: Any) -> Result:
        return await asyncio.get_running_loop().run_in_executor(self._thread, lambda: call(*arguments))


def _marks(batch: Batch) -> NDArray[np.uint64]:
    """A mark of each sample: of its point, time and value."""
    with np.errstate(over="ignore"):
        value = np.ascontiguousarray(batch.value).view(np.uint64)
        mixed = batch.at.astype(np.uint64) * np.uint64(0x9E3779B97F4A7C15) ^ value * np.uint64(0xC2B2AE3D27D4EB4F)
        return np.asarray((mixed ^ batch.point.astype(np.uint64)) * np.uint64(0x165667B19E3779F9), np.uint64)
