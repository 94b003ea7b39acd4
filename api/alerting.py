"""Alerts as the API shows them: one summary for lists, the board and the stream alike."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

from api.board import AlertBoard
from api.catalogue import Catalogue
from api.reply import MILLISECOND, finite, ms
from api.sentences import Said, said
from api.services import Services
from api.services_desk import Similar
from steward.model import Delivery
from steward.records import AlertEvent, AlertRecord

OURS = (Delivery.INHIBITED, Delivery.CHATTERING)
"""Reasons whose words are the service's own; the others were written by a person."""


class Around(Protocol):
    """What an alert is shown with (api.context.Context)."""

    services: Services
    board: AlertBoard

    @property
    def catalogue(self) -> Catalogue:
        """The facility as it is shown."""


def summary(context: Around, record: AlertRecord) -> dict[str, Any]:
    """An alert in plain values: what, where, since when, who; schema.AlertSummary."""
    alert, catalogue = record.alert, context.catalogue
    facility = catalogue.facility
    point = facility.points.get(alert.points[0]) if alert.points else None
    equip = facility.equips.get(alert.target) or (facility.equips.get(point.equip) if point else None)
    words = context.services.wording(record, facility)
    return {
        "id": record.id,
        "rule": alert.rule,
        "kind": alert.kind,
        "severity": alert.severity,
        "condition": alert.condition,
        "human": record.human,
        "title": words.title,
        "why": words.why,
        "check": words.check,
        "target": alert.target,
        "node": catalogue.home(alert.target),
        "site": point.site if point else equip.site if equip else "",
        "equip": equip.id if equip else "",
        "points": list(alert.points),
        "metric": point.metric if point else "",
        "unit": point.unit if point else "",
        "value_unit": str(alert.evidence.get("unit", "")),
        "since": ms(alert.since),
        "fired": ms(alert.fired),
        "resolved": ms(alert.resolved),
        "at": ms(alert.at),
        "value": finite(alert.value),
        "worst": finite(alert.worst),
        "limit": finite(alert.limit),
        "acknowledged_at": ms(record.acknowledged_at),
        "acknowledged_by": record.acknowledged_by,
        "assigned_to": record.assigned_to,
        "comments": record.comments,
        "changed": ms(record.changed),
        "closed_at": ms(record.closed_at),
        "closed_by": record.closed_by,
        **_delivery(context, record),
        "label": record.label.true,
        "label_by": record.label.by,
        "cost": record.cost,
        "currency": _currency(context, record),
    }


def _currency(context: Around, record: AlertRecord) -> str:
    """The currency of the cost: that of its price, else the only one that the tariffs have."""
    cost = record.alert.evidence.get("cost")
    found = cost.get("currency") if isinstance(cost, Mapping) else ""
    return str(found) if found else "" if record.cost is None else context.services.money.currency()


def _delivery(context: Around, record: AlertRecord) -> dict[str, Any]:
    standing, facility = record.standing, context.catalogue.facility
    reasons = []
    for reason in standing.reasons:
        by = context.board.get(reason.by) if reason.state is Delivery.INHIBITED else None
        title = context.services.wording(by, facility).title if by else {}
        own = said(reason.why) if reason.state in OURS else Said("")
        reasons.append({**reason.plain(), "until": ms(reason.until), "title": title, **own.coded()})
    return {
        "delivery": standing.state,
        "delivery_since": ms(standing.since),
        "reasons": reasons,
        "told": ms(standing.told),
        "level": standing.level,
        "episodes": standing.episodes,
        "folded": standing.folded,
    }


def episode(context: Around, similar: Similar) -> dict[str, Any]:
    """An earlier episode; schema.SimilarEpisode."""
    alert = similar.record.alert
    lasted = None if alert.resolved is None else (alert.resolved - alert.since) // MILLISECOND
    return summary(context, similar.record) | {"same": similar.same, "lasted": lasted, "said": list(similar.comments)}


def history(event: AlertEvent) -> dict[str, Any]:
    """A line of an alert's history; schema.AlertEvent."""
    return {
        "id": str(event.id),
        "what": event.what,
        "at": ms(event.at),
        "recorded": ms(event.recorded),
        "by": event.by,
        "comment": event.comment,
        **(said(event.comment) if event.comment and not event.by else Said("")).coded(),
    }
