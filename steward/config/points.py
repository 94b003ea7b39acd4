"""Points from what is written of them: units applied, templates expanded, appearing devices admitted."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from difflib import get_close_matches
from typing import Any

import numpy as np

from steward.config.schema import Measured, PointFields
from steward.errors import UnknownUnit
from steward.model import METRICS, Channel, Device, Facility, Nature, Point, Template, TemplatePoint
from steward.units import unit

Say = Callable[[str, str, str], None]
"""Reports (key, what is wrong, what was expected)."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where something is: ids, "" where none."""

    site: str = ""
    space: str = ""
    equip: str = ""


NOWHERE = Place()


def expand(
    template: Template, device: Device, overrides: Mapping[str, Measured] | None = None
) -> tuple[list[Point], list[Channel]]:
    """The points and channels that a device has by its template."""
    points, channels = [], []
    for entry in template.points:
        suffix = entry.point.id
        point = replace(
            entry.point,
            id=f"{device.id}.{suffix}",
            site=device.site,
            space=device.space,
            equip=device.equip,
            device=device.id,
        )
        if overrides and suffix in overrides:
            point = _override(point, overrides[suffix], entry)
        points.append(point)
        channels.append(Channel(device.id, entry.field, point.id, entry.scale, entry.offset, entry.words))
    return points, channels


def admit(facility: Facility, template: str, address: str, broker: str, id: str = "") -> tuple[Facility, Device]:
    """A facility with one more device, that appeared on an admitting template. Its id is made from its address."""
    spec = facility.templates[template]
    place = _place_of(facility, spec.admit_to)
    clean = "".join("_" if sign in " /#+\t\r\n" else sign for sign in address) or "unnamed"
    device_id = id or (clean if clean not in facility.devices else f"{template}.{clean}")
    device = Device(
        device_id,
        {"": address},
        spec.format,
        address,
        spec.broker or broker,
        place.site,
        place.space,
        place.equip,
        "",
        template,
    )
    points, channels = expand(spec, device)
    grown = replace(
        facility,
        devices={**facility.devices, device.id: device},
        points={**facility.points, **{point.id: point for point in points}},
        channels=(*facility.channels, *channels),
    )
    return grown, device


def _place_of(facility: Facility, id: str) -> Place:
    if equip := facility.equips.get(id):
        return Place(equip.site, equip.space, equip.id)
    if space := facility.spaces.get(id):
        return Place(space.site, space.id)
    return Place(id)


def _override(point: Point, own: Measured, entry: TemplatePoint) -> Point:
    changes: dict[str, Any] = {}
    for key in ("role", "category", "display_unit"):
        if getattr(own, key):
            changes[key] = getattr(own, key)
    for key in ("name", "nature", "interval", "digits", "rated_power"):
        if getattr(own, key) is not None:
            changes[key] = getattr(own, key)
    for key in ("low", "high"):
        value = getattr(own, key)
        if value is not None:
            changes[key] = value * entry.scale + entry.offset
    return replace(point, **changes)


def measured(
    table: PointFields, id: str, interval: int, say: Say, place: Place = NOWHERE, device: str = ""
) -> tuple[Point, float, float]:
    """A point (a template's has no place and device), and the way of its values: canonical = raw * scale + offset."""
    kind = METRICS.get(table.metric)
    if kind is None:
        near = get_close_matches(table.metric, METRICS, 3)
        say("metric", f"no metric {table.metric!r}", f"one of {', '.join(near)}" if near else "a metric of the reference")
        kind = METRICS["number"]
    scale, offset = table.scale, 0.0
    if table.unit:
        try:
            sent = unit(table.unit)
            if sent.canonical != kind.unit and kind.unit != "1":
                say("unit", f"{table.unit!r} is a unit of {sent.canonical}", f"a unit of {kind.unit}, as {table.metric} is")
            scale, offset = table.scale * sent.scale, sent.offset
        except UnknownUnit as error:
            say("unit", str(error), f"a unit of {kind.unit}")
    if table.scale == 0 or not np.isfinite(table.scale):
        say("scale", f"{table.scale} makes every value the same", "a number other than 0")
    if table.low is not None and table.high is not None and table.low >= table.high:
        say("low", f"{table.low} is not below high, {table.high}", "low < high")
    nature = table.nature or kind.nature
    if table.digits is not None and nature is not Nature.COUNTER:
        say("digits", f"a {nature} has no register", "nature counter")
    if table.display_unit:
        _check_display(table.display_unit, kind.unit, say)
    low, high = _range(table, scale, offset)
    point = Point(
        id,
        table.name or {"": id},
        table.metric,
        kind.unit,
        nature,
        place.site,
        place.space,
        place.equip,
        device,
        role=table.role,
        category=table.category,
        interval=table.interval or interval,
        low=low,
        high=high,
        digits=table.digits,
        register_unit=table.unit if nature is Nature.COUNTER else "",
        rated_power=table.rated_power,
        display_unit=table.display_unit or (table.unit if kind.unit != "1" else ""),
        states=table.states,
    )
    return point, scale, offset


def _range(table: PointFields, scale: float, offset: float) -> tuple[float, float]:
    """The valid range in the canonical unit; a negative scale turns it round."""
    low = -np.inf if table.low is None else table.low * scale + offset
    high = np.inf if table.high is None else table.high * scale + offset
    if scale < 0:
        low, high = (-np.inf if table.high is None else high), (np.inf if table.low is None else low)
    return low, high


def _check_display(symbol: str, canonical: str, say: Say) -> None:
    try:
        if unit(symbol).canonical != canonical:
            say("display_unit", f"{symbol!r} is not a unit of {canonical}", f"a unit of {canonical}")
    except UnknownUnit as error:
        say("display_unit", str(error), f"a unit of {canonical}")
