"""Alerts as rows: how a statement of the rules engine changes an episode, and how episodes are looked up.

Invariants: a condition only moves pending -> firing -> resolved; since, fired and resolved are set once; values and
evidence follow the newest statement by its `at`, so that a replay, which states old moments again, changes nothing.
Functions take a connection inside a transaction of `steward.records.database`.
"""

from __future__ import annotations

import json
import math
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from typing import Any

from sqlalchemy import (
    Column,
    ColumnElement,
    Connection,
    Select,
    Text,
    and_,
    any_,
    bindparam,
    case,
    cast,
    func,
    or_,
    select,
    type_coerce,
)
from sqlalchemy.dialects.postgresql import ARRAY

from steward.errors import NotFound, RecordsError
from steward.model import Alert, Condition, Delivery, Human, Severity
from steward.muting import Label, Reason, Standing
from steward.records.model import AlertPage, AlertRecord
from steward.records.schema import ALERT, ALERT_EVENT

Row = dict[str, Any]
_RANK = {Condition.PENDING: 0, Condition.FIRING: 1, Condition.RESOLVED: 2}
KEPT = ("cost",)
"""Keys of evidence that the rules do not state: what an alert cost is added to it, and stays."""
_FOLLOWS = ("severity", "points", "at", "value", "worst", "limit", "evidence")
"""The columns that follow the newest statement."""
_CHUNK = 5_000


def record(connection: Connection, alerts: Sequence[Alert], now: int) -> list[AlertRecord]:
    """Applies statements in order; returns the episodes that changed, in the order of their first statement."""
    rows = fetch(connection, dict.fromkeys(alert.id for alert in alerts))
    inserted: dict[str, Row] = {}
    updated: dict[str, Row] = {}
    events: list[Row] = []
    changed: dict[str, Row] = {}
    for alert in alerts:
        row = rows.get(alert.id)
        if row is None:
            row = rows[alert.id] = inserted[alert.id] = _new_row(alert, now)
            events.append(_event(alert.id, alert.condition, _moment(alert), now))
        else:
            found = _apply(row, alert, now)
            if found is None:
                continue
            events += found
            if alert.id not in inserted:
                updated[alert.id] = row
        changed[alert.id] = row
    if inserted:
        connection.execute(ALERT.insert(), list(inserted.values()))
    update(connection, updated.values())
    if events:
        connection.execute(ALERT_EVENT.insert(), events)
    return [as_record(row) for row in changed.values()]


def _apply(row: Row, alert: Alert, now: int) -> list[Row] | None:
    """Changes `row` in place by a statement; returns the events, None when the statement says nothing new."""
    before = dict(row)
    events: list[Row] = []
    stated = _new_row(alert, now)
    condition = Condition(row["condition"])
    if condition is Condition.RESOLVED:
        return None
    if alert.at >= row["at"]:
        if alert.severity != row["severity"]:
            events.append(_event(alert.id, "severity", alert.at, now, comment=f"{row['severity']} -> {alert.severity.value}"))
        cost = {name: row["evidence"][name] for name in KEPT if name in row["evidence"]}
        row.update({name: stated[name] for name in _FOLLOWS})
        row["evidence"] = {**cost, **row["evidence"]}
    if row["fired"] is None:
        row["fired"] = alert.fired
    if _RANK[alert.condition] > _RANK[condition]:
        row["condition"] = alert.condition.value
        row["resolved"] = stated["resolved"]
        events.append(_event(alert.id, alert.condition, _moment(alert), now))
    if row == before:
        return None
    row["changed"] = now
    return events


def _moment(alert: Alert) -> int:
    """When the condition of a statement became what it is."""
    if alert.condition is Condition.RESOLVED:
        return alert.at if alert.resolved is None else alert.resolved
    if alert.condition is Condition.FIRING:
        return alert.at if alert.fired is None else alert.fired
    return alert.since


def _new_row(alert: Alert, now: int) -> Row:
    return {
        "id": alert.id,
        "rule": alert.rule,
        "kind": alert.kind,
        "severity": alert.severity.value,
        "target": alert.target,
        "points": list(alert.points),
        "condition": alert.condition.value,
        "since": int(alert.since),
        "at": int(alert.at),
        "fired": alert.fired,
        "resolved": _moment(alert) if alert.condition is Condition.RESOLVED else None,
        "value": _number(alert.value),
        "worst": _number(alert.worst),
        "limit": _number(alert.limit),
        "evidence": plain(alert.evidence),
        "human": Human.UNACKNOWLEDGED.value,
        "acknowledged_at": None,
        "acknowledged_by": "",
        "assigned_to": "",
        "comments": 0,
        "recorded": now,
        "changed": now,
        "closed_at": None,
        "closed_by": "",
        **standing_columns(Standing()),
        "label": None,
        "label_by": "",
        "label_at": None,
        "cost": None,
    }


def standing_columns(standing: Standing) -> Row:
    """The delivery machine of an alert as columns."""
    return {
        "delivery": standing.state.value,
        "delivery_since": standing.since,
        "delivery_reasons": [dict(reason.plain()) for reason in standing.reasons],
        "told": standing.told,
        "level": standing.level,
        "episodes": standing.episodes,
        "fold": standing.fold,
        "folded": int(standing.folded),
        "ended": int(standing.ended),
    }


def _standing(row: Row) -> Standing:
    reasons = tuple(Reason(**{**reason, "state": Delivery(reason["state"])}) for reason in row["delivery_reasons"] or ())
    return Standing(
        Delivery(row["delivery"]),
        row["delivery_since"],
        reasons,
        row["told"],
        row["level"],
        row["episodes"],
        row["fold"],
        bool(row["folded"]),
        bool(row["ended"]),
    )


def _event(alert: str, what: str, at: int, now: int, by: str = "", comment: str = "") -> Row:
    return {"alert": alert, "what": str(what), "at": int(at), "recorded": now, "by": by, "comment": comment}


def note(connection: Connection, alerts: Iterable[str], what: str, now: int, by: str, comment: str) -> None:
    """Writes what a person did into the history of each alert."""
    rows = [_event(alert, what, now, now, by, comment) for alert in alerts]
    if rows:
        connection.execute(ALERT_EVENT.insert(), rows)


def update(connection: Connection, rows: Iterable[Row]) -> None:
    """Writes whole rows back."""
    names = [column.name for column in ALERT.columns if column.name != "id"]
    parameters = [{"key": row["id"]} | {f"new_{name}": row[name] for name in names} for row in rows]
    if parameters:
        statement = ALERT.update().where(ALERT.c.id == bindparam("key"))
        connection.execute(statement.values({name: bindparam(f"new_{name}") for name in names}), parameters)


def fetch(connection: Connection, ids: Iterable[str]) -> dict[str, Row]:
    """The rows of `ids` that exist."""
    wanted = list(ids)
    rows: dict[str, Row] = {}
    for start in range(0, len(wanted), _CHUNK):
        query = select(ALERT).where(among(connection, ALERT.c.id, wanted[start : start + _CHUNK]))
        rows |= {row["id"]: dict(row) for row in connection.execute(query).mappings()}
    return rows


def fetch_all(connection: Connection, ids: Sequence[str]) -> list[Row]:
    """The rows of `ids`, in their order. Raises NotFound for the first that does not exist."""
    rows = fetch(connection, ids)
    for id in ids:
        if id not in rows:
            raise NotFound("alert", id)
    return [rows[id] for id in dict.fromkeys(ids)]


def among(connection: Connection, column: Column[str], values: Collection[str]) -> ColumnElement[bool]:
    """`column` is one of `values`, however many, as one parameter."""
    listed = [str(value) for value in values]
    if connection.dialect.name == "postgresql":
        return column == any_(type_coerce(listed, ARRAY(Text)))
    each = func.json_each(json.dumps(listed)).table_valued("value")
    return column.in_(select(cast(each.c.value, Text)))


Filters = Mapping[str, Collection[Any] | None]
"""Column -> allowed words, None for any."""
SORTS: dict[str, tuple[ColumnElement[Any], ...]] = {
    "since": (ALERT.c.since.desc(), ALERT.c.id.desc()),
    "severity": (case({one.value: rank for rank, one in enumerate(Severity)}, value=ALERT.c.severity),),
    "cost": (func.coalesce(ALERT.c.cost, -1.0).desc(),),
}
"""How episodes may be sorted: newest, gravest, dearest first."""


def page(
    connection: Connection,
    filters: Filters,
    since: int | None,
    limit: int,
    after: str | None,
    sort: str = "since",
    folded: bool = True,
) -> AlertPage:
    """Episodes in the order of `sort`, those after the cursor `after`."""
    if limit < 1:
        raise RecordsError(f"limit is {limit}, expected at least 1")
    if sort not in SORTS:
        raise RecordsError(f"sort is {sort!r}, expected one of {', '.join(SORTS)}")
    order = SORTS[sort] if sort == "since" else (*SORTS[sort], *SORTS["since"])
    query: Select[Any] = select(ALERT).order_by(*order).limit(limit + 1)
    for name, values in filters.items():
        if values is not None:
            query = query.where(among(connection, ALERT.c[name], values))
    if since is not None:
        query = query.where(ALERT.c.since >= since)
    if not folded:
        query = query.where(ALERT.c.folded == 0)
    first = 0
    if after is not None and sort == "since":
        moment, id = _cursor(after)
        query = query.where(or_(ALERT.c.since < moment, and_(ALERT.c.since == moment, ALERT.c.id < id)))
    elif after is not None:
        first = _cursor(f"{after}-")[0]
        query = query.offset(first)
    rows = [as_record(dict(row)) for row in connection.execute(query).mappings()]
    found = tuple(rows[:limit])
    if len(rows) <= limit:
        return AlertPage(found, None)
    return AlertPage(found, f"{found[-1].alert.since}-{found[-1].id}" if sort == "since" else str(first + limit))


def _cursor(after: str) -> tuple[int, str]:
    moment, _, id = after.rpartition("-")
    try:
        at = int(moment)
        if not -(2**63) <= at < 2**63:
            raise ValueError(moment)
        return at, id
    except ValueError:
        raise RecordsError(f"{after!r} is not a cursor, expected what the page before gave as `after`") from None


def active(connection: Connection) -> Iterator[AlertRecord]:
    """Pending and firing episodes, oldest first."""
    query = select(ALERT).where(ALERT.c.condition.in_([Condition.PENDING.value, Condition.FIRING.value]))
    for row in connection.execute(query.order_by(ALERT.c.since, ALERT.c.id)).mappings():
        yield as_record(dict(row))


def as_record(row: Row) -> AlertRecord:
    """A row as people see it."""
    alert = Alert(
        rule=row["rule"],
        kind=row["kind"],
        severity=Severity(row["severity"]),
        target=row["target"],
        points=tuple(row["points"]),
        condition=Condition(row["condition"]),
        since=row["since"],
        at=row["at"],
        fired=row["fired"],
        resolved=row["resolved"],
        **{name: math.nan if row[name] is None else row[name] for name in ("value", "worst", "limit")},
        evidence=row["evidence"],
    )
    plainly = ("acknowledged_at", "acknowledged_by", "assigned_to", "comments", "recorded", "changed", "closed_at", "closed_by")
    label = Label(None if row["label"] is None else bool(row["label"]), row["label_by"], row["label_at"])
    more = {"standing": _standing(row), "label": label, "cost": row["cost"]}
    return AlertRecord(alert, Human(row["human"]), **{name: row[name] for name in plainly}, **more)


def _number(value: float) -> float | None:
    return None if math.isnan(value) else float(value)


def plain(value: Any) -> Any:
    """Plain values for JSON: numpy numbers become numbers, what is not finite becomes None, the rest its text."""
    if isinstance(value, Mapping):
        return {str(name): plain(part) for name, part in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [plain(part) for part in value]
    if isinstance(value, bool | str) or value is None:
        return value
    if hasattr(value, "tolist"):
        return plain(value.tolist())
    if isinstance(value, int):
        return value
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    return str(value)
