"""Alerts: what is wrong, why we think so, and what people do about it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Annotated, Any

from fastapi import APIRouter, Query
from starlette.responses import Response

from api.alerting import history, summary
from api.context import Context, Here, in_thread
from api.problems import Refusal
from api.reply import When, moment, reply
from api.routes._shared import Under, failures
from api.routes.points import point_row, step
from api.schema import (
    Act,
    AlertDetail,
    AlertPage,
    AlertSummary,
    AssignAct,
    BulkAct,
    Changed,
    CommentAct,
    Condition,
    Human,
    Severity,
)
from steward import model
from steward.records import AlertRecord

router = APIRouter(tags=["alerts"])
SCAN = 20  # pages of records that one call reads at most to find those below a node


@router.get("/alerts", response_model=AlertPage, responses=failures(404, 409, 422), summary="Alerts")
async def alerts(
    here: Here,
    under: Under = "",
    condition: Annotated[list[Condition] | None, Query(description="default: firing")] = None,
    severity: Annotated[list[Severity] | None, Query()] = None,
    human: Annotated[list[Human] | None, Query(description="what people have done about it")] = None,
    rule: Annotated[list[str] | None, Query(description="id of a rule")] = None,
    target: Annotated[list[str] | None, Query(description="id of a point or equip")] = None,
    since: When = None,
    limit: Annotated[int, Query(ge=1, le=1000)] = 100,
    after: Annotated[str | None, Query(description="`after` of the page before", max_length=80)] = None,
) -> Response:
    """Firing alerts, the gravest first; or, by `condition`, those of any time, newest first. `since`: began then or later."""
    key = here.key(under)
    began = moment(since, "since", 0) if since else None
    wanted: dict[str, Any] = {"severities": severity, "humans": human, "rules": rule, "targets": target}
    if condition is None or condition == ["firing"]:
        found = [record for record in here.board.ranked() if _is(record, wanted, began) and _below(here, record, key)]
        first = _offset(after)
        page = found[first : first + limit]
        following = str(first + limit) if first + limit < len(found) else None
        return _page(here, page, following, len(found))
    named = {
        "conditions": {model.Condition(each) for each in condition},
        "severities": {model.Severity(each) for each in severity} if severity else None,
        "humans": {model.Human(each) for each in human} if human else None,
        "rules": rule,
        "targets": target,
        "since": began,
    }
    chosen: list[AlertRecord] = []
    for _ in range(SCAN):
        records = await in_thread(here.services.records.alerts, **named, limit=limit - len(chosen), after=after)
        chosen += [record for record in records.alerts if _below(here, record, key)]
        after = records.after
        if after is None or len(chosen) >= limit:
            break
    return _page(here, chosen, after, None)


def _page(here: Context, records: Sequence[AlertRecord], after: str | None, total: int | None) -> Response:
    return reply({"alerts": [summary(here, record) for record in records], "after": after, "total": total})


def _is(record: AlertRecord, wanted: dict[str, Any], since: int | None) -> bool:
    alert = record.alert
    has = {"severities": alert.severity, "humans": record.human, "rules": alert.rule, "targets": alert.target}
    return all(not wanted[name] or has[name] in wanted[name] for name in has) and (since is None or alert.since >= since)


def _below(here: Context, record: AlertRecord, key: str) -> bool:
    if not key:
        return True
    if key.startswith("device:"):
        points = here.catalogue.facility.points
        return any(id in points and f"device:{points[id].device}" == key for id in record.alert.points)
    return here.catalogue.inside(here.catalogue.home(record.alert.target), key)


def _offset(after: str | None) -> int:
    if after is None:
        return 0
    if not (after.isascii() and after.isdigit()):
        raise Refusal(422, f"after: {after!r} is not a cursor, expected what the page before gave as `after`")
    return int(after)


@router.get("/alerts/{id}", response_model=AlertDetail, responses=failures(404, 422), summary="One alert")
async def alert(here: Here, id: str) -> Response:
    """An alert with what the rule saw, its history, its points as they are now, and earlier episodes of the same."""
    records, catalogue = here.services.records, here.catalogue
    record: AlertRecord = await in_thread(records.alert, id)
    events = await in_thread(records.events, id)
    same = await in_thread(records.alerts, rules={record.alert.rule}, targets={record.alert.target}, limit=11)
    rows = [catalogue.row[point] for point in record.alert.points if point in catalogue.row]
    detail = summary(here, record) | {
        "evidence": dict(record.alert.evidence),
        "path": [step(node) for node in catalogue.path(catalogue.home(record.alert.target))],
        "events": [history(event) for event in events],
        "latest": point_row(here, rows[:50]),
        "similar": [summary(here, other) for other in same.alerts if other.id != id][:10],
    }
    return reply(detail)


async def _act(here: Context, act: Callable[..., list[AlertRecord]], *arguments: Any) -> Response:
    """Does it in the records, shows it on the board and in the stream."""
    changed = await in_thread(act, *arguments, here.services.clock())
    here.take_alerts(changed)
    return reply({"changed": [summary(here, record) for record in changed]})


ACT = failures(404, 409, 422)


@router.post("/alerts/acknowledge", response_model=Changed, responses=ACT, summary="Acknowledge several alerts")
async def acknowledge_all(here: Here, act: BulkAct) -> Response:
    """Says that these alerts have been seen; all or, where one does not exist, none."""
    return await _act(here, here.services.records.acknowledge, act.ids, act.by, act.comment)


@router.post("/alerts/{id}/acknowledge", response_model=Changed, responses=ACT, summary="Acknowledge an alert")
async def acknowledge(here: Here, id: str, act: Act) -> Response:
    """Says that an alert has been seen. A second time changes nothing."""
    return await _act(here, here.services.records.acknowledge, [id], act.by, act.comment)


@router.post("/alerts/{id}/assign", response_model=Changed, responses=ACT, summary="Assign an alert")
async def assign(here: Here, id: str, act: AssignAct) -> Response:
    """Gives an alert to a person, which also acknowledges it."""
    return await _act(here, here.services.records.assign, [id], act.to, act.by, act.comment)


@router.post("/alerts/{id}/start", response_model=Changed, responses=ACT, summary="Begin work on an alert")
async def start(here: Here, id: str, act: Act) -> Response:
    """Says that somebody is working on it."""
    return await _act(here, here.services.records.start, [id], act.by, act.comment)


@router.post("/alerts/{id}/close", response_model=Changed, responses=ACT, summary="Close an alert")
async def close(here: Here, id: str, act: Act) -> Response:
    """Closes a resolved alert; one that still fires cannot be closed (409)."""
    return await _act(here, here.services.records.close_alerts, [id], act.by, act.comment)


@router.post("/alerts/{id}/comment", response_model=AlertSummary, responses=ACT, summary="Comment on an alert")
async def comment(here: Here, id: str, act: CommentAct) -> Response:
    """Adds a comment to an alert's history."""
    record = await in_thread(here.services.records.comment, id, act.by, act.text, here.services.clock())
    here.take_alerts([record])
    return reply(summary(here, record))
