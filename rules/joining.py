"""Points beside a point, for kinds that join several: by role in the same equip, by metric below it in the feeds graph; and the
one point that speaks for a device.

Catalogues are built once per facility and kept by its identity, so that a rule on a thousand points searches once.
"""

from __future__ import annotations

import weakref
from collections.abc import Sequence
from dataclasses import replace

from rules.contract import Target
from steward.model import DERIVED, Facility, Point

_kept: dict[int, tuple[weakref.ref[Facility], dict[str, list[Point]]]] = {}


def of_equip(facility: Facility, equip: str) -> list[Point]:
    """The points of an equip, in the facility's order."""
    return _by_equip(facility).get(equip, []) if equip else []


def _by_equip(facility: Facility) -> dict[str, list[Point]]:
    found: dict[str, list[Point]] = {}
    key = id(facility)
    kept = _kept.get(key)
    if kept is not None and kept[0]() is facility:
        return kept[1]
    for point in facility.points.values():
        if point.equip:
            found.setdefault(point.equip, []).append(point)
    _kept[key] = (weakref.ref(facility, lambda _: _kept.pop(key, None)), found)
    return found


def beside(target: Target, role: str, metric: str = "") -> Point | None:
    """The point with `role` (and `metric`, where given) in the target's equip."""
    for point in of_equip(target.facility, target.equip):
        if point.role == role and (not metric or point.metric == metric) and point.id != target.id:
            return point
    return None


def quickest(targets: Sequence[Target]) -> list[Target]:
    """Of each device the target whose point speaks most often, under the device's id; what follows from registers is none."""
    found: dict[str, Target] = {}
    for target in targets:
        known = found.get(target.device)
        if target.point.role != DERIVED and (known is None or target.point.interval < known.point.interval):
            found[target.device] = target
    return [replace(one, id=device or one.id, shows=(one.id,)) for device, one in found.items()]
