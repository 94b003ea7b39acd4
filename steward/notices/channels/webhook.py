"""Webhook with Alertmanager's body, version 4, so that what takes Alertmanager's notices takes ours.

https://prometheus.io/docs/alerting/latest/configuration/#webhook_config. With a secret each request is signed:
`X-Steward-Signature: t=<unix seconds>,v1=<hex>` is the HMAC-SHA256 of "<t>.<body>"; the time keeps a caught request from
being played again. `Idempotency-Key` is the same for every try of a notice. Labels and annotations hold texts only.
"""

from __future__ import annotations

import hmac
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from hashlib import blake2b, sha256
from typing import Any

from steward.model import text
from steward.notices.channels.http import accept, post
from steward.notices.model import ENGLISH, Answer, Item, Notice, Reader, Request
from steward.notices.wording import OURS, WORDS, Templates, cost, link
from steward.notices.wording import write as in_words
from steward.units import SECOND

NEVER = "0001-01-01T00:00:00Z"
"""Alertmanager's endsAt of an alert that fires."""


@dataclass(frozen=True, slots=True)
class Webhook:
    """One webhook channel. secret: of the signature, "" for none; bearer: token of the Authorization header, "" for none."""

    url: str = field(repr=False)
    secret: str = field(default="", repr=False)
    bearer: str = field(default="", repr=False)
    reader: Reader = ENGLISH
    templates: Templates = OURS
    send_request: Callable[[Request], Answer] = post

    def send(self, notice: Notice, now: int) -> str:
        """Hands a notice over; returns what the server said. Raises NoticeFailed."""
        return accept(self.send_request(encode(notice, self, now)), now)


def encode(notice: Notice, channel: Webhook, now: int) -> Request:
    """The request of a notice at `now` (ns)."""
    raw = json.dumps(body(notice, channel.reader, channel.templates), ensure_ascii=False, separators=(",", ":")).encode()
    headers = {"Content-Type": "application/json", "Idempotency-Key": notice.key}
    if channel.bearer:
        headers["Authorization"] = f"Bearer {channel.bearer}"
    if channel.secret:
        headers["X-Steward-Signature"] = signature(channel.secret, now // SECOND, raw)
    return Request(channel.url, raw, headers)


def signature(secret: str, seconds: int, raw: bytes) -> str:
    """The value of X-Steward-Signature."""
    digest = hmac.new(secret.encode(), f"{seconds}.".encode() + raw, sha256).hexdigest()
    return f"t={seconds},v1={digest}"


def body(notice: Notice, reader: Reader, templates: Templates = OURS) -> dict[str, Any]:
    """Alertmanager's data, version 4. What is no notice of alerts says so in commonLabels.notice, and its words are
    commonAnnotations.summary and description."""
    alerts = [alert(item, reader) for item in notice.items]
    words = in_words(notice, reader, templates)
    annotations = _common([one["annotations"] for one in alerts])
    labels = _common([one["labels"] for one in alerts])
    if notice.what != "alerts":
        labels = {**labels, "notice": notice.event if notice.what == "event" else notice.what}
        annotations = {**annotations, "summary": words.subject, "description": words.text}
    return {
        "version": "4",
        "groupKey": notice.group or f'{{}}/{{route="{notice.route}"}}:{{}}',
        "truncatedAlerts": notice.left_out,
        "status": notice.status,
        "receiver": notice.channel,
        "groupLabels": dict(notice.labels),
        "commonLabels": labels,
        "commonAnnotations": annotations,
        "externalURL": reader.page,
        "notification_reason": notice.reason,
        "alerts": alerts,
    }


def alert(item: Item, reader: Reader) -> dict[str, Any]:
    """One alert of the body."""
    labels = {
        "alertname": item.rule,
        "kind": item.kind,
        "severity": item.severity,
        "target": item.target,
        "site": item.site,
        "equip": item.equip,
        "category": item.category,
        "organisation": item.organisations[-1] if item.organisations else "",
    }
    language = reader.language
    annotations = {
        "summary": text(item.title, language),
        "description": text(item.why, language),
        "check": text(item.check, language),
        "where": text(item.where, language),
        "value": text(item.value, language),
        "cost": cost(item, WORDS.get(language, WORDS["en"])),
        "human": item.human,
    }
    return {
        "status": item.status,
        "labels": {name: value for name, value in labels.items() if value},
        "annotations": {name: value for name, value in annotations.items() if value},
        "startsAt": stamp(item.fired if item.fired is not None else item.since),
        "endsAt": stamp(item.resolved) if item.resolved is not None else NEVER,
        "generatorURL": link(item, reader.page),
        "fingerprint": fingerprint(item),
    }


def fingerprint(item: Item) -> str:
    """Sixteen hexadecimal digits, the same for every episode of a rule on a target, as Alertmanager's are of labels."""
    return blake2b(f"{item.rule}\n{item.target}".encode(), digest_size=8).hexdigest()


def stamp(at: int) -> str:
    """RFC 3339 in UTC, to the millisecond."""
    return datetime.fromtimestamp(at // SECOND, UTC).strftime("%Y-%m-%dT%H:%M:%S") + f".{at % SECOND // 1_000_000:03d}Z"


def _common(maps: Sequence[Mapping[str, str]]) -> dict[str, str]:
    if not maps:
        return {}
    return {name: value for name, value in maps[0].items() if all(other.get(name) == value for other in maps[1:])}
