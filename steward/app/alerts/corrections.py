"""Corrections: what late and back-filled samples would have changed, written beside the alerts and never over them.

Invariants: the rules concerned are replayed through the engine of the backtest, with and without the late samples; only where
the two differ, and the record is not what the late samples make of it, is something noted. Absence is judged by arrival: it is
no replay that corrects it but the samples themselves (`absence`). Bounded in points, span and samples for each run; what does
not fit is counted. What a run found and how far it came (`lateness`) are one transaction: a crash loses and doubles nothing.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
import structlog
from prometheus_client import CollectorRegistry, Counter

from rules.backtest import Episode, Trial
from rules.contract import Rule
from rules.engine import Engine
from steward.app.alerts.absence import clock as written
from steward.app.alerts.absence import correction, silence_of, watched
from steward.app.alerts.lateness import SAMPLES, STATE, Flush, Late, Lateness
from steward.model import Alert, Batch, Condition, Facility, Point, PointIndex
from steward.records import AlertRecord, Records
from steward.records.desk import DeskRecords, Noted
from steward.store import Store
from steward.units import DAY, HOUR, MINUTE, SECOND

log = structlog.get_logger()

POINTS = 200
"""Points with late samples that one run looks at."""
SPAN = 7 * DAY
SAVED = MINUTE
"""How far arrivals go on before the watermark is written again, where nothing else is."""
MARGIN = HOUR
TOLERANCE = SECOND
Pair = tuple[str, str]


@dataclass(frozen=True, slots=True)
class Concern:
    """What late samples touch: rules, the targets they are bound to, and all points that those need."""

    rules: list[Rule]
    pairs: set[Pair]
    points: dict[str, Point]


class Corrections:
    """Late samples in, corrections out. `start`, `note` and `run` in the event loop; told: hears of alerts that got one;
    behind: whether the store does not hold yet all that was committed (it is spooled): then late samples wait."""

    def __init__(
        self,
        engine: Callable[[], Engine],
        index: PointIndex,
        store: Store,
        records: Records,
        clock: Callable[[], int],
        told: Callable[[Sequence[AlertRecord]], None],
        registry: CollectorRegistry,
        behind: Callable[[], bool] = lambda: False,
    ) -> None:
        self._engine, self._index, self._store = engine, index, store
        self._records, self._rows = records, DeskRecords(records.database)
        self._clock, self._told, self._behind = clock, told, behind
        self.marks = Lateness(clock())
        self._saved, self._saved_at = b"", 0
        about = "Late or back-filled samples, by what became of them"
        self._seen = Counter("steward_late_samples", about, ["outcome"], registry=registry)
        self._made = Counter("steward_alert_corrections", "Corrections written beside alerts", registry=registry)

    async def start(self, latest: Batch) -> None:
        """Goes on from where the last run ended. latest: the newest sample of every point, as the store has it."""
        self.marks.seed(latest)
        payload = await asyncio.to_thread(self._records.load_state, STATE)
        self.marks.restore(payload)
        if payload is None:
            await self._save()

    def note(self, batch: Batch) -> None:
        """A committed batch: remembers which of its samples are late."""
        before = self.marks.crowded
        self.marks.note(batch)
        if self.marks.crowded > before:
            self._seen.labels("crowded").inc(self.marks.crowded - before)

    async def run(self) -> None:
        """Looks at the late samples of some points; the rest waits for the next run. What fails waits again."""
        if self._behind():
            return
        found = await self.marks.recover(self._store)
        if found:
            log.info("late_samples_recovered", samples=found)
        late, came = self.marks.take(POINTS)
        try:
            if late:
                await self._look(late)
        except BaseException:
            self.marks.put_back(late, came)
            raise
        flushes = self.marks.settled(self._clock())
        try:
            if flushes:
                await self._absences(flushes)
        except BaseException:
            self.marks.again(flushes)
            raise
        if self._clock() - self._saved_at >= SAVED:
            await self._save()

    async def _save(self) -> None:
        payload, self._saved_at = self.marks.watermark(), self._clock()
        if payload != self._saved:
            await asyncio.to_thread(self._records.save_state, STATE, payload, self._saved_at)
            self._saved = payload

    async def _look(self, late: Late) -> None:
        engine = self._engine()
        concern = await asyncio.to_thread(concerned, engine, list(late))
        count = sum(len(times) for times in late.values())
        if not concern.pairs:
            self._seen.labels("unjudged").inc(count)
            return
        judged = await self._judge(engine.facility, concern, late)
        self._seen.labels("judged" if judged else "too_many").inc(count)

    async def _absences(self, flushes: dict[int, Flush]) -> None:
        """Episodes of silence in which samples lie that came after it."""
        now = self._clock()
        pairs = await asyncio.to_thread(watched, self._engine(), list(flushes))
        if not pairs:
            return
        rules, targets = sorted({rule for rule, _ in pairs}), sorted({target for _, target in pairs})
        first = min(flush.first for flush in flushes.values())
        last = max(flush.last for flush in flushes.values())
        notes = []
        for record in await asyncio.to_thread(self._rows.episodes, rules, targets, max(first, now - SPAN), last + 1):
            numbers = pairs.get((record.alert.rule, record.alert.target))
            if not numbers:
                continue
            silence = silence_of(record.alert, now)
            batch = await self._store.read(sorted(numbers), silence.start, silence.end, SAMPLES)
            words = correction(silence, batch.at, batch.received)
            if words is not None:
                notes.append(Noted(record.id, "correction", now, words))
        await self._note(notes, [], now)

    async def _judge(self, facility: Facility, concern: Concern, late: Late) -> bool:
        now = self._clock()
        last = max(max(times) for times in late.values())
        first = max(min(min(times) for times in late.values()), last - SPAN)
        rules, targets = sorted({pair[0] for pair in concern.pairs}), sorted({pair[1] for pair in concern.pairs})
        known = await asyncio.to_thread(self._rows.episodes, rules, targets, first, last + 1)
        known = [one for one in known if (one.alert.rule, one.alert.target) in concern.pairs]
        start = max(min([first, *(one.alert.since for one in known)]) - MARGIN, last - SPAN)
        reach = last + max(rule.wait + rule.keep for rule in concern.rules) + MARGIN
        end = min(max([reach, *((one.alert.resolved or now) + MARGIN for one in known)]), now, start + 2 * SPAN)
        small = replace(facility, points=concern.points)
        trial = Trial(concern.rules, small, self._index, start)
        numbers = [self._index.add(id) for id in concern.points]
        batch = await self._store.read(numbers, trial.begin, end, SAMPLES)
        if len(batch) >= SAMPLES:
            log.warning("late_samples_not_judged", points=len(late), samples=len(batch))
            return False
        without = batch.take(~_among(batch, late))
        truly = await asyncio.to_thread(_replay, trial, batch, end)
        before = await asyncio.to_thread(_replay, Trial(concern.rules, small, self._index, start), without, end)
        recorded = await asyncio.to_thread(self._rows.episodes, rules, targets, start, end)
        await self._write([one for one in recorded if (one.alert.rule, one.alert.target) in concern.pairs], before, truly, now)
        return True

    async def _write(self, recorded: list[AlertRecord], before: list[Episode], truly: list[Episode], now: int) -> None:
        notes = []
        for record in recorded:
            saw = _meeting(before, record)
            if saw is None:
                continue  # the replay does not know it: it is not the late samples that would have changed it
            truth = _meeting(truly, record)
            if truth is None:
                notes.append(Noted(record.id, "correction", now, "late data: it would not have fired"))
            elif not _same(saw, truth) and not _same(_episode(record), truth):
                words = f"late data: it would have fired at {_time(truth.fired)}, over at {_time(truth.resolved)}"
                notes.append(Noted(record.id, "correction", now, words))
        missed = []
        for one in truly:
            same = [*before, *(_episode(record) for record in recorded)]
            if one.resolved is not None and not any(_overlap(one, other) for other in same):
                missed.append(_missed(one))
                words = f"late data: it would have fired at {_time(one.fired)}, over at {_time(one.resolved)}"
                notes.append(Noted(missed[-1].id, "correction", now, words))
        await self._note(notes, missed, now)

    async def _note(self, notes: list[Noted], missed: list[Alert], now: int) -> None:
        """Episodes that nobody saw, the notes and the watermark: one transaction."""
        if not notes and not missed:
            return
        payload = self.marks.watermark()
        changed = await asyncio.to_thread(self._rows.correct, notes, now, missed, (STATE, payload))
        self._saved, self._saved_at = payload, now
        if changed:
            self._made.inc(len(changed))
            self._told(changed)
            log.info("alerts_corrected", alerts=len(changed))


def concerned(engine: Engine, numbers: Sequence[int]) -> Concern:
    """What the points of these numbers are inputs of, among the rules that judge by the time of samples."""
    found: dict[str, Rule] = {}
    pairs: set[Pair] = set()
    points: dict[str, Point] = {}
    for bank in engine.banks:
        if bank.kind.CLOCK != "at":
            continue
        route = bank.route
        for number in numbers:
            if number >= route.points:
                continue
            first = int(route.start[number])
            for row in route.row[first : first + int(route.count[number])].tolist():
                rule, target = bank.rules[int(bank.rule_of[row])], bank.targets[row]
                found[rule.id] = rule
                pairs.add((rule.id, target.id))
                points |= {point.id: point for point in target.points if point is not None}
    return Concern(list(found.values()), pairs, points)


def _among(batch: Batch, late: Late) -> np.ndarray[tuple[int], np.dtype[np.bool_]]:
    mask = np.zeros(len(batch), np.bool_)
    for point, times in late.items():
        mask |= (batch.point == point) & np.isin(batch.at, np.fromiter(times, np.int64, len(times)))
    return mask


def _replay(trial: Trial, batch: Batch, end: int) -> list[Episode]:
    order = np.argsort(batch.at, kind="stable")
    trial.feed(batch.take(order))
    return trial.outcome(end).episodes


def _episode(record: AlertRecord) -> Episode:
    alert = record.alert
    return Episode(
        alert.rule, alert.kind, alert.severity, alert.target, alert.points, alert.since, alert.fired or alert.since,
        alert.resolved, alert.value, alert.worst, alert.limit, alert.evidence,
    )  # fmt: skip


def _overlap(one: Episode, other: Episode) -> bool:
    if (one.rule, one.target) != (other.rule, other.target):
        return False
    never = np.iinfo(np.int64).max
    return one.since <= other.end(never) and other.since <= one.end(never)


def _meeting(episodes: Sequence[Episode], record: AlertRecord) -> Episode | None:
    return next((one for one in episodes if _overlap(one, _episode(record))), None)


def _same(one: Episode, other: Episode) -> bool:
    """Whether both fire and end at the same moments."""
    return _near(one.fired, other.fired) and _near(one.resolved, other.resolved)


def _near(one: int | None, other: int | None) -> bool:
    if one is None or other is None:
        return one is other
    return abs(one - other) <= TOLERANCE


def _missed(one: Episode) -> Alert:
    """The episode that nobody saw, as a resolved alert that says so."""
    evidence = {**one.evidence, "reason": "found by late data"}
    return Alert(
        one.rule, one.kind, one.severity, one.target, one.points, Condition.RESOLVED, one.since, one.resolved or one.fired,
        one.fired, one.resolved, one.value, one.worst, one.limit, evidence,
    )  # fmt: skip


def _time(at: int | None) -> str:
    return "(lasts)" if at is None else written(at)
