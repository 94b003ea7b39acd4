"""A small plant for the tests of readings and routing: three devices behind each other, six points."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from collectors.formats import Message
from collectors.readings import Readings
from collectors.taken import Taken
from steward.model import METRICS, Channel, Device, Equip, Facility, Point, Site, Space, Template
from steward.units import SECOND, unit

NOW = 1_795_521_600 * SECOND  # 2026-11-24T12:00:00Z
TEMPLATE = Template("plug", "json", topic="t/{device}")
OTHER = Template("other", "json")


def named(text: str) -> dict[str, str]:
    return {"": text}


def device(id: str, address: str = "", **more: Any) -> Device:
    described = {"format": "json", "broker": "main", "template": "plug", "site": "berlin"} | more
    return Device(id=id, name=named(id), address=address or id, **described)


def point(id: str, metric: str = "power", low: float = -math.inf, high: float = math.inf, **more: Any) -> Point:
    kind = METRICS[metric]
    return Point(
        id=id, name=named(id), metric=metric, unit=kind.unit, nature=kind.nature, site="berlin", low=low, high=high, **more
    )


def channel(device: str, field: str, point: str, symbol: str = "", words: Mapping[str, float] | None = None) -> Channel:
    configured = unit(symbol) if symbol else unit("1")
    return Channel(device, field, point, configured.scale, configured.offset, words or {})


SITES = {
    "berlin": Site("berlin", named("Berlin"), time_zone="Europe/Berlin"),
    "linhai": Site("linhai", named("Linhai"), time_zone="Asia/Shanghai"),
}


def facility(devices: Sequence[Device], points: Sequence[Point], channels: Sequence[Channel]) -> Facility:
    return Facility(
        id="f",
        name=named("f"),
        organisations={},
        sites=SITES,
        spaces={"room": Space("room", named("Room"), "linhai")},
        equips={"van": Equip("van", named("Van"), "vehicle", "linhai")},
        devices={one.id: one for one in devices},
        points={one.id: one for one in points},
        channels=tuple(channels),
        calendars={},
        templates={},
    )


def plant() -> Facility:
    return facility(
        [device("plug"), device("child", gateway="plug"), device("grandchild", gateway="child")],
        [
            point("plug.power", low=0, high=5_000),
            point("plug.energy", "energy"),
            point("plug.temp", "temperature", low=-40, high=90),
            point("plug.on", "on"),
            point("plug.count", "count"),
            point("child.power"),
        ],
        [
            channel("plug", "p", "plug.power", "kW"),
            channel("plug", "e", "plug.energy", "kWh"),
            channel("plug", "t", "plug.temp", "degC"),
            channel("plug", "on", "plug.on", words={"ON": 1, "OFF": 0}),
            channel("plug", "n", "plug.count"),
            channel("child", "p", "child.power", "W"),
        ],
    )


def deliver(readings: Readings, address: str = "plug", received: int = NOW, retained: bool = False, **fields: Any) -> None:
    """One message with some fields, each a value or (value, keywords of add)."""
    readings.begin(Message(f"t/{address}", b"payload", received, address, retained), TEMPLATE)
    one = readings.device(address)
    for field, stated in fields.items():
        value, more = stated if isinstance(stated, tuple) else (stated, {})
        one.add(field, value, **more)


def samples(readings: Readings, taken: Taken) -> list[tuple[str, float]]:
    ids = readings.routing.index.ids
    return [(ids[number], float(value)) for number, value in zip(taken.batch.point, taken.batch.value, strict=True)]
