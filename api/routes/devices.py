"""Devices as they were heard, and what could not be used of what they sent."""

from __future__ import annotations

import base64
from typing import Annotated, Any

from fastapi import APIRouter, Query
from starlette.responses import Response

from api.catalogue import place
from api.context import Context, Here
from api.reply import MILLISECOND, ms, number, reply
from api.routes._shared import Under, failures
from api.routes.points import point_row, step
from api.schema_service import DeviceDetail, DevicePage, DeviceStateName, QuarantinePage
from api.sentences import said
from api.services import DeviceState, Rejected
from steward.errors import NotFound
from steward.live import Freshness
from steward.model import Device

router = APIRouter(tags=["devices"])
UNHEARD = DeviceState()
SHOWN = 4096  # bytes of a payload that a list shows


@router.get("/devices", response_model=DevicePage, responses=failures(404, 422), summary="Devices")
async def devices(
    here: Here,
    q: Annotated[str, Query(description="words in name, id or address", max_length=200)] = "",
    under: Under = "",
    state: Annotated[list[DeviceStateName] | None, Query()] = None,
    limit: Annotated[int, Query(ge=1, le=1000)] = 100,
    after: Annotated[str | None, Query(description="`after` of the page before", max_length=20)] = None,
) -> Response:
    """Devices in the order of the facility file. `counts` are those of all that match but for `state`."""
    first = 0 if after is None else number(after)
    key, words = here.key(under), q.lower().split()
    here.services.live.refresh(here.services.clock())
    states = here.services.devices()
    found = []
    counts = dict.fromkeys(("seen", "stale", "dead", "never"), 0)
    for device in here.catalogue.facility.devices.values():
        line = " ".join((device.id, device.address, *device.name.values())).lower()
        if not all(word in line for word in words) or not _below(here, device, key):
            continue
        shown = _device(here, device, states.get(device.id, UNHEARD))
        counts[shown["state"]] += 1
        if not state or shown["state"] in state:
            found.append(shown)
    following = str(first + limit) if first + limit < len(found) else None
    return reply({"total": len(found), "counts": counts, "devices": found[first : first + limit], "after": following})


def _below(here: Context, device: Device, key: str) -> bool:
    if not key or key == f"device:{device.id}":
        return True
    return here.catalogue.inside(place(device), key)


def _device(here: Context, device: Device, state: DeviceState) -> dict[str, Any]:
    """A device with what is known of it; schema.DeviceRow."""
    catalogue, now = here.catalogue, here.services.clock()
    rows = catalogue.device_rows.get(device.id, [])
    values = here.services.live.snapshot(catalogue.numbers[rows])
    stale = int(((values.freshness == Freshness.STALE) | (values.freshness == Freshness.DEAD)).sum())
    # a gateway that says nothing of its own is heard through those that it speaks for
    through = values if rows else here.services.live.snapshot(catalogue.numbers[catalogue.heard_through.get(device.id, [])])
    seen = max(state.seen or 0, int(through.received.max(initial=0))) or None
    dead = state.dead is not None and (seen is None or state.dead >= seen)
    silent = _silent(through.freshness) and (bool(rows) or (state.seen or 0) <= int(through.received.max()))
    word = "dead" if dead else "never" if seen is None else "stale" if silent else "seen"
    return {
        "id": device.id,
        "name": device.name,
        "state": word,
        "format": device.format,
        "address": device.address,
        "broker": device.broker,
        "gateway": device.gateway,
        "template": device.template,
        "node": place(device),
        "site": device.site,
        "seen": ms(seen),
        "age": (now - seen) // MILLISECOND if seen else None,
        "dead": ms(state.dead) if dead else None,
        "offset": None if state.offset is None else state.offset // MILLISECOND,
        "samples": state.samples,
        "points": len(rows),
        "stale": stale,
    }


def _silent(freshness: Any) -> bool:
    """Whether all that ever spoke is silent now."""
    heard = freshness[freshness != Freshness.NO_DATA]
    return bool(len(heard)) and bool(((heard == Freshness.STALE) | (heard == Freshness.DEAD)).all())


@router.get("/devices/{id}", response_model=DeviceDetail, responses=failures(404, 422), summary="One device")
async def device(here: Here, id: str) -> Response:
    """A device with its points, the fields they come from, and the devices that it speaks for."""
    catalogue = here.catalogue
    facility = catalogue.facility
    what = facility.devices.get(id)
    if what is None:
        raise NotFound("device", id)
    here.services.live.refresh(here.services.clock())
    rows = catalogue.device_rows.get(id, [])
    channels = {channel.point: channel for channel in facility.channels if channel.device == id}
    detail = _device(here, what, here.services.devices().get(id, UNHEARD)) | {
        "path": [step(node) for node in catalogue.path(place(what))],
        "values": point_row(here, rows),
        "fields": [
            {"field": each.field, "point": each.point, "scale": each.scale, "offset": each.offset} for each in channels.values()
        ],
        "behind": [other.id for other in facility.devices.values() if other.gateway == id],
    }
    return reply(detail)


@router.get("/quarantine", response_model=QuarantinePage, responses=failures(422), summary="What could not be used")
async def quarantine(
    here: Here,
    reason: Annotated[str | None, Query(max_length=100)] = None,
    topic: Annotated[str | None, Query(max_length=2000)] = None,
    broker: Annotated[str | None, Query(max_length=200)] = None,
    limit: Annotated[int, Query(ge=1, le=1000)] = 100,
) -> Response:
    """Rejected messages with topic and payload as text, newest first; all counts by reason; addresses that no device has."""
    kept = here.services.quarantine
    entries = kept.list(broker=broker, topic=topic, reason=reason, limit=limit)
    strangers = [
        {
            "broker": stranger.broker,
            "template": stranger.template,
            "format": stranger.format,
            "address": stranger.address,
            "fields": dict(stranger.fields),
            "count": stranger.count,
            "first": ms(stranger.first),
            "last": ms(stranger.last),
        }
        for stranger in list(kept.strangers())[:limit]
    ]
    return reply({"counts": dict(kept.counts()), "entries": [_entry(entry) for entry in entries], "strangers": strangers})


def _entry(entry: Rejected) -> dict[str, Any]:
    """A rejected message; schema.QuarantineEntry. What is no UTF-8 is shown in base64."""
    payload = entry.payload[:SHOWN]
    try:
        text, encoding = payload.decode(), "text"
    except UnicodeDecodeError as error:
        if error.start >= len(payload) - 3 and len(entry.payload) > SHOWN:  # cut in the middle of a character
            text, encoding = payload[: error.start].decode(), "text"
        else:
            text, encoding = base64.b64encode(payload).decode(), "base64"
    return {
        "broker": entry.broker,
        "topic": entry.topic,
        "reason": entry.reason,
        "detail": entry.detail,
        **said(entry.detail).coded(),
        "payload": text,
        "encoding": encoding,
        "size": len(entry.payload),
        "cut": entry.cut or len(entry.payload) > SHOWN,
        "address": entry.address,
        "template": entry.template,
        "count": entry.count,
        "first": ms(entry.first),
        "last": ms(entry.last),
    }
