"""What the books answer, and what people have them do: `steward.app.ledger.model.Ledgers`.

Invariants: every method blocks and is safe from any thread but the event loop's; each holds the lock for what is in memory and
on record only, never while the store is read.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from prometheus_client import CollectorRegistry, Counter

from metering.baselines import Baseline, Refusal
from metering.declarations import Declaration, Declared
from metering.intervals import QUARTER
from metering.savings import Savings
from steward.app.ledger.baselines import Baselines
from steward.app.ledger.columns import month_span
from steward.app.ledger.core import Core
from steward.app.ledger.figures import Figures
from steward.app.ledger.model import AskedQuestion, Closed, Consumption, Proof, RegisterState, Restated
from steward.app.ledger.people import Act, Desk
from steward.app.ledger.restate import further
from steward.app.ledger.shelf import FAR
from steward.app.ledger.solve import ranked
from steward.app.ledger.worker import PATIENCE
from steward.model import Batch, PointIndex
from steward.records import Records
from steward.store import Store
from steward.units import DAY


class Answers:
    """Questions and acts over a core."""

    def __init__(
        self,
        core: Core,
        records: Records,
        index: PointIndex,
        clock: Callable[[], int],
        registry: CollectorRegistry,
        ready: Callable[[], bool],
    ) -> None:
        self._ready = ready
        """Whether the store holds all that was taken."""
        self.core, self._records, self._index, self._clock = core, records, index, clock
        self._lock = threading.RLock()
        self._store: Store | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._figures = Figures(core)
        self._desk = Desk(core, self._figures)
        self._baselines = Baselines(core, self._figures, self._fetch)
        self._failures = Counter(
            "steward_ledger_failures", "Registers that could not be read or solved, by reason", ["reason"], registry=registry
        )

    def consumption(self, point: str, start: int, end: int, period: str = "quarter", billing_day: int = 1) -> Consumption:
        """Consumption of [start, end) by periods of the site's local time."""
        with self._lock:
            return self._figures.consumption(point, start, end, period, billing_day)

    def means(self, points: Sequence[int]) -> list[int]:
        """Which of these points (numbers) are derived means."""
        with self._lock:
            known = self.core.means()
        return [point for point in points if point in known]

    def past(self, points: Sequence[int], start: int, end: int) -> Batch:
        """Samples of derived means in [start, end), sorted by (point, at), from the figures as they are now."""
        parts = []
        for point in sorted(points):
            with self._lock:
                slot = self.core.means().get(point)
                if slot is None:
                    continue
                name = self.core.shelf.names[slot]
                first, last = max(start - QUARTER, self._oldest(slot)), min(end, self.core.shelf.hot.end)
                if first < last:
                    parts.append(self.core.told(slot, self._figures.cells(name, first, last), start, end))
        return Batch.concat(parts)

    def _oldest(self, slot: int) -> int:
        """Where the figures of a register begin at the earliest, ns."""
        month = self.core.records.first_month(self.core.shelf.names[slot])
        return self.core.shelf.hot.first if month is None else month_span(month)[0]

    def registers(self) -> list[RegisterState]:
        """Every register, by point id."""
        with self._lock:
            shelf, rows = self.core.shelf, self.core.shelf.rows
            today, found = self._figures.today(self._clock()), []
            for slot, register in enumerate(shelf.registers):
                seen = int(rows["last_at"][slot]) >= 0
                settled = int(rows["settled"][slot])
                found.append(
                    RegisterState(
                        register.id,
                        int(rows["last_at"][slot]) if seen else None,
                        register.shown(int(rows["last_at"][slot]), int(rows["last_value"][slot])) if seen else None,
                        settled if settled > 0 else None,
                        int(rows["held"][slot]),
                        len(shelf.questions.get(register.id, ())),
                        int(rows["revision"][slot]),
                        int(rows["open_from"][slot]) == FAR,
                        max(0, int(rows["fault"][slot])),
                        shelf.errors.get(register.id, ""),
                        register.unit,
                        today[slot],
                        slot in self.core.queue.due,
                    )
                )
            return sorted(found, key=lambda state: state.point)

    def shows(self, point: str) -> tuple[str, float]:
        """The canonical unit of a register, and how many of it one unit of its reads is (before ratios)."""
        with self._lock:
            register = self._figures.register(point)
            return register.unit, register.resolution

    def questions(self, point: str | None = None) -> list[AskedQuestion]:
        """What waits for a person, oldest first."""
        with self._lock:
            return self._desk.questions(point)

    def answer(
        self, question: str, answer: int, who: str, now: int, values: Mapping[str, float] | None = None
    ) -> list[Restated]:
        """Takes answer number `answer` of a question, on record."""
        with self._lock:
            act = self._desk.answer(question, answer, who, now, values)
        made = self._perform(act)
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
            act = self._desk.declare(point, declaration, who, now)
        made = self._perform(act)
        self._audit(who, "ledger.declare", point, {"kind": kind, "at": at, "end": end, "start": start, "reason": reason}, now)
        return made

    def revisions(self, point: str, start: int, end: int) -> list[Restated]:
        """The revisions that touched [start, end), oldest first; of a sum of tariff registers those of each."""
        with self._lock:
            found = [one for part in self._figures.parts(point) for one in self._figures.revisions(part, start, end)]
        return sorted(found, key=lambda one: (one.at, one.number))

    def evidence(self, point: str, start: int, end: int) -> Proof:
        """What the figures of [start, end) rest on; of a sum of tariff registers, what each of them rests on."""
        proofs = [self._evidence(part, start, end) for part in self._figures.parts(point)]
        if len(proofs) == 1:
            return proofs[0]
        links = sorted((link for proof in proofs for link in proof.links), key=lambda link: link.start)
        reads = sorted((read for proof in proofs for read in proof.reads), key=lambda read: read.at)
        return Proof(point, start, end, links, reads, [one for proof in proofs for one in proof.declarations])

    def _evidence(self, point: str, start: int, end: int) -> Proof:
        with self._lock:
            begin = self._evidence_begin(point, start)
        while True:
            batch = self._stored(point, begin)
            with self._lock:
                found = self._figures.evidence(point, start, end, batch, begin)
            if found is not None:
                return found
            begin = further(start, begin)

    def _evidence_begin(self, point: str, start: int) -> int:
        slot = self._figures.slot(point)
        looked = max(3 * int(self.core.shelf.horizon[slot]), int(self.core.shelf.rows["looked"][slot]))
        return 0 if looked >= FAR else max(0, start - looked)

    def _perform(self, act: Act) -> list[Restated]:
        """Solves the register of an act now; the store is read without the lock, so nothing waits for it."""
        while True:
            with self._lock:
                window = self.core.queue.take(self._figures.slot(act.point))
            try:
                batch = self._stored(act.point, window.begin)
            except Exception:
                with self._lock:
                    self.core.queue.again(window)
                raise
            with self._lock:
                outcome = self.core.queue.solve([(window, batch)], act.cause.now, act.cause)
                if act.point in outcome.failed:
                    self._failures.labels(outcome.failed[act.point]).inc()
                    raise ValueError(f"{act.point}: {self.core.shelf.errors[act.point]}")
                if act.point not in outcome.further:
                    if not self._ready():  # reads are on their way into the store: once more when they are there
                        self.core.queue.again(window)
                    return self._desk.restated(act.point, outcome.revisions.get(act.point, ()))

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
            span = self._baselines.span(point)
        weather = None if span is None else self._baselines.weather(*span)
        with self._lock:
            return self._baselines.baseline(point, weather)

    def savings(self, point: str, start: int, end: int) -> Savings | Refusal:
        """Savings of [start, end) against the baseline."""
        made = self.baseline(point)
        if made is None:
            raise ValueError(f"{point} has no baseline yet: it needs 26 weeks of settled days")
        if isinstance(made, Refusal):
            return made
        weather = self._baselines.weather(start - DAY, end)
        with self._lock:
            return self._baselines.savings(point, made, weather, start, end)

    def fit(self, point: str, start: int, end: int, who: str, now: int) -> Baseline | Refusal:
        """Fits the baseline of [start, end) now."""
        weather = self._baselines.weather(start - DAY, end)
        with self._lock:
            return self._baselines.fit(point, start, end, weather, now, who)

    def _audit(self, who: str, what: str, subject: str, detail: Mapping[str, Any], now: int) -> None:
        self._records.audit(who, what, subject, detail, now)

    def _stored(self, point: str, begin: int) -> Batch:
        """The stored samples of a register since `begin`, by all its ways."""
        points = self._figures.register(point).points
        found = Batch.concat(list(self._fetch(points, begin, FAR).values()))
        return ranked(found, [self._index.add(id) for id in points])

    def _fetch(self, points: Sequence[str], start: int, end: int) -> dict[str, Batch]:
        """Stored samples by point; called in a thread, never in the event loop."""
        assert self._store is not None
        assert self._loop is not None
        numbers = [self._index.add(point) for point in points]
        end = min(end, self._clock() + DAY)
        found = asyncio.run_coroutine_threadsafe(self._store.read(numbers, start, end), self._loop).result(PATIENCE)
        edges = np.searchsorted(found.point, np.array([[number, number + 1] for number in numbers]))
        return {point: found.take(slice(first, last)) for point, (first, last) in zip(points, edges.tolist(), strict=True)}
