"""Alerts and points as MQTT topics, through the connection that the collectors hold: a mirror that is always whole.

Invariants: after each connection everything is published anew, retained (discovery, counts, alerts, points), so that what a
broker forgot comes back; an alert that is over is cleared, also one that ended while we were down; what another facility file
does not name any more is withdrawn; the broker says `offline` for us when we are lost. What cannot be published now is not
queued here: the next connection says it all.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from fnmatch import fnmatchcase
from typing import Protocol

from steward import __version__
from steward.app.notices.plan import Plan, reader_of
from steward.config.notices import ChannelTable
from steward.errors import NoticeFailed
from steward.live import LiveState
from steward.model import Facility, Point, PointIndex
from steward.notices import Item, Notice
from steward.notices.channels import mqtt


class Link(Protocol):
    """A broker connection (collectors.mqtt.MqttConnection)."""

    connects: int

    def publish(self, topic: str, payload: bytes, qos: int = 0, retain: bool = False) -> None:
        """Publishes."""

    def status(self) -> object:
        """The state now; its `state` is "ready" while everything is well."""


class Announcer:
    """One channel of type mqtt. In the event loop; publishing hands over to the connection's thread."""

    def __init__(self, table: ChannelTable, plan: Plan, link: Link, facility: Facility, index: PointIndex) -> None:
        self._link, self._index = link, index
        self._connects = 0
        self._held: set[str] = set()  # topics that the broker keeps something of ours for
        self._firing: dict[str, Item] = {}
        self._over: set[str] = set()
        self._cursor = 0
        self._spoken = 0
        self.renew(table, plan, facility)

    def renew(self, table: ChannelTable, plan: Plan, facility: Facility) -> None:
        """Another facility file: everything is said anew, and what is not said any more is withdrawn."""
        self._table, self._plan, self._facility = table, plan, facility
        self._reader = reader_of(self._table, None, plan, facility)
        patterns = self._table.points
        self._points: list[Point] = [
            point for id, point in facility.points.items() if any(fnmatchcase(id, pattern) for pattern in patterns)
        ]
        self._connects = -1

    def serves(self, table: ChannelTable | None) -> bool:
        """Whether a channel of another facility file speaks at the same topics of the same broker."""
        own = self._table
        return table is not None and (table.type, table.broker, table.topic, table.discovery) == (
            "mqtt",
            own.broker,
            own.topic,
            own.discovery,
        )

    def withdraw(self) -> None:
        """The channel is no more: nothing of ours stays at the broker, and Home Assistant forgets what we described."""
        described = f"{self._table.discovery}/"
        first = sorted(self._held, key=lambda topic: (not topic.startswith(described), topic))
        self._publish([mqtt.Publication(topic, b"") for topic in first])

    @property
    def topic(self) -> str:
        """The first levels of our topics."""
        return self._table.topic

    def load(self, items: Iterable[Item], over: Iterable[str] = ()) -> None:
        """The alerts that fire at the start; over: ids of some that ended lately, to be cleared."""
        self._firing = {item.id: item for item in items}
        self._over.update(over)

    def take(self, items: Sequence[Item]) -> None:
        """Alerts have changed."""
        sites = set()
        for item in items:
            sites.add(item.site)
            if item.status == "firing":
                self._firing[item.id] = item
            else:
                self._firing.pop(item.id, None)
            self._publish([mqtt.alert(item, self.topic, self._reader)])
        for site in sites - {""}:
            self._publish(mqtt.counts(site, self._firing.values(), self.topic))

    def tick(self, live: LiveState, now: int) -> None:
        """Says everything after a new connection, else the points that have changed since the last interval."""
        if not self._ready():
            return
        if self._link.connects != self._connects:
            self._connects = self._link.connects
            self._everything()
            self._cursor, self._spoken = 0, 0
        if self._points and now - self._spoken >= self._table.interval:
            self._spoken = now
            self._values(live)

    def goodbye(self) -> None:
        """We end: what listens is told so."""
        self._publish([mqtt.Publication(f"{self.topic}/status", mqtt.OFFLINE)])

    def send(self, notice: Notice, now: int) -> str:
        """A routed notice, for the postman. Raises NoticeFailed while the broker is away."""
        if not self._ready():
            raise NoticeFailed("the broker is not connected")
        self._publish([mqtt.notice(notice, self.topic, self._reader, self._plan.templates)])
        return "published"

    def _ready(self) -> bool:
        return getattr(self._link.status(), "state", "") in ("ready", "refused") and self._link.connects > 0

    def _everything(self) -> None:
        table, language = self._table, self._reader.language
        before, self._held = self._held, set()
        self._publish([mqtt.Publication(f"{self.topic}/status", mqtt.ONLINE)])
        self._publish(mqtt.discovery(self._facility, self._points, self.topic, table.discovery, __version__, language))
        for id in self._over - set(self._firing):
            self._publish([mqtt.Publication(f"{self.topic}/alerts/{id}", b"")])
        self._over.clear()
        self._publish([mqtt.alert(item, self.topic, self._reader) for item in self._firing.values()])
        for site in self._facility.sites:
            self._publish(mqtt.counts(site, self._firing.values(), self.topic))
        self._held |= before & {f"{self.topic}/points/{point.id}" for point in self._points}
        self._publish([mqtt.Publication(topic, b"") for topic in sorted(before - self._held)])

    def _values(self, live: LiveState) -> None:
        numbers = {number: point for point in self._points if (number := self._index.get(point.id)) is not None}
        since, self._cursor = self._cursor, live.cursor
        changed = [number for number in live.changes(since).tolist() if number in numbers]
        if not changed:
            return
        snapshot = live.snapshot(changed)
        shown = zip(changed, snapshot.value.tolist(), snapshot.at.tolist(), strict=True)
        self._publish([mqtt.value(numbers[number], value, self.topic) for number, value, at in shown if at])

    def _publish(self, publications: Iterable[mqtt.Publication]) -> None:
        for one in publications:
            self._link.publish(one.topic, one.payload, one.qos, one.retain)
            if one.retain and one.payload:
                self._held.add(one.topic)
            elif one.retain:
                self._held.discard(one.topic)
