"""Which points tell the whole of a place: its main meters, found by what feeds what.

Of the points of one metric in a scope: those with a role of MAIN_ROLES; without any, those that no other of them feeds,
leaving out what feeds places beyond the scope as well (a campus transformer is not its building's consumption).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from steward.model import Facility, Point

MAIN_ROLES = frozenset(("main", "total", "incomer"))
WHOLE_ROLES = ("", "power", "energy", "total", "water", "gas", "heat")  # of several points of an equip, the whole of it


def mains(facility: Facility, points: Sequence[Point], metric: str) -> list[Point]:
    """The points of `metric` that add up to the scope that `points` are all points of."""
    found = [point for point in points if point.metric == metric]
    marked = [point for point in found if point.role in MAIN_ROLES]
    if marked:
        return marked
    found = _one_of_each_equip(found)
    inside = {point.equip for point in points if point.equip}
    beyond = {id for id in inside if _feeds_beyond(facility, id, inside)}
    candidates = [point for point in found if point.equip not in beyond] or found
    sources = {point.equip for point in candidates if point.equip}
    fed = _downstream(facility, sources)
    top = [point for point in candidates if point.equip not in fed] or candidates
    measured = [point for point in top if point.equip and _feeds(facility, point.equip)]
    return measured or top


def _one_of_each_equip(points: Iterable[Point]) -> list[Point]:
    """Of the phases and the whole of an equip the whole; of points on no equip, all."""
    chosen: dict[str, Point] = {}
    for point in points:
        key = point.equip or f"\n{point.id}"
        held = chosen.get(key)
        if held is None or _wholeness(point) < _wholeness(held):
            chosen[key] = point
    return list(chosen.values())


def _wholeness(point: Point) -> int:
    return WHOLE_ROLES.index(point.role) if point.role in WHOLE_ROLES else len(WHOLE_ROLES)


def _feeds(facility: Facility, id: str) -> tuple[str, ...]:
    equip = facility.equips.get(id)
    return equip.feeds if equip else ()


def _feeds_beyond(facility: Facility, id: str, inside: set[str]) -> bool:
    """Whether an equip feeds an equip of another site that the scope does not hold."""
    site = facility.equips[id].site if id in facility.equips else ""
    return any(
        other in facility.equips and other not in inside and facility.equips[other].site != site
        for other in _feeds(facility, id)
    )


def _downstream(facility: Facility, sources: set[str]) -> set[str]:
    """All that `sources` feed, directly or through others."""
    reached: set[str] = set()
    stack = [id for source in sources for id in _feeds(facility, source)]
    while stack:
        id = stack.pop()
        if id not in reached:
            reached.add(id)
            stack += _feeds(facility, id)
    return reached
