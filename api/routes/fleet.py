"""Vehicles: how each stands now, and the trips that it made."""

from __future__ import annotations

import asyncio
import math
from typing import Any

import numpy as np
from fastapi import APIRouter
from starlette.responses import Response

from api.board import RANK
from api.catalogue import Node
from api.context import Context, Here
from api.problems import Refusal
from api.reply import MILLISECOND, When, moment, ms, reply
from api.routes._shared import Under, failures
from api.schema_fleet import Fleet, Trips
from api.trips import OUT_SPEED, Place, Trip, between, place_of, track, trips
from steward.errors import NotFound
from steward.live import Freshness
from steward.model import Equip, Point
from steward.units import DAY, MINUTE

router = APIRouter(tags=["fleet"])
TYPES = frozenset(("vehicle", "bus"))
COLUMNS = {
    "engine": ("engine_speed", "ignition"),
    "speed": ("speed", "moving"),  # a vehicle that says only whether it moves has no speed to show
    "odometer": ("odometer",),
    "latitude": ("latitude",),
    "longitude": ("longitude",),
    "fuel": ("fuel_level",),
    "soc": ("soc",),
}
FINE, COARSE = MINUTE, 5 * MINUTE
LONGEST = 31 * DAY
APPROVED = "trip_approved"


@router.get("/fleet", response_model=Fleet, responses=failures(404, 422, 503), summary="Vehicles")
async def fleet(here: Here, under: Under = "") -> Response:
    """Every vehicle (equips of type `vehicle` or `bus`): driving, idling, parked or silent; speed, fuel, charge, distance from
    its site, kilometres today, alerts."""
    key, now = here.key(under), here.services.clock()
    here.services.live.refresh(now)
    nodes = [node for node in here.catalogue.nodes if _vehicle(node) and (not key or here.catalogue.inside(node.key, key))]
    today = await here.remembered("fleet", here.services.settings.summary_age, lambda: _today(here))
    counts = here.board.counts(here.catalogue)
    return reply({"now": ms(now), "vehicles": [_row(here, node, counts, today) for node in nodes]})


@router.get("/fleet/{id}/trips", response_model=Trips, responses=failures(404, 422, 503), summary="Trips of a vehicle")
async def vehicle_trips(here: Here, id: str, start: When = None, end: When = None) -> Response:
    """When its engine ran (where that is not known: when it drove), how far, how long it stood idling, and where to; newest
    first, by default those of the last 24 hours, of at most 31 days. Told apart by the minute, beyond a week by five."""
    node = here.catalogue.by_key.get(f"equip:{id}")
    if node is None or not isinstance(node.what, Equip) or not _vehicle(node):
        raise NotFound("vehicle", id)
    until = moment(end, "end", here.services.clock() + MILLISECOND)
    since = moment(start, "start", until - DAY)
    if not 0 < until - since <= LONGEST:
        raise Refusal(422, f"start: {start!r} is not before the end by at most 31 days")
    step = FINE if until - since <= 7 * DAY else COARSE
    first = since - since % step
    points = _points(here, node)
    numbers = {name: here.services.index.add(point.id) for name, point in points.items()}
    found = await here.services.store.aggregate(list(numbers.values()), first, until, step)
    measured = "speed" in points and points["speed"].metric == "speed"
    said = track(found, numbers, first, step, -(-(until - first) // step))
    made = await asyncio.to_thread(trips, said)
    home = _home(here, node.what)
    rows = [_trip(one, home, measured) for one in reversed(made)]
    return reply({"id": id, "start": ms(since), "end": ms(until), "step": step // MILLISECOND, "trips": rows})


def _vehicle(node: Node) -> bool:
    return isinstance(node.what, Equip) and node.what.type in TYPES


def _points(here: Context, node: Node) -> dict[str, Point]:
    """The points of a vehicle by column, the truest metric first."""
    points = here.catalogue.points[node.start : node.end]
    found = {}
    for name, metrics in COLUMNS.items():
        chosen = next((point for metric in metrics for point in points if point.metric == metric), None)
        if chosen is not None:
            found[name] = chosen
    return found


def _row(here: Context, node: Node, counts: dict[str, Any], today: dict[str, float]) -> dict[str, Any]:
    """A vehicle; schema_fleet.Vehicle."""
    points = _points(here, node)
    every = here.catalogue.points[node.start : node.end]
    live = here.services.live.snapshot(here.catalogue.numbers[node.start : node.end])
    heard = live.freshness != Freshness.NO_DATA
    said = {point.id: value for point, value, known in zip(every, live.value.tolist(), heard, strict=True)
            if known and math.isfinite(value)}  # fmt: skip
    values = {name: said.get(point.id) for name, point in points.items()}
    alerts = {**dict.fromkeys((*RANK, "waiting"), 0), **counts.get(node.key, {})}
    what = node.what
    assert isinstance(what, Equip)
    home = _home(here, what)
    fix = place_of(values.get("latitude"), values.get("longitude"))
    measured = "speed" in points and points["speed"].metric == "speed"
    approved = next((said.get(point.id) for point in every if point.role == APPROVED), None)
    away = between(home, fix) if home and fix else None
    return {
        "key": node.key,
        "id": node.id,
        "name": node.name,
        "plate": what.plate,
        "type": what.type,
        "site": what.site,
        "state": _state(values, live.freshness[heard]),
        "newest": ms(int(live.at.max(initial=0))),
        "speed": values["speed"] if measured else None,
        **{name: values.get(name) for name in ("fuel", "soc", "odometer")},
        "latitude": fix[0] if fix else None,
        "longitude": fix[1] if fix else None,
        "away": away,
        "approved": None if approved is None else approved > 0,
        "today": today.get(node.id),
        "worst": next((severity for severity in RANK if alerts[severity]), None),
        "alerts": alerts,
    }


def _state(values: dict[str, float | None], heard: Any) -> str:
    if not len(heard):
        return "none"
    if bool(np.isin(heard, (Freshness.STALE, Freshness.DEAD)).all()):
        return "silent"
    if (values.get("speed") or 0) > OUT_SPEED:
        return "driving"
    return "idling" if (values.get("engine") or 0) > 0 else "parked"


def _home(here: Context, vehicle: Equip) -> Place | None:
    """Where its site lies."""
    site = here.catalogue.facility.sites.get(vehicle.site)
    if site is None or site.latitude is None or site.longitude is None:
        return None
    return site.latitude, site.longitude


def _trip(one: Trip, home: Place | None, measured: bool) -> dict[str, Any]:
    return {
        "start": ms(one.start),
        "end": ms(one.end),
        "driving": one.driving // MILLISECOND,
        "idling": one.idling // MILLISECOND,
        "distance": one.distance,
        "top": one.top if measured else None,
        "fuel": one.fuel,
        "begun_at": one.begun_at,
        "ended_at": one.ended_at,
        "away": between(home, one.ended_at) if home and one.ended_at else None,
        "running": one.running,
    }


async def _today(here: Context) -> dict[str, float]:
    """Vehicle -> m since local midnight, as the ledger has them: a glitch or a new odometer is no distance."""
    booked = {row["point"]: row["today"] for row in await here.services.ledger.registers()}
    made = {}
    for node in here.catalogue.nodes:
        point = _points(here, node).get("odometer") if _vehicle(node) else None
        if point is not None and booked.get(point.id) is not None:
            made[node.id] = booked[point.id]
    return made
