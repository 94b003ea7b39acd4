"""The notifier: transitions of alerts in, parcels into the outbox out; who, when and with what, by steward.notices.

Invariants: everything that was told is in the records before it is sent, in one transaction with its parcel; after a
restart the groups are made anew from open alerts and from what lanes were told, so no start and no end is lost and none is
told twice; planning has one thread at a time. `take` is called in the event loop and returns at once.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from hashlib import blake2b
from itertools import count
from random import Random
from typing import Any

import msgspec
import structlog
from prometheus_client import CollectorRegistry

from steward.app.notices.plan import Digest, Plan, reader_of
from steward.app.notices.postman import Postman
from steward.errors import NotFound, StewardError
from steward.model import Condition, Facility
from steward.notices import (
    Group,
    Groups,
    Item,
    Lane,
    Notice,
    Spent,
    Told,
    decide,
    group_key,
    lanes,
    matching,
    rank,
    spread,
    subject,
    write,
)
from steward.records import AlertRecord, Records
from steward.records.model import Transition
from steward.records.outbox import Delivery, Outbox, Parcel, ToldRecord
from steward.units import HOUR

log = structlog.get_logger()

DIGEST_GRACE = 2 * HOUR
"""A digest that was missed because Steward was down still comes within this time."""
PAGE = 1000


@dataclass(frozen=True, slots=True)
class Preview:
    """Who would get a notice: the answer of `preview`."""

    route: str
    channel: str
    type: str
    recipient: str
    language: str
    group: str
    subject: str
    text: str


Describe = Callable[[AlertRecord, int], Item]


class Notifier:
    """Plans notices; `postman` delivers them. describe: what notices show of an alert at an escalation level."""

    def __init__(
        self,
        plan: Plan,
        records: Records,
        facility: Callable[[], Facility],
        describe: Describe,
        is_open: Callable[[str, str, int], bool],
        clock: Callable[[], int],
        registry: CollectorRegistry,
        random: Random,
    ) -> None:
        self.plan, self._records, self._facility = plan, records, facility
        self._describe, self._is_open, self._clock = describe, is_open, clock
        self.outbox = Outbox(records.database)
        self.postman = Postman(plan, self.outbox, clock, registry, random)
        self._groups = Groups()
        self._inbox: list[Transition] = []
        self._parcels: list[Parcel] = []
        self._told: list[ToldRecord] = []
        self._spoken: list[Group] = []
        self._digested: set[tuple[str, int]] = set()
        self._tests = count()
        self._wake = asyncio.Event()
        self._planning = asyncio.Lock()
        self._task: asyncio.Task[None] | None = None

    # -- life

    async def start(self) -> None:
        """Takes up where the last run ended, and runs."""
        await self.recover()
        self._task = asyncio.create_task(self._run(), name="notices")

    async def recover(self) -> None:
        """Makes the groups anew from the records; what was under way waits again."""
        async with self._planning:
            await asyncio.to_thread(self._recover, self._clock())

    async def stop(self) -> None:
        """Plans what has come in, finishes what is under way, and ends."""
        if self._task is not None:
            self._task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._task
        await self._plan_safely()
        await self.postman.stop()

    async def renew(self, plan: Plan, is_open: Callable[[str, str, int], bool]) -> None:
        """Another facility file: other routes and channels; the groups are made anew."""
        async with self._planning:
            self.plan, self._is_open = plan, is_open
            self.postman.renew(plan)
            self._groups.clear()
            await asyncio.to_thread(self._recover, self._clock())

    def take(self, transitions: Iterable[Transition]) -> None:
        """Something about alerts has changed. In the event loop; returns at once."""
        self._inbox.extend(transitions)
        self._wake.set()

    async def _run(self) -> None:
        while True:
            await self._plan_safely()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(1.0):  # wait_for of 3.11 can swallow a cancellation that comes with the event
                    await self._wake.wait()
            self._wake.clear()

    async def _plan_safely(self) -> None:
        try:
            await self.turn()
            self.postman.kick()
        except StewardError as error:  # the task boundary: what came in is kept and planned later
            log.error("notices_not_planned", error=str(error))
        except Exception:
            log.exception("notices_not_planned")

    async def accept(self, transitions: Iterable[Transition]) -> None:
        """As `take`, but returns once what they give is in the outbox, or in the groups that are made anew after a restart.
        Raises RecordsError; the same transitions may then be handed over again."""
        self.take(transitions)
        await self.turn()

    async def turn(self) -> None:
        """Plans everything that is due now: into the outbox, all or nothing."""
        async with self._planning:
            inbox, self._inbox = self._inbox, []
            await asyncio.to_thread(self._plan, inbox, self._clock())

    # -- planning, in a thread

    def _recover(self, now: int) -> None:
        self.outbox.revive(now)
        routes = {route.id: route for route in self.plan.routes}
        for told in self.outbox.told(firing=True):
            route = routes.get(told.route)
            record = self._record(told.alert)
            if route is None or record is None:
                self._told.append(replace(told, status="resolved", at=now))
                continue
            self._groups.adopt(told.group, route, told.labels, self._describe(record, 0), now)
        page = self._records.alerts(conditions={Condition.FIRING}, limit=PAGE)
        records = list(page.alerts)
        while page.after is not None:
            page = self._records.alerts(conditions={Condition.FIRING}, limit=PAGE, after=page.after)
            records += page.alerts
        for record in records:
            if not muted(getattr(getattr(record, "standing", None), "state", "")):
                self._fire(self._describe(record, 0), now)

    def _record(self, id: str) -> AlertRecord | None:
        try:
            return self._records.alert(id)
        except NotFound:  # forgotten after its time
            return None

    def _plan(self, inbox: Sequence[Transition], now: int) -> None:
        behind = bool(self._parcels or self._told or self._spoken)
        for transition in inbox:
            self._absorb(transition, now)
        if not behind:  # what could not be written last time goes first, alone
            for group in self._groups.due(now):
                self._speak(group, now)
                self._spoken.append(group)
            for digest in self.plan.digests:
                self._digest(digest, now)
        self.outbox.put(self._parcels, self._told, now)
        self._parcels, self._told = [], []
        for group in self._spoken:
            self._groups.spoke(group)
        self._spoken = []

    def _absorb(self, transition: Transition, now: int) -> None:
        item = self._describe(transition.alert, transition.level)
        what = transition.what
        if what == "resolved":  # who was told that it fires is told of its end, muted or not
            self._groups.resolve(item)
            return
        if muted(transition.delivery):
            self._groups.drop(item.id)
            return
        if what in ("firing", "released"):
            self._fire(item, now)
        elif what == "severity":
            self._groups.update(item)
            self._fire(item, now)
        else:
            self._groups.update(item)
        if what == "escalated":
            for route in matching(self.plan.routes, item, now, self._is_open, transition.level):
                self._groups.take(route, item, now, at_once=True)
        if what not in ("firing", "resolved"):
            self._event(item, transition, now)

    def _fire(self, item: Item, now: int) -> None:
        for route in matching(self.plan.routes, item, now, self._is_open):
            if "firing" in route.events:
                self._groups.take(route, item, now)

    def _event(self, item: Item, transition: Transition, now: int) -> None:
        for route in matching(self.plan.routes, item, now, self._is_open):
            if transition.what not in route.events:
                continue
            people = tuple(dict.fromkeys((*route.recipients, *(one for one in transition.to if one in self.plan.recipients))))
            labels = route.labels(item)
            key = group_key(route.id, labels)
            for lane in lanes(
                replace(route, recipients=people), item, now, self._is_open, self.plan.types, self.plan.recipients
            ):
                self._put(lane, route.id, key, labels, "event", transition.what, (item,), now,
                          key=f"{transition.what} {item.id} {transition.at} {transition.level} {route.id} {lane}",
                          event=transition.what, by=transition.by, alerts={item.id: "event"})  # fmt: skip

    def _speak(self, group: Group, now: int) -> None:
        told: dict[Lane, dict[str, ToldRecord]] = {}
        for record in self.outbox.told(group.key):
            told.setdefault(Lane(record.channel, record.recipient), {})[record.alert] = record
        items = sorted(group.items.values(), key=rank)
        if not items:
            return
        present = lanes(group.route, items[0], now, self._is_open, self.plan.types, self.plan.recipients)
        for lane in dict.fromkeys([*present, *told]):
            self._tell(group, lane, items if lane in present else [one for one in items if one.status == "resolved"],
                       told.get(lane, {}), now)  # fmt: skip

    def _tell(self, group: Group, lane: Lane, items: Sequence[Item], told: dict[str, ToldRecord], now: int) -> None:
        table = self.plan.tables.get(lane.channel)
        ends = table is not None and table.resolved and "resolved" in group.route.events
        known = {id: Told(id, one.status, one.severity, one.at) for id, one in told.items()}
        decided = decide(items, known, now, group.route.repeat, ends)
        chosen = decided[0] if decided is not None else []
        ended = [one for one in items if one.status == "resolved" and one.id in told and told[one.id].status == "firing"]
        for item in {one.id: one for one in (*chosen, *ended)}.values():
            self._told.append(
                ToldRecord(lane.channel, lane.recipient, group.key, item.id, group.route.id, group.labels, item.status,
                           item.severity, now)
            )  # fmt: skip
        if decided is not None and table is not None:
            self._put(lane, group.route.id, group.key, group.labels, "alerts", decided[1], tuple(chosen), now)

    def _put(
        self,
        lane: Lane,
        route: str,
        group: str,
        labels: Any,
        what: Any,
        reason: str,
        items: tuple[Item, ...],
        now: int,
        *,
        key: str = "",
        alerts: dict[str, str] | None = None,
        **more: Any,
    ) -> None:
        table = self.plan.tables[lane.channel]
        shown = items[: table.max_alerts] if table.max_alerts else items
        statuses = alerts if alerts is not None else {item.id: item.status for item in items}
        seed = key or repr((lane, group, reason, sorted(statuses.items()), now))
        name = blake2b(seed.encode(), digest_size=16).hexdigest()
        left = len(items) - len(shown)
        notice = Notice(
            name, what, lane.channel, lane.recipient, route, now, shown, group, labels, reason, left_out=left, **more
        )
        reader = reader_of(table, self.plan.recipients.get(lane.recipient), self.plan, self._facility())
        title = subject(notice, reader, self.plan.templates)
        payload = msgspec.to_builtins(notice)
        self._parcels.append(
            Parcel(name, lane.channel, lane.recipient, route, group, what, reason, title, statuses, payload, now)
        )

    def _digest(self, digest: Digest, now: int) -> None:
        moment = digest.rhythm.last(now)
        if now - moment > DIGEST_GRACE or (digest.id, moment) in self._digested:
            return
        self._digested.add((digest.id, moment))
        start = digest.rhythm.before(moment)
        items = self._of_period(digest, start, moment)
        if not items and not digest.empty:
            return
        money: dict[str, float] = {}
        for item in items:
            if item.money:
                money[item.currency] = money.get(item.currency, 0.0) + item.money
        spent = Spent(money, sum(one.energy or 0.0 for one in items), sum(one.volume or 0.0 for one in items))
        for lane in spread(digest.channels, digest.recipients, self.plan.types, self.plan.recipients):
            self._put(lane, digest.id, f"digest/{digest.id}", {}, "digest", "digest", tuple(items), now,
                      key=f"digest {digest.id} {moment} {lane}", alerts={}, start=start, end=moment, spent=spent)  # fmt: skip

    def _of_period(self, digest: Digest, start: int, end: int) -> list[Item]:
        open_ = self._records.alerts(conditions={Condition.FIRING}, limit=PAGE).alerts
        over = self._records.alerts(conditions={Condition.RESOLVED}, limit=PAGE).alerts
        wanted = [*open_, *(one for one in over if start <= (one.alert.resolved or 0) < end)]
        items = [self._describe(record, 0) for record in wanted]
        return sorted((item for item in items if digest.match.takes(item)), key=rank)

    # -- what people ask

    def preview(self, item: Item, at: int, level: int = 0) -> list[Preview]:
        """Who would get a notice about an alert at a moment, and in which words. Sends nothing."""
        found = []
        for route in matching(self.plan.routes, item, at, self._is_open, level):
            key = group_key(route.id, route.labels(item))
            for lane in lanes(route, item, at, self._is_open, self.plan.types, self.plan.recipients):
                table = self.plan.tables[lane.channel]
                reader = reader_of(table, self.plan.recipients.get(lane.recipient), self.plan, self._facility())
                notice = Notice("", "alerts", lane.channel, lane.recipient, route.id, at, (item,), key)
                words = write(notice, reader, self.plan.templates)
                found.append(Preview(route.id, lane.channel, table.type, lane.recipient, reader.language, key, words.subject,
                                   words.text))  # fmt: skip
        return found

    async def test(self, channel: str, recipient: str, by: str) -> Delivery:
        """Sends a test notice through the outbox, at once; returns what became of it. Raises NotFound."""
        if channel not in self.plan.tables:
            raise NotFound("channel", channel)
        if recipient and recipient not in self.plan.recipients:
            raise NotFound("recipient", recipient)
        now = self._clock()
        async with self._planning:
            self._put(Lane(channel, recipient), "", f"test/{now}", {}, "test", "test", (), now,
                      key=f"test {now} {next(self._tests)}", by=by, alerts={})  # fmt: skip
            key = self._parcels[-1].key
            await asyncio.to_thread(self._plan, (), now)
        await self.postman.deliver(channel)
        found = await asyncio.to_thread(self.outbox.log, channel=channel, limit=50)
        return next(one for one in found if one.key == key)


def muted(delivery: Any) -> bool:
    """Whether an alert is not told now: its delivery machine names a reason."""
    return str(getattr(delivery, "value", delivery)) not in ("", "deliverable")
