"""What a notice is: alerts as a person is told of them, for one lane (a channel, and on some channels one recipient).

Invariants: plain frozen data, times int64 ns, so that a notice goes through the outbox as JSON and comes back the same;
texts are by language and chosen when the message is written; nothing here is a secret.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from steward.model import Text

Status = Literal["firing", "resolved"]
What = Literal["alerts", "event", "digest", "test"]
SEVERITY_ORDER = ("critical", "high", "medium", "low")


@dataclass(frozen=True, slots=True)
class Item:
    """One alert as notices show it.

    where: the place in words (site, space, equip); organisations: the branch from the root down; value, limit: texts with
    unit, by language; money, energy (Wh), volume (m3): so far, None where not priced; per_day: money per day if left;
    currency: ISO code or symbol; level: escalation level, 0 before the first.
    """

    id: str
    rule: str
    kind: str
    severity: str
    status: Status
    target: str
    title: Text
    since: int
    at: int
    why: Text = field(default_factory=dict)
    check: Text = field(default_factory=dict)
    where: Text = field(default_factory=dict)
    value: Text = field(default_factory=dict)
    site: str = ""
    equip: str = ""
    organisations: tuple[str, ...] = ()
    category: str = ""
    time_zone: str = "UTC"
    calendar: str = ""
    fired: int | None = None
    resolved: int | None = None
    human: str = "unacknowledged"
    assigned_to: str = ""
    level: int = 0
    money: float | None = None
    per_day: float | None = None
    currency: str = ""
    energy: float | None = None
    volume: float | None = None


@dataclass(frozen=True, slots=True)
class Spent:
    """What the alerts of a digest cost together: money by currency, Wh, m3."""

    money: Mapping[str, float] = field(default_factory=dict)
    energy: float = 0.0
    volume: float = 0.0


@dataclass(frozen=True, slots=True)
class Notice:
    """What one lane is told at one moment.

    key: idempotency key, the same for every try; group: the group's key; labels: what the group has in common; reason: why
    now (Alertmanager's words); event: of what = event, the transition's word; by: the person behind it; start, end: of a
    digest, its period in ns; left_out: alerts of the group that a channel's `max_alerts` keeps out.
    """

    key: str
    what: What
    channel: str
    recipient: str
    route: str
    at: int
    items: tuple[Item, ...] = ()
    group: str = ""
    labels: Mapping[str, str] = field(default_factory=dict)
    reason: str = ""
    event: str = ""
    by: str = ""
    start: int | None = None
    end: int | None = None
    left_out: int = 0
    spent: Spent | None = None

    @property
    def status(self) -> Status:
        """Firing while any of its alerts is."""
        return "firing" if any(item.status == "firing" for item in self.items) else "resolved"

    def count(self, status: Status) -> int:
        """How many of its alerts are firing or resolved."""
        return sum(item.status == status for item in self.items)


@dataclass(frozen=True, slots=True)
class Recipient:
    """A person or a duty: the language and time zone they read in, and what each kind of channel calls them.

    email: address; mobile: for mentions by DingTalk and WeCom; users: id by channel type (dingtalk, wecom, feishu).
    """

    id: str
    name: str = ""
    language: str = ""
    time_zone: str = ""
    email: str = ""
    mobile: str = ""
    users: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Reader:
    """For whom a message is written: language, time zone, the facility's name and the page's address ("" for none)."""

    language: str = "en"
    time_zone: str = "UTC"
    facility: Text = field(default_factory=dict)
    page: str = ""


ENGLISH, CHINESE = Reader("en"), Reader("zh", "Asia/Shanghai")


@dataclass(frozen=True, slots=True)
class Message:
    """A notice in words: subject, plain text, markdown, HTML."""

    subject: str
    text: str
    markdown: str
    html: str


@dataclass(frozen=True, slots=True)
class Request:
    """An HTTP request, ready to be sent; `url` and `headers` may hold secrets and are never logged."""

    url: str
    body: bytes
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)


@dataclass(frozen=True, slots=True)
class Answer:
    """What a server answered: HTTP status, headers in lower case, body."""

    status: int
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""


def rank(item: Item) -> tuple[Any, ...]:
    """Sorting key: firing first, then dearest, then gravest, then oldest."""
    grave = SEVERITY_ORDER.index(item.severity) if item.severity in SEVERITY_ORDER else len(SEVERITY_ORDER)
    return (item.status != "firing", -(item.money or 0.0), grave, item.since, item.id)
