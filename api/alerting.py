"""Alerts as the API shows them: one summary for lists, the board and the stream alike."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from api.reply import finite, ms
from steward.records import AlertEvent, AlertRecord

if TYPE_CHECKING:
    from api.context import Context


def summary(context: Context, record: AlertRecord) -> dict[str, Any]:
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
    }


def history(event: AlertEvent) -> dict[str, Any]:
    """A line of an alert's history; schema.AlertEvent."""
    return {
        "id": str(event.id),
        "what": event.what,
        "at": ms(event.at),
        "recorded": ms(event.recorded),
        "by": event.by,
        "comment": event.comment,
    }
