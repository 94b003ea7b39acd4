"""The alert desk: from changed alerts to what people are told, and what people do about alerts.

Invariants: one thread decides and writes, in the order in which alerts changed and people acted; a transition is handed to
`on_transition` after it is on record, in order of its number, and again after a crash until that has taken it; what could
not be written is kept and written first. Judging never waits for the desk.
"""

from __future__ import annotations

import asyncio
import contextlib
import inspect
import secrets
from collections.abc import Awaitable, Callable, Collection, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import partial
from typing import Any, TypeVar

import structlog
from prometheus_client import CollectorRegistry, Counter, Gauge

from api.services_desk import Similar, Span
from api.services_trials import TrialLabel
from rules.delivery import occurrences
from rules.human import Act, Hands, Refused, after
from rules.masking import Masks
from steward.app.alerts.delivering import Delivering, Outcome
from steward.app.alerts.scoping import check_scope, kin, unknown
from steward.config.desk import DeskSettings, zone_of
from steward.errors import RecordsError
from steward.model import Delivery, Facility
from steward.muting import Maintenance, Scope, Shelving
from steward.records import AlertRecord, Records, Transition
from steward.records.desk import DeskRecords
from steward.records.model import What
from steward.units import DAY

log = structlog.get_logger()
Result = TypeVar("Result")
Show = Callable[[Sequence[AlertRecord]], None]
OnTransition = Callable[[Sequence[Transition]], Awaitable[None] | None]
DONE = {Act.ACKNOWLEDGE: "acknowledged", Act.ASSIGN: "assigned", Act.START: "in_progress", Act.CLOSE: "closed"}
CALENDAR_LIMIT = 400 * DAY


class AlertDesk:
    """The desk of one service. `take` hears of changed alerts, `tick` lets time pass; both in the event loop.

    masks: what alerts of a rule mask; show: hears of alerts as they stand now; on_transition: hears of what may be worth a
    notice, and may be a coroutine function; where it raises it is called again with the same; rules: the ids that a scope may
    name (None: any).
    """

    def __init__(
        self,
        records: Records,
        facility: Facility,
        settings: DeskSettings,
        masks: Callable[[str], Masks],
        clock: Callable[[], int],
        show: Show,
        on_transition: OnTransition,
        registry: CollectorRegistry,
        token: Callable[[], str] | None = None,
        rules: Callable[[], Collection[str]] | None = None,
    ) -> None:
        self._rules = rules
        self._token = token or partial(secrets.token_hex, 6)
        self.rows = DeskRecords(records.database)
        self.machine = Delivering(facility, settings, masks)
        self._records, self._settings, self._clock = records, settings, clock
        self._show, self._on_transition = show, on_transition
        self._thread = ThreadPoolExecutor(1, "desk")
        self._inbox: list[AlertRecord] = []
        self._unwritten: list[Outcome] = []
        self._untold: list[Transition] = []
        self._whole = asyncio.Lock()
        self._ready = False
        self.on_label: Callable[[Sequence[AlertRecord]], Awaitable[None]] = _nobody
        self._wake = asyncio.Event()
        self._told = Counter("steward_alert_transitions", "Transitions handed to notices", ["what"], registry=registry)
        self._failed = Counter("steward_desk_failures", "Times that the desk could not write or hand over", registry=registry)
        states = Gauge("steward_alerts_delivery", "Firing alerts by state of delivery", ["state"], registry=registry)
        for state in Delivery:
            states.labels(state.value).set_function(partial(self._count, state))

    def _count(self, state: Delivery) -> int:
        return sum(held.standing.state is state for held in list(self.machine.open.values()))

    async def start(self) -> None:
        """Takes over what is on record, tells what was not told yet, and begins. Call it after the rules were replayed."""
        async with self._whole:
            changed = await self._run(self._load)
            self._inbox = []  # older than what was just read
            self._ready = True
            await self._step(changed)

    def _load(self) -> list[AlertRecord]:
        now = self._clock()
        self.machine.shelvings = self.rows.shelvings(now)
        self.machine.made = self.rows.windows()
        self._untold = self.rows.untold()
        recent = self.rows.fired_since(now - self.machine.horizon())
        return self.machine.load(recent, self.rows.unended())

    async def stop(self) -> None:
        """Finishes what it has taken and ends the thread."""
        await self.tick()
        await asyncio.to_thread(self._thread.shutdown)

    def take(self, changed: Sequence[AlertRecord]) -> None:
        """Alerts have changed, as the records returned them. The next `tick` sees to them."""
        self._inbox.extend(record for record in changed if record.alert.fired is not None)
        self._wake.set()

    async def run(self) -> None:
        """Ticks when something was taken, and every second; until cancelled."""
        while True:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(1.0):  # wait_for of 3.11 can swallow a cancellation that comes with the event
                    await self._wake.wait()
            self._wake.clear()
            try:
                await self.tick()
            except Exception:  # the task boundary: what was taken is on record and is seen to after the next start
                log.exception("desk_tick_failed")

    async def tick(self) -> None:
        """Sees to what was taken, and lets time pass."""
        if not self._ready:
            return
        async with self._whole:
            changed, self._inbox = self._inbox, []
            if changed or self._unwritten or self._untold or self.machine.due() <= self._clock():
                await self._step(changed)

    async def rebind(self, facility: Facility, settings: DeskSettings, masks: Callable[[str], Masks]) -> None:
        """Another facility, other settings or rules."""
        async with self._whole:
            self._settings = settings
            await self._run(self.machine.bind, facility, settings, masks)
            self._doubt()

    def _doubt(self) -> None:
        """Shelvings and windows that people made and that name what is not there any more keep nothing quiet: says so."""
        made: list[Shelving | Maintenance] = [*self.machine.shelvings, *self.machine.made]
        for one in made:
            why = unknown(one.scope, self.machine.facility, self._rules()) if self._rules is not None else ""
            if why:
                log.warning("muting_names_nothing", id=one.id, why=why)

    async def _step(self, changed: Sequence[AlertRecord]) -> None:
        outcome = await self._run(self.machine.step, changed, self._clock())
        if outcome:
            self._unwritten.append(outcome)
        try:
            while self._unwritten:
                one = self._unwritten[0]
                shown, told = await self._run(self.rows.deliver, one.standings, one.notes, one.told, self._clock())
                self._unwritten.pop(0)
                self._untold += told
                if shown:
                    self._show(shown)
        except Exception:  # the records are down: kept, and written with the next tick
            self._failed.inc()
            log.exception("desk_not_written", outcomes=len(self._unwritten))
            return
        await self._hand()

    async def _hand(self) -> None:
        """Hands transitions over, once they are on record."""
        if not self._untold:
            return
        told = self._untold
        try:
            taken = self._on_transition(told)
            if inspect.isawaitable(taken):
                await taken
            await self._run(self.rows.handed, told[-1].id)
        except Exception:  # the task boundary: handed over again with the next tick
            self._failed.inc()
            log.exception("transitions_not_taken", transitions=len(told))
            return
        self._untold = []
        for one in told:
            self._told.labels(one.what).inc()

    async def _run(self, call: Callable[..., Result], *arguments: Any) -> Result:
        return await asyncio.get_running_loop().run_in_executor(self._thread, lambda: call(*arguments))

    # what people do

    async def acknowledge(self, ids: Sequence[str], by: str, comment: str) -> Sequence[AlertRecord]:
        """Says that alerts have been seen. Raises NotFound."""
        return await self._act(ids, Act.ACKNOWLEDGE, by, comment, "acknowledged")

    async def assign(self, ids: Sequence[str], to: str, by: str, comment: str) -> Sequence[AlertRecord]:
        """Gives alerts to a person or group, which also acknowledges them. Raises NotFound, RecordsError."""
        return await self._act(ids, Act.ASSIGN, by, comment or to, "assigned", to)

    async def begin(self, ids: Sequence[str], by: str, comment: str) -> Sequence[AlertRecord]:
        """Says that work on alerts has begun. Raises NotFound, RecordsError."""
        return await self._act(ids, Act.START, by, comment)

    async def close(self, ids: Sequence[str], by: str, comment: str) -> Sequence[AlertRecord]:
        """Closes resolved alerts. Raises NotFound, RecordsError for those that are not."""
        return await self._act(ids, Act.CLOSE, by, comment)

    async def comment(self, ids: Sequence[str], by: str, text: str) -> Sequence[AlertRecord]:
        """Adds a comment to the history of alerts. Raises NotFound, RecordsError for an empty text."""
        if not text.strip():
            raise RecordsError("the comment is empty, expected a text")
        return await self._change(ids, lambda record: {"comments": record.comments + 1}, "comment", by, text)

    async def label(self, ids: Sequence[str], true: bool | None, by: str, comment: str) -> Sequence[AlertRecord]:
        """Says whether alerts were right; None takes that back. Raises NotFound."""
        now = self._clock()
        new = {"label": None if true is None else int(true), "label_by": by, "label_at": now}
        what = "unlabelled" if true is None else "labelled_true" if true else "labelled_false"
        changed = await self._change(ids, lambda record: None if record.label.true is true else new, what, by, comment)
        await self.on_label(changed)
        return changed

    async def set_costs(self, costs: dict[str, float | None], tables: dict[str, dict[str, Any]] | None = None) -> None:
        """What alerts cost a day if they are left, money, None where it is not known; tables: `cost` of their evidence."""
        async with self._whole:
            shown = await self._run(self.rows.set_costs, costs, self._clock(), tables)
            self.machine.refresh(shown)
            self._show(shown)

    def labels(self, start: int, end: int) -> list[TrialLabel]:
        """What people said of the episodes that meet [start, end), for trials. Blocks."""
        now = self._clock()
        found = self.rows.labelled(start, end)
        return [TrialLabel(one.since, one.end or now, one.target, one.rule, true=one.true) for one in found]

    async def _act(
        self, ids: Sequence[str], act: Act, by: str, comment: str, told: What | None = None, to: str = ""
    ) -> Sequence[AlertRecord]:
        now = self._clock()

        def decide(record: AlertRecord) -> dict[str, Any] | None:
            hands = Hands(
                record.human,
                record.acknowledged_at,
                record.acknowledged_by,
                record.assigned_to,
                record.closed_at,
                record.closed_by,
            )
            try:
                changed = after(hands, act, by, now, record.alert.condition, to)
            except Refused as reason:
                raise RecordsError(f"alert {record.id}: {reason}") from None
            if changed == hands:
                return None
            names = ("acknowledged_at", "acknowledged_by", "assigned_to", "closed_at", "closed_by")
            return {"human": changed.state.value} | {name: getattr(changed, name) for name in names}

        return await self._change(ids, decide, DONE[act], by, comment, told)

    async def _change(
        self,
        ids: Sequence[str],
        decide: Callable[[AlertRecord], dict[str, Any] | None],
        what: str,
        by: str,
        comment: str,
        told: What | None = None,
    ) -> Sequence[AlertRecord]:
        async with self._whole:
            changed, transitions = await self._run(self.rows.act, ids, decide, what, by, comment, self._clock(), told)
            self._show(changed)
            await self._run(self.machine.acted, changed)
            self._untold += transitions
            await self._hand()
            return changed

    # shelvings and maintenance windows

    async def shelve(self, scopes: Sequence[Scope], end: int, by: str, reason: str) -> Sequence[Shelving]:
        """Silences alerts until `end` (ns). Raises RecordsError, saying what is wrong, NotFound."""
        now, limit = self._clock(), self._settings.table.shelve_limit
        if not reason.strip():
            raise RecordsError("the reason is empty, expected why these alerts may be silent")
        if not now < end <= now + limit:
            raise RecordsError(f"the end is not within the next {limit / DAY:g} days, the most that alerts may be shelved for")
        for scope in scopes:
            self._check(scope)
        made = [Shelving(self._token(), scope, now, end, by, reason) for scope in scopes]
        async with self._whole:
            for scope in scopes:
                if scope.alert:
                    await self._run(self._records.alert, scope.alert)
            await self._run(self.rows.shelve, made, now)
            self.machine.shelvings += made
            await self._muted()
        return made

    async def unshelve(self, id: str, by: str) -> Shelving:
        """Ends a shelving now. Raises NotFound, RecordsError when it is over."""
        async with self._whole:
            found = await self._run(self.rows.cancel_shelving, id, by, self._clock())
            self.machine.shelvings = [one for one in self.machine.shelvings if one.id != id]
            await self._muted()
            return found

    async def shelvings(self) -> Sequence[Shelving]:
        """Shelvings that are not over, by their start."""
        return await asyncio.to_thread(self.rows.shelvings, self._clock())

    async def maintain(self, window: Maintenance) -> Maintenance:
        """Makes a maintenance window. Raises RecordsError, saying what is wrong, NotFound."""
        now = self._clock()
        self._check(window.scope)
        if not window.reason.strip():
            raise RecordsError("the reason is empty, expected why these alerts may be silent")
        if not window.days and (window.start is None or window.end is None or window.start >= window.end):
            raise RecordsError("expected start before end, or days and hours")
        if window.end is not None and window.end <= now:
            raise RecordsError("the window is over already")
        zone = zone_of(window.scope, self.machine.facility)
        window = replace(window, id=f"m-{self._token()}", zone=zone, declared=False, cancelled=None)
        async with self._whole:
            await self._run(self.rows.maintain, window, now)
            self.machine.made = [*self.machine.made, window]
            await self._muted()
        return window

    async def cancel_window(self, id: str, by: str) -> None:
        """Ends a maintenance window that a person made. Raises NotFound, RecordsError for one of the facility file."""
        if any(one.id == id and one.declared for one in self.machine.windows()):
            raise RecordsError(f"maintenance window {id} stands in the facility file: it is changed there")
        async with self._whole:
            await self._run(self.rows.cancel_window, id, by, self._clock())
            self.machine.made = await self._run(self.rows.windows)
            await self._muted()

    async def windows(self) -> Sequence[Maintenance]:
        """Maintenance windows that are not over."""
        now = self._clock()
        found = [one for one in self.machine.windows() if one.cancelled is None or one.cancelled > now]
        return [one for one in found if one.end is None or one.end > now]

    async def calendar(self, start: int, end: int) -> Sequence[Span]:
        """Shelvings and occurrences of windows that meet [start, end), by time. Raises RecordsError for a span too long."""
        if not start < end <= start + CALENDAR_LIMIT:
            raise RecordsError(f"expected a span of at most {CALENDAR_LIMIT // DAY} days, its start before its end")
        shelved = await asyncio.to_thread(self.rows.shelvings, start)
        spans = [Span("shelving", s.id, s.start, s.over, s.scope, s.reason, s.by) for s in shelved if s.start < end]
        for window in self.machine.windows():
            for first, last in occurrences(window, start, end):
                weekly = bool(window.days)
                spans.append(
                    Span("maintenance", window.id, first, last, window.scope, window.reason, window.by, window.declared, weekly)
                )
        return sorted(spans, key=lambda span: (span.start, span.end, span.id))

    async def _muted(self) -> None:
        """Shelvings or windows have changed: looks at all alerts."""
        self.machine.changed()
        changed, self._inbox = self._inbox, []
        await self._step(changed)

    def _check(self, scope: Scope) -> None:
        check_scope(scope, self.machine.facility, None if self._rules is None else self._rules())

    # earlier episodes

    async def similar(self, record: AlertRecord, limit: int) -> Sequence[Similar]:
        """Earlier episodes of the same rule, on the same target first, then on equips of the same type; newest first."""
        target, facility = record.alert.target, self.machine.facility
        same = await asyncio.to_thread(self.rows.similar, record.alert.rule, [target], record.id, limit)
        others: list[AlertRecord] = []
        if len(same) < limit:
            alike = kin(facility, target)
            others = await asyncio.to_thread(self.rows.similar, record.alert.rule, alike, record.id, limit - len(same))
        said = await asyncio.to_thread(self.rows.comments, [one.id for one in (*same, *others)])
        return [Similar(one, one.alert.target == target, said.get(one.id, ())) for one in (*same, *others)]


async def _nobody(labelled: Sequence[AlertRecord]) -> None:
    """Where nobody learns from labels."""
