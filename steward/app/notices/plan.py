"""From the facility file to routes, recipients and senders; from an alert's record to what a notice shows of it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Protocol

import numpy as np

from rules import wording
from rules.contract import Rule
from rules.hours import Hours
from steward.config import Settings, secret
from steward.config.notices import ChannelTable, RouteTable, Selection
from steward.config.values import WEEKDAYS
from steward.errors import ConfigError, Problem
from steward.model import Calendar, Condition, Facility, Text, text
from steward.notices import Answer, Item, Match, Notice, Reader, Recipient, Request, Retries, Rhythm, Route, Templates
from steward.notices.channels.apprise import Apprise
from steward.notices.channels.dingtalk import HOST as DINGTALK
from steward.notices.channels.dingtalk import DingTalk
from steward.notices.channels.email import Email
from steward.notices.channels.feishu import HOST as FEISHU
from steward.notices.channels.feishu import Feishu
from steward.notices.channels.http import post
from steward.notices.channels.webhook import Webhook
from steward.notices.channels.wecom import HOST as WECOM
from steward.notices.channels.wecom import WeCom
from steward.records import AlertRecord
from steward.units import SECOND

LANGUAGES = ("en", "zh")
PORTS = {"starttls": 587, "tls": 465, "none": 25}


class Sender(Protocol):
    """Hands notices over. Blocks."""

    def send(self, notice: Notice, now: int) -> str:
        """What the server said. Raises NoticeFailed."""


@dataclass(frozen=True, slots=True)
class Digest:
    """A digest that comes again and again."""

    id: str
    match: Match
    channels: tuple[str, ...]
    recipients: tuple[str, ...]
    rhythm: Rhythm
    empty: bool = False


@dataclass(frozen=True)
class Plan:
    """Everything that notices are made and sent by. senders: (channel, recipient) -> sender, made once; types: channel ->
    type; rates: channel -> notices a minute; most: channel -> alerts of one notice; ends: channels that tell of ends."""

    routes: tuple[Route, ...] = ()
    digests: tuple[Digest, ...] = ()
    recipients: Mapping[str, Recipient] = field(default_factory=dict)
    tables: Mapping[str, ChannelTable] = field(default_factory=dict)
    retries: Retries = field(default_factory=Retries)
    templates: Templates = field(default_factory=Templates)
    keep: int = 0
    page: str = ""
    currency: str = ""
    sender: Callable[[str, str, tuple[str, ...]], Sender] | None = None

    @property
    def types(self) -> dict[str, str]:
        """Channel id -> type."""
        return {id: table.type for id, table in self.tables.items()}


def plan_of(settings: Settings, environ: Mapping[str, str], facility: Facility) -> Plan:
    """The plan of a facility file. Raises ConfigError for every secret that cannot be read."""
    tables = settings.notices
    channels = {table.id: table for table in tables.channels}
    recipients = {
        one.id: Recipient(
            one.id,
            one.name,
            one.language or "",
            one.time_zone,
            one.email,
            one.mobile,
            dict(one.users.items()),
        )
        for one in tables.recipients
    }
    texts = tables.notices.texts
    templates = Templates(
        {language: one.subject for language, one in texts.items() if one.subject},
        {language: one.item for language, one in texts.items() if one.item},
    )
    secrets = Secrets(environ, settings.root)
    found = {id: secrets.of(table) for id, table in channels.items()}
    if secrets.problems:
        raise ConfigError(secrets.problems)
    head = tables.notices
    plan = Plan(
        tuple(_route(table) for table in tables.routes),
        tuple(
            Digest(
                one.id,
                _match(one),
                tuple(one.channels),
                tuple(one.recipients),
                Rhythm(
                    int(one.at[:2]) * 60 + int(one.at[3:]),
                    one.time_zone,
                    WEEKDAYS.index(one.weekday) if one.every == "week" else None,
                ),
                one.empty,
            )
            for one in tables.digests
        ),
        recipients,
        channels,
        Retries(head.tries, head.first_retry, head.longest_retry),
        templates,
        head.keep,
        head.page,
        head.currency,
    )
    return replace(plan, sender=_maker(plan, found, facility, settings.root))


def _route(table: RouteTable) -> Route:
    return Route(
        table.id,
        _match(table),
        tuple(table.channels),
        tuple(table.recipients),
        tuple(table.otherwise),
        table.hours,
        table.calendar,
        tuple(table.events),
        table.level,
        tuple(table.group_by),
        table.group_wait,
        table.group_interval,
        table.repeat_interval,
        table.continue_,
    )


def _match(table: Selection) -> Match:
    return Match(
        tuple(table.organisation),
        tuple(table.site),
        tuple(table.category),
        tuple(table.rule),
        tuple(table.kind),
        tuple(table.severity),
    )


@dataclass(frozen=True, slots=True)
class Held:
    """The secrets of a channel."""

    url: str = field(default="", repr=False)
    token: str = field(default="", repr=False)
    secret: str = field(default="", repr=False)
    password: str = field(default="", repr=False)


class Secrets:
    """Reads the secrets of channels, and keeps what is wrong with them."""

    def __init__(self, environ: Mapping[str, str], root: Path) -> None:
        self._environ, self._root = environ, root
        self.problems: list[Problem] = []

    def of(self, table: ChannelTable) -> Held:
        """The secrets of a channel; those that cannot be read are "" and a problem."""
        return Held(
            table.url or self._read(table, "url"),
            self._read(table, "token"),
            self._read(table, "secret"),
            self._read(table, "password"),
        )

    def _read(self, table: ChannelTable, name: str) -> str:
        env, file = getattr(table, f"{name}_env"), getattr(table, f"{name}_file")
        where = f"channel[{table.id}].{name}_{'file' if file else 'env'}"
        try:
            return secret(where, env, file, self._environ, self._root, required=bool(env or file))
        except ConfigError as error:
            self.problems += error.problems
            return ""


def reader_of(table: ChannelTable, recipient: Recipient | None, plan: Plan, facility: Facility) -> Reader:
    """For whom a channel writes: the recipient's language and zone, else the channel's."""
    own = table.language or ("zh" if table.type in ("dingtalk", "wecom", "feishu") else "en")
    zone = table.time_zone or next((site.time_zone for site in facility.sites.values()), "UTC")
    if recipient is not None:
        return Reader(recipient.language or own, recipient.time_zone or zone, facility.name, plan.page)
    return Reader(own, zone, facility.name, plan.page)


def _maker(
    plan: Plan, found: Mapping[str, Held], facility: Facility, root: Path
) -> Callable[[str, str, tuple[str, ...]], Sender]:
    """Makes the sender of (channel, recipient, those mentioned)."""

    def make(channel: str, recipient: str, mentioned: tuple[str, ...]) -> Sender:
        table, held = plan.tables[channel], found[channel]
        person = plan.recipients.get(recipient)
        reader = reader_of(table, person, plan, facility)
        seconds = table.timeout / SECOND
        people = tuple(plan.recipients[id] for id in mentioned if id in plan.recipients)

        def send(request: Request) -> Answer:
            return post(request, seconds)

        match table.type:
            case "email":
                to = [f"{person.name} <{person.email}>" if person.name else person.email] if person else list(table.to)
                port = table.port or PORTS[table.security]
                ca = str(root / table.ca) if table.ca else ""
                return Email(table.host, port, table.sender, table.security, table.username, held.password, to, reader,
                             plan.templates, seconds, ca, table.insecure, table.prefix)  # fmt: skip
            case "webhook":
                return Webhook(held.url, held.secret, held.token, reader, plan.templates, send)
            case "dingtalk":
                base = table.base_url or DINGTALK
                return DingTalk(held.token, held.secret, base, reader, plan.templates, people, send)
            case "wecom":
                return WeCom(held.token, table.base_url or WECOM, reader, plan.templates, people, send)
            case "feishu":
                base = table.base_url or FEISHU
                return Feishu(held.token, held.secret, base, reader, plan.templates, people, send)
            case "apprise":
                return Apprise(held.url, reader, plan.templates)
            case _:
                raise ValueError(f"{table.type} has no sender of its own")

    return make


# -- alerts


class Calendars:
    """Whether a place is open: the calendars of a facility in the zones of its sites."""

    def __init__(self, facility: Facility) -> None:
        self._facility = facility
        self._hours: dict[tuple[str, str], Hours] = {}

    def is_open(self, calendar: str, site: str, at: int) -> bool:
        """Whether `calendar` ("" for the site's) is open at `at`; a place without a calendar never closes."""
        place = self._facility.sites.get(site)
        id = calendar or (place.calendar if place else "")
        found: Calendar | None = self._facility.calendars.get(id)
        if found is None:
            return True
        zone = place.time_zone if place else "UTC"
        hours = self._hours.setdefault((id, zone), Hours(found, zone))
        return bool(hours.inside(np.array([at], np.int64))[0][0])


def item_of(record: AlertRecord, rule: Rule | None, facility: Facility, currency: str = "", level: int = 0) -> Item:
    """What notices show of an alert."""
    alert = record.alert
    point = next((facility.points[id] for id in alert.points if id in facility.points), None)
    equip = facility.equips.get(alert.target) or (facility.equips.get(point.equip) if point else None)
    device = facility.devices.get(alert.target)
    site_id = (point.site if point else "") or (equip.site if equip else "") or (device.site if device else "")
    site_id = site_id or (alert.target if alert.target in facility.sites else "")
    site = facility.sites.get(site_id)
    space = facility.spaces.get((point.space if point else "") or (equip.space if equip else ""))
    places = [one.name for one in (site, space, equip) if one is not None]
    price = _price(alert.evidence)
    value = {language: wording.fill("{value}", alert, facility, language) for language in LANGUAGES}
    return Item(
        alert.id,
        alert.rule,
        alert.kind,
        alert.severity.value,
        "resolved" if alert.condition is Condition.RESOLVED else "firing",
        alert.target,
        {language: wording.title(alert, rule, facility, language) for language in LANGUAGES},
        alert.since,
        alert.at,
        {language: wording.why(alert, rule, facility, language) for language in LANGUAGES},
        {language: wording.check(alert, rule, facility, language) for language in LANGUAGES},
        {language: _path(places, language) for language in LANGUAGES},
        {language: shown for language, shown in value.items() if shown != "–"},
        site_id,
        equip.id if equip else "",
        _branch(site.organisation if site else "", facility),
        point.category if point else "",
        site.time_zone if site else "UTC",
        site.calendar if site else "",
        alert.fired,
        alert.resolved,
        record.human.value,
        record.assigned_to,
        level,
        price.get("money"),
        price.get("per_day", getattr(record, "cost", None)),
        _currency(alert.evidence) or currency,
        price.get("energy"),
        price.get("volume"),
    )


def _path(names: list[Text], language: str) -> str:
    return " › ".join(text(name, language) for name in names)


def _branch(organisation: str, facility: Facility) -> tuple[str, ...]:
    found: list[str] = []
    while organisation in facility.organisations and organisation not in found:
        found.append(organisation)
        organisation = facility.organisations[organisation].parent
    return tuple(reversed(found))


def _currency(evidence: Mapping[str, object]) -> str:
    cost = evidence.get("cost")
    return str((cost.get("currency") if isinstance(cost, Mapping) else "") or evidence.get("currency") or "")


def _price(evidence: Mapping[str, object]) -> dict[str, float]:
    """What the evidence of an alert says of its price: `cost` (a table, or the money alone) with money, per_day, energy (Wh)
    and volume (m3)."""
    cost = evidence.get("cost")
    parts: Mapping[str, object] = cost if isinstance(cost, Mapping) else {"money": cost}
    names = ("money", "per_day", "energy", "volume")
    return {name: float(value) for name in names if isinstance(value := parts.get(name), int | float)}
