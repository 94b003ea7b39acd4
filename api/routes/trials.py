"""Trials: any rule, pack or rule of one's own over the past, before it is switched on."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

from fastapi import APIRouter, Query
from starlette.responses import Response

from api.context import Here
from api.problems import Refusal
from api.reply import moment, reply
from api.routes._shared import failures
from api.schema_trials import Moment, Trial, TrialAsk, TrialHead, TrialList
from api.sentences import said
from api.services_trials import TrialLabel, TrialOrder
from steward.errors import ConfigError, NotFound, StewardError

router = APIRouter(tags=["trials"])


@router.post("/trials", response_model=TrialHead, responses=failures(403, 409, 422), summary="Try rules")
async def ask(here: Here, body: TrialAsk) -> Response:
    """Starts a trial over the stored history and answers at once; look at it with `GET /trials/{id}`."""
    sweep = body.sweep
    order = TrialOrder(
        _ns(body.start, "start"),
        _ns(body.end, "end"),
        tuple(body.use),
        tuple(body.packs),
        tuple(body.rules),
        body.text,
        None if body.against is None else tuple(body.against),
        None if sweep is None else (sweep.rule, sweep.field, tuple(sweep.values)),
        tuple(
            TrialLabel(_ns(one.start, "labels.start"), _ns(one.end, "labels.end"), one.target, one.rule, one.kind, one.true)
            for one in body.labels
        ),
        body.people,
        body.complete,
        body.by,
    )
    try:
        return reply(_said(await here.services.trials.ask(order)))
    except (ConfigError, NotFound):
        raise
    except StewardError as error:
        raise Refusal(409, str(error)) from None


@router.get("/trials", response_model=TrialList, responses=failures(), summary="Trials")
async def trials(here: Here) -> Response:
    """The trials that are remembered, newest first."""
    return reply({"trials": [_said(one) for one in here.services.trials.trials()]})


@router.get("/trials/{id}", response_model=Trial, responses=failures(404, 422), summary="One trial")
async def trial(here: Here, id: str, episodes: Annotated[int, Query(ge=0, le=10_000)] = 500) -> Response:
    """A trial with what it found so far: per rule, the curve of a sweep, the diff of two versions, the episodes."""
    found = _said(await here.services.trials.trial(id, episodes))
    unjudged = [{**one, **said(one["reason"]).coded()} for one in found["not_applicable"]]
    return reply({**found, "not_applicable": unjudged, "currency": here.services.money.currency()})


@router.delete("/trials/{id}", response_model=TrialHead, responses=failures(403, 404), summary="Cancel a trial")
async def cancel(here: Here, id: str) -> Response:
    """Ends a trial; what it found so far can still be looked at."""
    return reply(_said(await here.services.trials.cancel(id)))


def _said(head: Mapping[str, Any]) -> dict[str, Any]:
    """A trial with the codes of what it says."""
    told = [*([head["error"]] if head["error"] else []), *head["warnings"]]
    return {**head, "said": [said(one).plain() for one in told]}


def _ns(value: Moment, name: str) -> int:
    return moment(str(value), name, 0)
