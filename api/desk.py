"""Lists of alerts for the desk: filters, orders and pages; shelvings and windows as plain values."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from api.board import RANK
from api.context import in_thread
from api.reply import ms, number
from api.services_desk import Span
from steward import model
from steward.muting import Maintenance, Scope, Shelving
from steward.records import AlertRecord

if TYPE_CHECKING:
    from api.context import Context

SCAN = 20  # pages of records that one call reads at most to find those below a node
DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a list of alerts is to hold; None or "" for anything. keys: of nodes, all of which it must lie below."""

    severity: Sequence[str] | None = None
    human: Sequence[str] | None = None
    rule: Sequence[str] | None = None
    target: Sequence[str] | None = None
    kind: Sequence[str] | None = None
    delivery: Sequence[str] | None = None
    assignee: Sequence[str] | None = None
    keys: Sequence[str] = ()
    text: str = ""
    since: int | None = None
    folded: bool = False

    def has(self, context: Context, record: AlertRecord) -> bool:
        """Whether a record is to be in the list."""
        alert = record.alert
        facts = (
            (self.severity, alert.severity), (self.human, record.human), (self.rule, alert.rule), (self.target, alert.target),
            (self.kind, alert.kind), (self.delivery, record.standing.state), (self.assignee, record.assigned_to),
        )  # fmt: skip
        if any(wanted and fact not in wanted for wanted, fact in facts):
            return False
        if self.since is not None and alert.since < self.since:
            return False
        if record.standing.folded and not self.folded:
            return False
        return all(_below(context, record, key) for key in self.keys) and self._says(context, record)

    def _says(self, context: Context, record: AlertRecord) -> bool:
        if not self.text:
            return True
        words = context.services.wording(record, context.catalogue.facility)
        alert = record.alert
        said = (alert.rule, alert.target, record.assigned_to, *words.title.values(), *words.why.values())
        return all(any(part in each.casefold() for each in said) for part in self.text.casefold().split())


def _below(context: Context, record: AlertRecord, key: str) -> bool:
    if not key:
        return True
    if key.startswith("device:"):
        points = context.catalogue.facility.points
        return any(id in points and f"device:{points[id].device}" == key for id in record.alert.points)
    return context.catalogue.inside(context.catalogue.home(record.alert.target), key)


def firing(
    context: Context, wanted: Wanted, sort: str, limit: int, after: str | None
) -> tuple[list[AlertRecord], str | None, int]:
    """Firing alerts from the board: a page, the cursor of the next, how many there are."""
    found = [record for record in context.board.ranked() if wanted.has(context, record)]
    if sort == "since":
        found.sort(key=lambda record: (-record.alert.since, record.id))
    elif sort == "cost":
        found.sort(key=lambda record: (-(record.cost or 0.0), RANK[record.alert.severity], -record.alert.since))
    first = 0 if after is None else number(after)
    following = str(first + limit) if first + limit < len(found) else None
    return found[first : first + limit], following, len(found)


async def recorded(
    context: Context, conditions: Sequence[str], wanted: Wanted, sort: str, limit: int, after: str | None
) -> tuple[list[AlertRecord], str | None]:
    """Alerts of any time from the records: a page, and the cursor of the next."""
    named: dict[str, Any] = {
        "conditions": {model.Condition(each) for each in conditions},
        "severities": {model.Severity(each) for each in wanted.severity} if wanted.severity else None,
        "humans": {model.Human(each) for each in wanted.human} if wanted.human else None,
        "deliveries": {model.Delivery(each) for each in wanted.delivery} if wanted.delivery else None,
        "rules": wanted.rule,
        "targets": wanted.target,
        "kinds": wanted.kind,
        "assignees": wanted.assignee,
        "folded": wanted.folded,
        "since": wanted.since,
        "sort": sort,
    }
    chosen: list[AlertRecord] = []
    for _ in range(SCAN):
        records = await in_thread(context.services.records.alerts, **named, limit=limit - len(chosen), after=after)
        chosen += [record for record in records.alerts if wanted.has(context, record)]
        after = records.after
        if after is None or len(chosen) >= limit:
            break
    return chosen, after


def scope(shape: Any) -> Scope:
    """The scope of a body."""
    return Scope(**shape.model_dump())


def _scope(found: Scope) -> dict[str, str]:
    return {name: getattr(found, name) for name in Scope.__slots__}


def shelving(found: Shelving) -> dict[str, Any]:
    """schema_desk.Shelving."""
    return {
        "id": found.id,
        "scope": _scope(found.scope),
        "start": ms(found.start),
        "end": ms(found.end),
        "by": found.by,
        "reason": found.reason,
        "cancelled": ms(found.cancelled),
        "cancelled_by": found.cancelled_by,
    }


def window(found: Maintenance) -> dict[str, Any]:
    """schema_desk.Window."""
    return {
        "id": found.id,
        "scope": _scope(found.scope),
        "reason": found.reason,
        "by": found.by,
        "start": ms(found.start),
        "end": ms(found.end),
        "days": list(found.days),
        "hours": "-".join(f"{minute // 60:02d}:{minute % 60:02d}" for minute in (found.begins, found.ends)),
        "zone": found.zone,
        "declared": found.declared,
    }


def span(found: Span) -> dict[str, Any]:
    """schema_desk.CalendarSpan."""
    return {
        "kind": found.kind,
        "id": found.id,
        "start": ms(found.start),
        "end": ms(found.end),
        "scope": _scope(found.scope),
        "reason": found.reason,
        "by": found.by,
        "declared": found.declared,
        "weekly": found.weekly,
    }
