"""What the scope of a shelving or a window may name, and which targets are alike. Pure."""

from __future__ import annotations

from collections.abc import Collection

from steward.config.desk import nameable
from steward.config.values import nearest
from steward.errors import NotFound, RecordsError
from steward.model import Facility
from steward.muting import Scope


def check_scope(scope: Scope, facility: Facility, rules: Collection[str] | None) -> None:
    """Raises RecordsError for a scope that names nothing, NotFound for what it names and there is not, with the nearest ids.
    rules: the ids of the rules; None: they are not checked."""
    if not scope.plain():
        raise RecordsError("nothing is named, expected at least one of alert, rule, target, site, space, equip, device")
    for kind, table in nameable(facility, rules).items():
        value = getattr(scope, kind)
        if value and value not in table:
            raise NotFound(kind, value, nearest(value, table))
    places = (facility.points, facility.equips, facility.devices, facility.spaces, facility.sites)
    if scope.target and not any(scope.target in table for table in places):
        near = [one for table in places for one in nearest(scope.target, table)]
        raise NotFound("target", scope.target, near[:3])


def unknown(scope: Scope, facility: Facility, rules: Collection[str]) -> str:
    """What is wrong with a scope that was good when it was made, "" where it still is."""
    try:
        check_scope(scope, facility, rules)
    except (NotFound, RecordsError) as error:
        return str(error)
    return ""


def kin(facility: Facility, target: str) -> list[str]:
    """Targets like `target` on other equips of the same type: the equips, or their points of the same role and metric."""
    if target in facility.equips:
        kind = facility.equips[target].type
        return [one.id for one in facility.equips.values() if one.type == kind and one.id != target]
    point = facility.points.get(target)
    if point is None or point.equip not in facility.equips:
        return []
    kind = facility.equips[point.equip].type
    return [
        one.id
        for one in facility.points.values()
        if one.id != target
        and (one.metric, one.role) == (point.metric, point.role)
        and one.equip in facility.equips
        and facility.equips[one.equip].type == kind
    ]
