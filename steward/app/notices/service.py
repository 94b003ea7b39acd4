"""Notices as one part of the service: the notifier, the MQTT announcers, and what the API asks about both."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from random import Random
from typing import Any

import msgspec
from prometheus_client import CollectorRegistry

from rules.contract import Rule
from steward.app.notices.announcer import Announcer, Link
from steward.app.notices.notifier import Notifier, Preview
from steward.app.notices.once import publish_once
from steward.app.notices.plan import Calendars, Plan, item_of, plan_of, reader_of
from steward.config import Settings
from steward.config.values import nearest
from steward.errors import NotFound
from steward.live import LiveState
from steward.model import Alert, Condition, Facility, PointIndex, Severity
from steward.notices import LANGUAGES, Item, Notice, Reader, spread, subject
from steward.records import AlertRecord, Records, model
from steward.records.outbox import Delivery
from steward.units import DAY

CLEAR = 7 * DAY
"""Alerts that ended so recently are cleared from MQTT at the start: they may have ended while we were down."""


class NoticeService:
    """Everything about notices of one service. rule: a rule by its id as it runs, for the words of its alerts.

    Raises ConfigError for every secret that cannot be read.
    """

    def __init__(
        self,
        settings: Settings,
        environ: Mapping[str, str],
        facility: Callable[[], Facility],
        rule: Callable[[str], Rule | None],
        index: PointIndex,
        records: Records,
        clock: Callable[[], int],
        registry: CollectorRegistry,
        seed: int | None = None,
    ) -> None:
        self._environ, self._facility, self._rule, self._index = environ, facility, rule, index
        self._records, self._clock = records, clock
        self.plan = plan_of(settings, environ, facility())
        self.topics = _topics(settings)
        self._links: Mapping[str, Link] = {}
        self._announcers: dict[str, Announcer] = {}
        self.notifier = Notifier(
            self.plan,
            records,
            facility,
            self._describe,
            Calendars(facility()).is_open,
            clock,
            registry,
            Random(clock() if seed is None else seed),  # noqa: S311 - spreads retries, no secret
        )

    def _describe(self, record: AlertRecord, level: int) -> Item:
        return item_of(record, self._rule(record.alert.rule), self._facility(), self.plan.currency, level)

    async def start(self, links: Mapping[str, Link]) -> None:
        """Takes up where the last run ended. links: broker id -> its connection."""
        self._links = links
        await self._announce()
        await self.notifier.start()

    async def _announce(self) -> None:
        """Makes announcers for channels that have none yet."""
        new = [one for one in self.plan.tables.values() if one.type == "mqtt" and one.id not in self._announcers]
        if not new:
            return
        firing = await asyncio.to_thread(self._records.alerts, conditions={Condition.FIRING}, limit=10_000)
        over = await asyncio.to_thread(self._records.alerts, conditions={Condition.RESOLVED}, limit=1000)
        recent = [one.id for one in over.alerts if (one.alert.resolved or 0) >= self._clock() - CLEAR]
        items = [self._describe(one, 0) for one in firing.alerts]
        for table in new:
            link = self._links.get(table.broker)
            if link is not None:
                announcer = Announcer(table, self.plan, link, self._facility(), self._index)
                announcer.load(items, recent)
                self._announcers[table.id] = self.notifier.postman.others[table.id] = announcer

    async def stop(self) -> None:
        """Finishes what is under way."""
        await self.notifier.stop()
        for announcer in self._announcers.values():
            announcer.goodbye()

    def prepare(self, settings: Settings, facility: Facility) -> Plan:
        """The plan of another facility file. Raises ConfigError for every secret that cannot be read."""
        return plan_of(settings, self._environ, facility)

    def topics_with(self, settings: Settings) -> tuple[str, ...]:
        """First levels of what we publish and published ourselves, those of `settings` among them: what comes back from them
        is no device's."""
        self.topics = tuple(dict.fromkeys((*self.topics, *_topics(settings))))
        return self.topics

    async def renew(self, plan: Plan) -> None:
        """Another facility file is in force."""
        self.plan = plan
        facility = self._facility()
        await self.notifier.renew(plan, Calendars(facility).is_open)
        for id, announcer in list(self._announcers.items()):
            if not announcer.serves(plan.tables.get(id)):
                announcer.withdraw()
                del self._announcers[id], self.notifier.postman.others[id]
        for id, announcer in self._announcers.items():
            announcer.renew(plan.tables[id], plan, facility)
        await self._announce()

    async def take(self, transitions: Sequence[model.Transition]) -> None:
        """Transitions of the alert desk; returns once they are planned. Raises RecordsError: then hand them over again."""
        self._mirror([one.alert for one in transitions])
        await self.notifier.accept(transitions)

    def told(self, records: Sequence[AlertRecord]) -> None:
        """Alerts as the rules engine states them, where no desk makes transitions of them. In the event loop."""
        self.notifier.take(transitions_of(records))
        self._mirror(records)

    def _mirror(self, records: Iterable[AlertRecord]) -> None:
        shown = [one for one in records if one.alert.condition is not Condition.PENDING]
        if shown and self._announcers:
            items = [self._describe(one, 0) for one in shown]
            for announcer in self._announcers.values():
                announcer.take(items)

    def tick(self, live: LiveState) -> None:
        """Time passes: what has changed is published."""
        for announcer in self._announcers.values():
            announcer.tick(live, self._clock())

    async def retain(self) -> None:
        """Forgets the delivery log after its time, and brings the gauges up to date."""
        await asyncio.to_thread(self.notifier.outbox.retain, self._clock() - self.plan.keep)
        await asyncio.to_thread(self.notifier.postman.count)

    # -- what the API asks

    def log(self, **filters: Any) -> list[Delivery]:
        """The delivery log, newest first; see Outbox.log. Blocks."""
        return self.notifier.outbox.log(**filters)

    def channels(self) -> list[dict[str, Any]]:
        """Every channel with what waits, was sent and was given up; no secret. Blocks."""
        counts = self.notifier.postman.count()
        rows = []
        for table in self.plan.tables.values():
            newest = self.notifier.outbox.log(channel=table.id, states=("sent",), limit=1)
            failed = self.notifier.outbox.log(channel=table.id, states=("waiting", "sending", "dead"), limit=20)
            error = next((one.error for one in failed if one.error), "")
            states = ("waiting", "sending", "sent", "dead", "dropped")
            row: dict[str, Any] = {"id": table.id, "type": table.type, "rate": table.per_minute}
            row |= {state: counts.get((table.id, state), 0) for state in states}
            rows.append(row | {"last_sent": newest[0].done if newest else None, "error": error})
        return rows

    def titles(self, one: Delivery) -> dict[str, str]:
        """The subject of a notice in every language: what was sent was in the channel's or the recipient's own."""
        if not one.payload:
            return {}
        notice, table = msgspec.convert(one.payload, Notice), self.plan.tables.get(one.channel)
        own = reader_of(table, None, self.plan, self._facility()) if table else Reader(facility=self._facility().name)
        return {language: subject(notice, replace(own, language=language), self.plan.templates) for language in LANGUAGES}

    def again(self, id: int) -> Delivery:
        """A dead notice is tried again. Raises NotFound, RecordsError. Blocks."""
        return self.notifier.outbox.again(id, self._clock())

    async def test(self, channel: str, recipient: str, by: str) -> Delivery:
        """Sends a test notice now. Raises NotFound."""
        return await self.notifier.test(channel, recipient, by)

    def preview(self, what: Mapping[str, Any]) -> list[Preview]:
        """Who would get a notice: of a recorded alert (`alert`), or of one that is made up (rule, kind, severity, target), at
        `at` (ns) and escalation `level`. Raises NotFound. Blocks."""
        at = what.get("at") or self._clock()
        level = int(what.get("level") or 0)
        if what.get("alert"):
            item = self._describe(self._records.alert(str(what["alert"])), level)
        else:
            item = self._describe(AlertRecord(self._made_up(what, at)), level)
        if what.get("severity"):
            item = replace(item, severity=str(what["severity"]))
        return self.notifier.preview(item, at, level)

    def _made_up(self, what: Mapping[str, Any], at: int) -> Alert:
        facility, target = self._facility(), str(what.get("target") or "")
        if not any(target in table for table in (facility.points, facility.equips, facility.devices, facility.sites)):
            raise NotFound("point, equip, device or site", target)
        rule = self._rule(str(what.get("rule") or ""))
        severity = Severity(what["severity"]) if what.get("severity") else rule.severity if rule else Severity.MEDIUM
        points = (target,) if target in facility.points else ()
        kind = str(what.get("kind") or (rule.kind.NAME if rule else ""))
        return Alert(str(what.get("rule") or ""), kind, severity, target, points, Condition.FIRING, at, at, at)


def _topics(settings: Settings) -> tuple[str, ...]:
    """First levels of what we publish ourselves."""
    tables = [one for one in settings.notices.channels if one.type == "mqtt"]
    return tuple(dict.fromkeys(topic for one in tables for topic in (one.topic, one.discovery) if topic))


def transitions_of(records: Iterable[AlertRecord]) -> list[model.Transition]:
    """What the rules engine alone can say: an alert fires, or is over."""
    words: dict[Condition, model.What] = {Condition.FIRING: "firing", Condition.RESOLVED: "resolved"}
    return [
        model.Transition(one, words[one.alert.condition], 0, one.alert.at, one.standing.state)
        for one in records
        if one.alert.condition in words
    ]


async def send_test(settings: Settings, environ: Mapping[str, str], channel: str, by: str, now: int) -> list[str]:
    """Sends a test notice through one channel, without a service: to each recipient of its routes with an address, else to
    its own; returns what the server said. Raises NotFound, ConfigError, BrokerError, NoticeFailed."""
    plan = plan_of(settings, environ, settings.facility)
    table = plan.tables.get(channel)
    if table is None or plan.sender is None:
        raise NotFound("channel", channel, nearest(channel, plan.tables))
    people = dict.fromkeys(one for route in plan.routes if channel in route.channels for one in route.recipients)
    said = []
    for lane in spread([channel], list(people), plan.types, plan.recipients):
        notice = Notice(f"test-{channel}-{lane.recipient}-{now}", "test", channel, lane.recipient, "", now, by=by)
        if table.type == "mqtt":
            answer = await asyncio.to_thread(publish_once, notice, table, plan, settings, environ)
        else:
            sender = plan.sender(channel, lane.recipient, () if lane.recipient else tuple(people))
            answer = await asyncio.to_thread(sender.send, notice, now)
        said.append(f"{channel}{f' to {lane.recipient}' if lane.recipient else ''}: {answer}")
    return said
