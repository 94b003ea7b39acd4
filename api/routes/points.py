"""Points: found by text, place, metric, device or state; one in detail."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any

from fastapi import APIRouter, Query
from starlette.responses import Response

from api.alerting import summary
from api.catalogue import Node, place
from api.context import Context, Here
from api.reply import MILLISECOND, finite, ms, number, reply
from api.routes._shared import Under, failures
from api.schema import PointDetail, PointPage
from api.schema import State as StateName
from steward.errors import NotFound
from steward.live import Freshness
from steward.model import Channel, Point, Quality

router = APIRouter(tags=["places"])
STATES = {Freshness.FRESH: "fresh", Freshness.STALE: "stale", Freshness.DEAD: "dead", Freshness.NO_DATA: "none"}
CODES = {word: code for code, word in STATES.items()}


@router.get("/points", response_model=PointPage, responses=failures(404, 422), summary="Points")
async def points(
    here: Here,
    q: Annotated[str, Query(description="words in name (any language), id or plate", max_length=200)] = "",
    under: Under = "",
    metric: Annotated[list[str] | None, Query()] = None,
    state: Annotated[list[StateName] | None, Query()] = None,
    limit: Annotated[int, Query(ge=1, le=1000)] = 100,
    after: Annotated[str | None, Query(description="`after` of the page before", max_length=20)] = None,
) -> Response:
    """Points with their newest values, in the order of the tree."""
    catalogue, live = here.catalogue, here.services.live
    rows = catalogue.matching(catalogue.rows(here.key(under)), q)
    if metric:
        rows = [row for row in rows if catalogue.points[row].metric in metric]
    if state:
        live.refresh(here.services.clock())
        freshness = live.snapshot(catalogue.numbers[rows]).freshness.tolist() if rows else []
        codes = {CODES[word] for word in state}
        rows = [row for row, code in zip(rows, freshness, strict=True) if code in codes]
    first = 0 if after is None else number(after)
    page = rows[first : first + limit]
    following = str(first + limit) if first + limit < len(rows) else None
    return reply({"total": len(rows), "points": point_row(here, page), "after": following})


def point_row(here: Context, rows: Sequence[int]) -> list[dict[str, Any]]:
    """Points with their newest values; schema.PointRow."""
    if not rows:
        return []
    catalogue, live, now = here.catalogue, here.services.live, here.services.clock()
    live.refresh(now)
    found = live.snapshot(catalogue.numbers[list(rows)])
    columns = (found.value, found.at, found.received, found.quality, found.freshness)
    newest = zip(*(column.tolist() for column in columns), strict=True)
    return [_about(catalogue.points[row]) | _reading(now, *values) for row, values in zip(rows, newest, strict=True)]


def _reading(now: int, value: float, at: int, received: int, quality: int, freshness: int) -> dict[str, Any]:
    return {
        "value": finite(value),
        "at": ms(at),
        "received": ms(received),
        "age": (now - at) // MILLISECOND if at else None,
        "quality": Quality(quality).name.lower(),
        "state": STATES[Freshness(freshness)],
    }


def _about(point: Point) -> dict[str, Any]:
    return {
        "id": point.id,
        "name": point.name,
        "metric": point.metric,
        "unit": point.unit,
        "display_unit": point.display_unit,
        "nature": point.nature,
        "node": place(point),
        "site": point.site,
        "space": point.space,
        "equip": point.equip,
        "device": point.device,
        "role": point.role,
        "category": point.category,
        "interval": point.interval // MILLISECOND,
        "low": finite(point.low),
        "high": finite(point.high),
        "states": {str(code): word for code, word in point.states.items()},
    }


def step(node: Node) -> dict[str, Any]:
    """A node of a path; schema.PathStep."""
    return {"key": node.key, "kind": node.kind, "id": node.id, "name": node.name}


@router.get("/points/{id}", response_model=PointDetail, responses=failures(404, 422), summary="One point")
async def point(here: Here, id: str) -> Response:
    """A point with its newest value, where it hangs, how it comes here, and the alerts that fire on it."""
    catalogue = here.catalogue
    row = catalogue.row.get(id)
    if row is None:
        raise NotFound("point", id)
    what = catalogue.points[row]
    device = catalogue.facility.devices.get(what.device)
    channel = catalogue.channels.get(id, Channel("", "", id))
    detail = point_row(here, [row])[0] | {
        "path": [step(node) for node in catalogue.path(place(what))],
        "digits": what.digits,
        "register_unit": what.register_unit,
        "rated_power": what.rated_power,
        "field": channel.field,
        "scale": channel.scale,
        "offset": channel.offset,
        "format": device.format if device else "",
        "address": device.address if device else "",
        "gateway": device.gateway if device else "",
        "alerts": [summary(here, record) for record in here.board.ranked() if id in record.alert.points],
    }
    return reply(detail)
