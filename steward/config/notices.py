"""The tables of notices: channels, recipients, routes, digests, and the templates of an operator.

What a table says alone is checked by its model, what holds between tables by `check`. Secrets are named, never written:
`*_env` is an environment variable, `*_file` a file. `steward.app.notices.plan` makes routes and senders of them.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from typing import Any, Literal
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from steward.config.values import Duration, Id, expected
from steward.errors import Problem
from steward.model import Facility
from steward.notices.wording import PLACEHOLDERS, unknown
from steward.units import DAY, HOUR, MINUTE, SECOND

ChannelType = Literal["email", "webhook", "dingtalk", "wecom", "feishu", "mqtt", "apprise"]
Language = Literal["en", "zh"]
SeverityName = Literal["critical", "high", "medium", "low"]
EventName = Literal["firing", "resolved", "escalated", "acknowledged", "assigned", "released", "severity"]
Label = Literal["site", "equip", "rule", "kind", "severity", "target", "category", "organisation"]
BOT_RATE: Mapping[str, int] = {"dingtalk": 20, "wecom": 20, "feishu": 100}
"""Messages a minute that the vendors allow."""
BOT_BURST: Mapping[str, int] = {"feishu": 5}
"""And a second."""

_NEEDS: Mapping[str, Sequence[tuple[str, ...]]] = {
    "email": (("host",), ("sender",)),
    "webhook": (("url", "url_env", "url_file"),),
    "dingtalk": (("token_env", "token_file"),),
    "wecom": (("token_env", "token_file"),),
    "feishu": (("token_env", "token_file"),),
    "mqtt": (("broker",),),
    "apprise": (("url_env", "url_file"),),
}
"""Per type, the keys of which one at least must be given."""
_COMMON = {"id", "type", "language", "time_zone", "rate", "max_alerts", "timeout", "resolved"}
_ALLOWED: Mapping[str, set[str]] = {
    "email": {"host", "port", "security", "username", "password_env", "password_file", "sender", "to", "ca", "insecure",
              "prefix"},
    "webhook": {"url", "url_env", "url_file", "secret_env", "secret_file", "token_env", "token_file"},
    "dingtalk": {"base_url", "token_env", "token_file", "secret_env", "secret_file"},
    "wecom": {"base_url", "token_env", "token_file"},
    "feishu": {"base_url", "token_env", "token_file", "secret_env", "secret_file"},
    "mqtt": {"broker", "topic", "discovery", "points", "interval"},
    "apprise": {"url_env", "url_file"},
}  # fmt: skip


class Table(BaseModel):
    """A table of the file."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class TextsTable(Table):
    """An operator's own texts in one language. Placeholders: see notices."""

    subject: str = Field("", description="of a notice about alerts")
    item: str = Field("", description="for each alert; may hold several lines")

    @field_validator("subject", "item")
    @classmethod
    def _known(cls, value: str) -> str:
        wrong = unknown(value)
        if wrong:
            raise ValueError(f"unknown placeholders {', '.join(wrong)}, expected of {', '.join(PLACEHOLDERS)}")
        return value


class NoticesTable(Table):
    """Notices as a whole: retries, and what is written in them."""

    page: str = Field("", pattern=r"^(https?://\S+)?$", description="address of the page as recipients reach it, for links")
    tries: int = Field(8, ge=1, le=100, description="tries before a notice is given up (a dead letter)")
    first_retry: Duration = Field(10 * SECOND, gt=0, description="pause after the first failure; it doubles each time")
    longest_retry: Duration = Field(30 * MINUTE, gt=0, description="the longest pause")
    keep: Duration = Field(90 * DAY, gt=0, description="the delivery log is kept so long")
    currency: str = Field("CNY", description="of prices that name none")
    texts: dict[Language, TextsTable] = Field({}, description="by language: `subject` and `item` in place of ours")


class ChannelTable(Table):
    """A way to reach people. Which keys belong to which type: see notices."""

    id: Id
    type: ChannelType = Field(description="what it speaks, see notices")
    language: Language | None = Field(None, description="default: zh for dingtalk, wecom and feishu, else en")
    time_zone: str = Field("", description="times are written in it; default: UTC, or the recipient's")
    rate: int | None = Field(
        None, ge=0, description="most notices a minute, 0: any; default: what the bot's vendor allows, else 0"
    )
    max_alerts: int = Field(0, ge=0, description="most alerts of one notice, 0: any")
    timeout: Duration = Field(10 * SECOND, gt=0, description="for each step of sending")
    resolved: bool = Field(True, description="also say that an alert is over, to those who heard that it fires")
    url: str = Field("", pattern=r"^(https?://[^\s@]+)?$", description="webhook: address, when it holds no secret")
    url_env: str = Field("", description="webhook, apprise: environment variable that holds the address")
    url_file: str = Field("", description="webhook, apprise: file that holds the address")
    base_url: str = Field("", pattern=r"^(https?://[^\s@]+)?$", description="bots: another host than the vendor's")
    token_env: str = Field("", description="bots: access_token, key or hook id; webhook: bearer token")
    token_file: str = Field("", description="the same from a file")
    secret_env: str = Field("", description="key of the signature (dingtalk, feishu, webhook)")
    secret_file: str = Field("", description="the same from a file")
    host: str = Field("", description="email: mail server")
    port: int = Field(0, ge=0, le=65535, description="email: default 587, with tls 465, without 25")
    security: Literal["starttls", "tls", "none"] = Field("starttls", description="email")
    username: str = Field("", description="email: login")
    password_env: str = Field("", description="email")
    password_file: str = Field("", description="email")
    sender: str = Field("", description='email: "Steward <steward@example.org>"')
    to: list[str] = Field([], description="email: addresses where a route names no recipient")
    ca: str = Field("", description="email: PEM of the authority; empty: the system's")
    insecure: bool = Field(False, description="email: do not check the server's certificate: for trials only")
    prefix: str = Field("", description="email: in front of each subject")
    broker: str = Field("", description="mqtt: id of a broker")
    topic: str = Field("steward", pattern=r"^[^+#\s]+$", description="mqtt: first levels of our topics")
    discovery: str = Field("homeassistant", pattern=r"^[^+#\s]*$", description="mqtt: discovery prefix, empty: none")
    points: list[str] = Field([], description="mqtt: patterns of point ids that are published, e.g. block-a.*")
    interval: Duration = Field(10 * SECOND, gt=0, description="mqtt: points are published this often, when changed")

    @model_validator(mode="after")
    def _fits(self) -> ChannelTable:
        wrong = []
        for needed in _NEEDS[self.type]:
            if not any(getattr(self, key) for key in needed):
                wrong.append(f"{self.type} needs {' or '.join(needed)}")
        extra = sorted(self.model_fields_set - _COMMON - _ALLOWED[self.type])
        if extra:
            wrong.append(f"{', '.join(extra)}: no key of type {self.type}")
        if self.username and not (self.password_env or self.password_file):
            wrong.append("username needs password_env or password_file")
        for address in self.to:
            if "@" not in address:
                wrong.append(f"{address!r} in to is no e-mail address")
        if self.sender and "@" not in self.sender:
            wrong.append(f"sender {self.sender!r} is no e-mail address")
        if wrong:
            raise ValueError("; ".join(wrong))
        return self

    @property
    def per_minute(self) -> int:
        """The rate in force."""
        return self.rate if self.rate is not None else BOT_RATE.get(self.type, 0)

    @property
    def per_second(self) -> int:
        """The most in one second, 0: any."""
        return BOT_BURST.get(self.type, 0)


class RecipientTable(Table):
    """A person or a duty that is told."""

    id: Id
    name: str = Field("", description="as people read it")
    language: Language | None = Field(None, description="default: the channel's")
    time_zone: str = Field("", description="default: the channel's")
    email: str = Field("", pattern=r"^([^\s@]+@[^\s@]+)?$", description="address for channels of type email")
    mobile: str = Field("", description="dingtalk: mentioned by it")
    users: dict[Literal["dingtalk", "wecom", "feishu"], str] = Field({}, description="user id by type of channel: mentioned")


class Selection(Table):
    """Which alerts; every key that is given must hold."""

    organisation: list[str] = Field([], description="the site belongs to the branch of one of these")
    site: list[str] = Field([], description="ids of sites")
    category: list[str] = Field([], description="sub-metering category; B takes B1 and B2 too")
    rule: list[str] = Field([], description="ids of rules, or patterns such as leak-*")
    kind: list[str] = Field([], description="kinds of rules")
    severity: list[SeverityName] = Field([], description="severities of alerts")


class RouteTable(Selection):
    """Who is told of which alerts. Routes are tried in order; the first that takes an alert ends it unless it continues."""

    id: Id
    channels: list[str] = Field(min_length=1, description="ids of channels")
    recipients: list[str] = Field([], description="ids of recipients: written to by e-mail, mentioned by bots")
    hours: Literal["always", "open", "closed"] = Field("always", description="only while the calendar is open, or closed")
    calendar: str = Field("", description="id of a calendar; default: the site's")
    otherwise: list[str] = Field([], description="channels at other hours; empty: the route does not take the alert then")
    events: list[EventName] = Field(["firing", "resolved", "escalated"], description="what is told")
    level: int = Field(0, ge=0, description="takes alerts only once they are escalated to this level; 0: when they fire")
    group_by: list[Label] = Field(["site", "rule"], description="alerts that agree in these are one notice")
    group_wait: Duration = Field(30 * SECOND, description="a new group waits so long for further alerts")
    group_interval: Duration = Field(5 * MINUTE, gt=0, description="a group speaks at most this often")
    repeat_interval: Duration = Field(
        4 * HOUR, description='told again this often while nobody has acknowledged it; "0s": never'
    )
    continue_: bool = Field(False, alias="continue", description="also try the routes that follow")


class DigestTable(Selection):
    """What is open, what was resolved and what it cost, once a day or week."""

    id: Id
    channels: list[str] = Field(min_length=1, description="ids of channels")
    recipients: list[str] = Field([], description="ids of recipients: written to by e-mail, mentioned by bots")
    every: Literal["day", "week"] = Field("day", description="how often")
    at: str = Field("08:00", pattern=r"^([01]\d|2[0-3]):[0-5]\d$", description="local time")
    weekday: Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"] = Field("mon", description="of a weekly digest")
    time_zone: str = Field("UTC", description="of `at`, IANA name")
    empty: bool = Field(False, description="also when there is nothing to say")


@dataclass(frozen=True, slots=True)
class NoticeTables:
    """The tables of notices of a facility file, checked."""

    notices: NoticesTable = field(default_factory=NoticesTable)
    channels: tuple[ChannelTable, ...] = ()
    recipients: tuple[RecipientTable, ...] = ()
    routes: tuple[RouteTable, ...] = ()
    digests: tuple[DigestTable, ...] = ()


def notice_tables(document: Any) -> NoticeTables:
    """The tables of notices of a document (schema.Document)."""
    rows = (tuple(getattr(document, name)) for name in ("channel", "recipient", "route", "digest"))
    return NoticeTables(document.notices, *rows)


Say = Callable[[str, int, str, str, str], None]
"""(table, number, key, message, expected)."""
Known = Callable[[str, int, str, str, Collection[str], str], bool]
"""(table, number, key, value, known ids, what it is) -> whether it is known; says it when it is not."""


def check(tables: NoticeTables, facility: Facility, brokers: Collection[str], known: Known, say: Say) -> None:
    """Says what is wrong between the tables of notices and with the rest of the facility."""
    channels = {one.id: one for one in tables.channels}
    recipients = {one.id: one for one in tables.recipients}
    for number, channel in enumerate(tables.channels):
        known("channel", number, "broker", channel.broker, brokers, "broker")
        _zone("channel", number, channel.time_zone, say)
    for number, recipient in enumerate(tables.recipients):
        _zone("recipient", number, recipient.time_zone, say)
    for name, rows in (("route", tables.routes), ("digest", tables.digests)):
        for number, row in enumerate(rows):
            _selection(name, number, row, facility, known)
            _targets(name, number, row, channels, recipients, known, say)
    for number, route in enumerate(tables.routes):
        known("route", number, "calendar", route.calendar, facility.calendars, "calendar")
        if route.otherwise and route.hours == "always":
            say("route", number, "otherwise", "there are no other hours", 'hours = "open" or "closed"')
    for number, digest in enumerate(tables.digests):
        _zone("digest", number, digest.time_zone, say)


def check_rules(
    tables: NoticeTables, rules: Collection[str], kinds: Collection[str], origin: Mapping[str, Sequence[str]]
) -> list[Problem]:
    """What is wrong with the rules and kinds that routes and digests name. rules, kinds: those that there are; origin: table
    name -> the file of each of its entries."""
    problems = []
    named: dict[str, Sequence[RouteTable | DigestTable]] = {"route": tables.routes, "digest": tables.digests}
    for name, rows in named.items():
        for row, file in zip(rows, origin.get(name, ()), strict=True):
            for key, known in (("rule", rules), ("kind", kinds)):
                for value in getattr(row, key):
                    if not any(fnmatchcase(one, value) for one in known):
                        where = f"{file}:{name}[{row.id}].{key}"
                        problems.append(Problem(where, f"no {key} {value!r}", expected(value, known, key)))
    return problems


def _zone(table: str, number: int, zone: str, say: Say) -> None:
    try:
        ZoneInfo(zone or "UTC")
    except (ZoneInfoNotFoundError, ValueError, OSError):
        say(table, number, "time_zone", f"unknown time zone {zone!r}", "an IANA name such as Asia/Shanghai")


def _selection(table: str, number: int, row: Any, facility: Facility, known: Known) -> None:
    for value in row.organisation:
        known(table, number, "organisation", value, facility.organisations, "organisation")
    for value in row.site:
        known(table, number, "site", value, facility.sites, "site")


def _targets(
    table: str,
    number: int,
    row: Any,
    channels: Mapping[str, ChannelTable],
    recipients: Mapping[str, RecipientTable],
    known: Known,
    say: Say,
) -> None:
    named = [known(table, number, "recipients", value, recipients, "recipient") and value for value in row.recipients]
    for key in ("channels", "otherwise"):
        for value in getattr(row, key, ()):
            if not known(table, number, key, value, channels, "channel") or channels[value].type != "email":
                continue
            reached = [one for one in named if one and recipients[one].email]
            if not reached and not channels[value].to:
                expected = "recipients with email, or `to` of the channel"
                say(table, number, "recipients", f"nobody has an address for channel {value!r}", expected)
