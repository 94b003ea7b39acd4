"""Alerts: what is wrong, and why we think so. What people do about it is in `desk`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Literal

from fastapi import APIRouter, Query
from starlette.responses import Response

from api.alerting import episode, history, summary
from api.context import Context, Here, in_thread
from api.desk import Wanted, firing, recorded
from api.reply import When, moment, reply
from api.routes._shared import Under, failures
from api.routes.points import point_row, step
from api.schema import AlertDetail, AlertPage, Condition, Delivery, Human, Severity
from steward.records import AlertRecord

router = APIRouter(tags=["alerts"])
SIMILAR = 10


@router.get("/alerts", response_model=AlertPage, responses=failures(404, 409, 422), summary="Alerts")
async def alerts(
    here: Here,
    under: Under = "",
    condition: Annotated[list[Condition] | None, Query(description="default: firing")] = None,
    severity: Annotated[list[Severity] | None, Query()] = None,
    human: Annotated[list[Human] | None, Query(description="what people have done about it")] = None,
    delivery: Annotated[list[Delivery] | None, Query(description="whether people are told")] = None,
    rule: Annotated[list[str] | None, Query(description="id of a rule")] = None,
    kind: Annotated[list[str] | None, Query(description="kind of the rule")] = None,
    target: Annotated[list[str] | None, Query(description="id of a point, equip or device")] = None,
    site: Annotated[str, Query(description="id of a site", max_length=220)] = "",
    equip: Annotated[str, Query(description="id of an equip", max_length=220)] = "",
    assignee: Annotated[list[str] | None, Query(description="to whom it is assigned")] = None,
    text: Annotated[str, Query(description="all words are in its sentence, rule, target or assignee", max_length=200)] = "",
    folded: Annotated[bool, Query(description="also episodes that a later one stands for")] = False,
    sort: Annotated[
        Literal["severity", "since", "cost"] | None,
        Query(description="the gravest, newest or dearest first; default: firing ones by severity, others by since"),
    ] = None,
    since: When = None,
    limit: Annotated[int, Query(ge=1, le=1000)] = 100,
    after: Annotated[str | None, Query(description="`after` of the page before", max_length=80)] = None,
) -> Response:
    """Firing alerts, the gravest first; or, by `condition`, those of any time, newest first. `since`: began then or later."""
    keys = [here.key(under)]
    keys += [here.key(f"{kind}:{id}") for kind, id in (("site", site), ("equip", equip)) if id]
    began = moment(since, "since", 0) if since else None
    wanted = Wanted(severity, human, rule, target, kind, delivery, assignee, keys, text, began, folded)
    if condition is None or condition == ["firing"]:
        page, following, total = firing(here, wanted, sort or "severity", limit, after)
        return _page(here, page, following, total)
    chosen, following = await recorded(here, condition, wanted, sort or "since", limit, after)
    return _page(here, chosen, following, None)


def _page(here: Context, records: Sequence[AlertRecord], after: str | None, total: int | None) -> Response:
    return reply({"alerts": [summary(here, record) for record in records], "after": after, "total": total})


@router.get("/alerts/{id}", response_model=AlertDetail, responses=failures(404, 422), summary="One alert")
async def alert(here: Here, id: str) -> Response:
    """An alert with what the rule saw, its history, its points as they are now, and earlier episodes of the same."""
    records, catalogue = here.services.records, here.catalogue
    record: AlertRecord = await in_thread(records.alert, id)
    events = await in_thread(records.events, id)
    similar = await here.services.desk.similar(record, SIMILAR)
    rows = [catalogue.row[point] for point in record.alert.points if point in catalogue.row]
    words = here.services.wording(record, catalogue.facility)
    told = {"counterfactual": words.clears} if words.clears else {}
    detail = summary(here, record) | {
        "costs": words.costs,
        "evidence": {**record.alert.evidence, **told},
        "path": [step(node) for node in catalogue.path(catalogue.home(record.alert.target))],
        "events": [history(event) for event in events],
        "latest": point_row(here, rows[:50]),
        "similar": [episode(here, one) for one in similar],
    }
    return reply(detail)
