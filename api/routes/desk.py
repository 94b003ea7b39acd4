"""The alert desk: what people do about alerts, one or many; shelvings, maintenance windows and their calendar."""

from __future__ import annotations

from collections.abc import Sequence

from fastapi import APIRouter
from starlette.responses import Response

from api.alerting import summary
from api.context import Context, Here, in_thread
from api.desk import scope, shelving, span, window
from api.problems import Refusal
from api.reply import When, moment, reply
from api.routes._shared import failures
from api.schema import Act, AlertSummary, AssignAct, BulkAct, Changed, CommentAct
from api.schema_desk import (
    BulkAssign,
    BulkComment,
    BulkLabel,
    BulkShelve,
    Calendar,
    CancelAct,
    LabelAct,
    ShelveAct,
    Shelvings,
    WindowAct,
    Windows,
)
from steward.config.desk import parse_span
from steward.config.values import parse_days
from steward.muting import Maintenance, Scope
from steward.records import AlertRecord
from steward.units import DAY

router = APIRouter(tags=["alerts"])
ACT = failures(404, 409, 422)
WEEK = 7 * DAY


def _changed(here: Context, changed: Sequence[AlertRecord]) -> Response:
    return reply({"changed": [summary(here, record) for record in changed]})


@router.post("/alerts/acknowledge", response_model=Changed, responses=ACT, summary="Acknowledge several alerts")
async def acknowledge_all(here: Here, act: BulkAct) -> Response:
    """Says that these alerts have been seen; all or, where one does not exist, none."""
    return _changed(here, await here.services.desk.acknowledge(act.ids, act.by, act.comment))


@router.post("/alerts/assign", response_model=Changed, responses=ACT, summary="Assign several alerts")
async def assign_all(here: Here, act: BulkAssign) -> Response:
    """Gives these alerts to a person or group, which also acknowledges them; all or none."""
    return _changed(here, await here.services.desk.assign(act.ids, act.to, act.by, act.comment))


@router.post("/alerts/close", response_model=Changed, responses=ACT, summary="Close several alerts")
async def close_all(here: Here, act: BulkAct) -> Response:
    """Closes these alerts; all or, where one still fires, none (409)."""
    return _changed(here, await here.services.desk.close(act.ids, act.by, act.comment))


@router.post("/alerts/comment", response_model=Changed, responses=ACT, summary="Comment on several alerts")
async def comment_all(here: Here, act: BulkComment) -> Response:
    """Adds one comment to the history of each of these alerts."""
    return _changed(here, await here.services.desk.comment(act.ids, act.by, act.text))


@router.post("/alerts/label", response_model=Changed, responses=ACT, summary="Label several alerts")
async def label_all(here: Here, act: BulkLabel) -> Response:
    """Says of these alerts whether they were right."""
    return _changed(here, await here.services.desk.label(act.ids, act.true, act.by, act.comment))


@router.post("/alerts/shelve", response_model=Shelvings, responses=ACT, summary="Shelve several alerts")
async def shelve_all(here: Here, act: BulkShelve) -> Response:
    """Silences these alerts until a time, with a reason. Longer than the facility allows is refused (409)."""
    scopes = [Scope(alert=id) for id in act.ids]
    if act.coming:
        records = [await in_thread(here.services.records.alert, id) for id in act.ids]
        scopes = [Scope(rule=one.alert.rule, target=one.alert.target) for one in records]
    made = await here.services.desk.shelve(list(dict.fromkeys(scopes)), moment(act.until, "until", 0), act.by, act.reason)
    return reply({"shelvings": [shelving(one) for one in made]})


@router.post("/alerts/{id}/acknowledge", response_model=Changed, responses=ACT, summary="Acknowledge an alert")
async def acknowledge(here: Here, id: str, act: Act) -> Response:
    """Says that an alert has been seen. A second time changes nothing."""
    return _changed(here, await here.services.desk.acknowledge([id], act.by, act.comment))


@router.post("/alerts/{id}/assign", response_model=Changed, responses=ACT, summary="Assign an alert")
async def assign(here: Here, id: str, act: AssignAct) -> Response:
    """Gives an alert to a person or group, which also acknowledges it."""
    return _changed(here, await here.services.desk.assign([id], act.to, act.by, act.comment))


@router.post("/alerts/{id}/start", response_model=Changed, responses=ACT, summary="Begin work on an alert")
async def start(here: Here, id: str, act: Act) -> Response:
    """Says that somebody is working on it."""
    return _changed(here, await here.services.desk.begin([id], act.by, act.comment))


@router.post("/alerts/{id}/close", response_model=Changed, responses=ACT, summary="Close an alert")
async def close(here: Here, id: str, act: Act) -> Response:
    """Closes a resolved alert; one that still fires cannot be closed (409, with the reason)."""
    return _changed(here, await here.services.desk.close([id], act.by, act.comment))


@router.post("/alerts/{id}/comment", response_model=AlertSummary, responses=ACT, summary="Comment on an alert")
async def comment(here: Here, id: str, act: CommentAct) -> Response:
    """Adds a comment to an alert's history."""
    (record,) = await here.services.desk.comment([id], act.by, act.text)
    return reply(summary(here, record))


@router.post("/alerts/{id}/label", response_model=Changed, responses=ACT, summary="Label an alert")
async def label(here: Here, id: str, act: LabelAct) -> Response:
    """Says whether an alert was right; trials of rules count with it."""
    return _changed(here, await here.services.desk.label([id], act.true, act.by, act.comment))


# Shelvings


@router.get("/shelvings", response_model=Shelvings, responses=failures(), summary="Shelvings")
async def shelvings(here: Here) -> Response:
    """What people have silenced and is not over, by its start."""
    return reply({"shelvings": [shelving(one) for one in await here.services.desk.shelvings()]})


@router.post("/shelvings", response_model=Shelvings, responses=ACT, summary="Shelve alerts")
async def shelve(here: Here, act: ShelveAct) -> Response:
    """Silences what fits the scope until a time, with a reason. Longer than the facility allows is refused (409)."""
    until = moment(act.until, "until", 0)
    made = await here.services.desk.shelve([scope(act.scope)], until, act.by, act.reason)
    return reply({"shelvings": [shelving(one) for one in made]})


@router.post("/shelvings/{id}/cancel", response_model=Shelvings, responses=ACT, summary="End a shelving")
async def unshelve(here: Here, id: str, act: CancelAct) -> Response:
    """Ends a shelving now: what still fires is told."""
    return reply({"shelvings": [shelving(await here.services.desk.unshelve(id, act.by))]})


# Maintenance windows


@router.get("/maintenance", response_model=Windows, responses=failures(), summary="Maintenance windows")
async def windows(here: Here) -> Response:
    """Windows of the facility file and those that people made, as far as they are not over."""
    return reply({"windows": [window(one) for one in await here.services.desk.windows()]})


@router.post("/maintenance", response_model=Windows, responses=ACT, summary="Plan a maintenance window")
async def maintain(here: Here, act: WindowAct) -> Response:
    """Alerts that a window covers are judged as ever and not told. Once, or weekly in local time of the site."""
    try:
        days = tuple(dict.fromkeys(day for key in act.days for day in parse_days(key)))
        begins, ends = parse_span(act.hours)
    except ValueError as error:
        raise Refusal(422, f"days, hours: {error}") from None
    start, end = (moment(text, name, 0) or None for text, name in ((act.start, "start"), (act.end, "end")))
    made = Maintenance("", scope(act.scope), act.reason, act.by, start, end, days, begins, ends)
    return reply({"windows": [window(await here.services.desk.maintain(made))]})


@router.post("/maintenance/{id}/cancel", response_model=Windows, responses=ACT, summary="End a maintenance window")
async def cancel_window(here: Here, id: str, act: CancelAct) -> Response:
    """Ends a window that a person made, now and for ever; answers the windows that are left."""
    await here.services.desk.cancel_window(id, act.by)
    return reply({"windows": [window(one) for one in await here.services.desk.windows()]})


@router.get("/calendar", response_model=Calendar, responses=failures(409, 422), summary="Calendar of silence")
async def calendar(here: Here, start: When = None, end: When = None) -> Response:
    """Shelvings and occurrences of maintenance windows that meet a span, by default the week to come."""
    now = here.services.clock()
    first = moment(start, "start", now)
    spans = await here.services.desk.calendar(first, moment(end, "end", first + WEEK))
    return reply({"spans": [span(one) for one in spans]})
