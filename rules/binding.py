"""Binding: from a rule's `match` to its rows. What cannot be judged is listed with its reason, never left out silently.

`match` has keys for points (point, metric, role, category, nature, device) and for places (equip, equip_type, space, site,
organisation); every key must fit, a key with several globs fits with any. Spaces, organisations fit with all that lies
below them. Each key is matched once per distinct value, so that 100,000 points and forty rules bind in seconds.
"""

from __future__ import annotations

import fnmatch
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from rules.contract import Gate, Input, NotApplicable, Rule, Target
from steward.model import BoolArray, Equip, Facility, IntArray, Point

POINT_KEYS = ("point", "metric", "role", "category", "nature", "device")
PLACE_KEYS = ("equip", "equip_type", "space", "site", "organisation")
MATCH_KEYS = POINT_KEYS + PLACE_KEYS

Parameters = Mapping[str, float | int | bool]


@dataclass(frozen=True, slots=True)
class Unbound:
    """A rule that is not judged on a target, and why."""

    rule: str
    target: str
    reason: str


@dataclass(slots=True)
class Bound:
    """The rows of a rule: targets with their constant columns; and what it could not be applied to."""

    rule: Rule
    targets: list[Target] = field(default_factory=list)
    parameters: list[Parameters] = field(default_factory=list)
    unbound: list[Unbound] = field(default_factory=list)


class Catalogue:
    """A facility's points and equips as columns of codes, for matching. Build one per facility."""

    def __init__(self, facility: Facility) -> None:
        self.facility = facility
        self.points: list[Point] = list(facility.points.values())
        self.equips: list[Equip] = list(facility.equips.values())
        self._targets: dict[str, Target] = {}
        self._columns: dict[tuple[str, bool], tuple[list[str], IntArray]] = {}
        self._of_equip: dict[str, list[Point]] = {}
        self._of_site: dict[str, list[Point]] = {}
        for point in self.points:
            if point.equip:
                self._of_equip.setdefault(point.equip, []).append(point)
            else:
                self._of_site.setdefault(point.site, []).append(point)

    def select(self, match: Mapping[str, Sequence[str]]) -> list[Point]:
        """The points that fit, in the facility's order."""
        chosen = self._mask(match, on_equips=False)
        return [self.points[number] for number in np.flatnonzero(chosen)]

    def select_equips(self, match: Mapping[str, Sequence[str]]) -> list[Equip]:
        """The equips that fit the keys for places; the other keys are not looked at."""
        places = {key: globs for key, globs in match.items() if key in PLACE_KEYS}
        return [self.equips[number] for number in np.flatnonzero(self._mask(places, on_equips=True))]

    def target(self, point: Point, *more: Point | None) -> Target:
        """The target that is this one point (shared by all rules), with more inputs where given."""
        if more:
            return Target(point.id, (point, *more), self.facility, point.equip, point.device)
        found = self._targets.get(point.id)
        if found is None:
            found = self._targets[point.id] = Target(point.id, (point,), self.facility, point.equip, point.device)
        return found

    def role(self, equip: Equip, wanted: Input) -> Point | None:
        """The point with the role in the equip, else (scope "site") the one of its site that belongs to no equip or to any."""
        found = next((point for point in self._of_equip.get(equip.id, ()) if point.role == wanted.role), None)
        if found is None and wanted.scope == "site":
            near = [point for point in self._of_site.get(equip.site, ()) if point.role == wanted.role]
            found = near[0] if near else None
        return found

    def gate(self, equip: str, gate: Gate) -> Point | None:
        """The point of the equip that a gate asks."""
        for point in self._of_equip.get(equip, ()):
            if (not gate.role or point.role == gate.role) and (not gate.metric or point.metric == gate.metric):
                return point
        return None

    def _mask(self, match: Mapping[str, Sequence[str]], *, on_equips: bool) -> BoolArray:
        chosen = np.ones(len(self.equips if on_equips else self.points), np.bool_)
        for key, globs in match.items():
            distinct, codes = self._column(key, on_equips)
            fits = pattern(globs)
            chain = self._chain(key)
            hit = np.array([any(fits(value) for value in chain(name)) for name in distinct], np.bool_)
            chosen &= hit[codes] if len(distinct) else False
        return chosen

    def _column(self, key: str, on_equips: bool) -> tuple[list[str], IntArray]:
        found = self._columns.get((key, on_equips))
        if found is None:
            values = self._equip_values(key) if on_equips else self._point_values(key)
            numbers: dict[str, int] = {}
            codes = np.fromiter((numbers.setdefault(value, len(numbers)) for value in values), np.int64)
            found = self._columns[key, on_equips] = (list(numbers), codes)
        return found

    def _point_values(self, key: str) -> Iterable[str]:
        if key == "point":
            return (point.id for point in self.points)
        if key == "equip_type":
            types = {id: equip.type for id, equip in self.facility.equips.items()}
            return (types.get(point.equip, "") for point in self.points)
        if key == "organisation":
            return (point.site for point in self.points)
        if key == "space":
            return (point.space or self._space_of(point.equip) for point in self.points)
        return (str(getattr(point, key)) for point in self.points)

    def _equip_values(self, key: str) -> Iterable[str]:
        name = {"equip": "id", "equip_type": "type", "organisation": "site"}.get(key, key)
        return (str(getattr(equip, name)) for equip in self.equips)

    def _space_of(self, equip: str) -> str:
        found = self.facility.equips.get(equip)
        return found.space if found else ""

    def _chain(self, key: str) -> Callable[[str], list[str]]:
        if key == "space":
            return lambda space: climb(space, {id: found.parent for id, found in self.facility.spaces.items()})
        if key == "organisation":
            parents = {id: found.parent for id, found in self.facility.organisations.items()}
            sites = self.facility.sites
            return lambda site: climb(sites[site].organisation if site in sites else "", parents)
        return lambda value: [value]


def climb(start: str, parents: Mapping[str, str]) -> list[str]:
    """`start` and all above it; a circle ends it."""
    chain: list[str] = []
    while start and start not in chain:
        chain.append(start)
        start = parents.get(start, "")
    return chain


def pattern(globs: Sequence[str]) -> Callable[[str], bool]:
    """Whether a value fits any of the globs (`*`, `?`, `[...]`), case-sensitively."""
    literal = frozenset(glob for glob in globs if not any(sign in glob for sign in "*?["))
    rest = [re.compile(fnmatch.translate(glob)) for glob in globs if glob not in literal]
    if not rest:
        return literal.__contains__
    return lambda value: value in literal or any(regex.match(value) for regex in rest)


def bind(rule: Rule, catalogue: Catalogue) -> Bound:
    """The rows of a rule. Raises nothing: what is wrong for a target stands in `unbound`."""
    bound = Bound(rule)
    targets = _equip_targets(rule, catalogue, bound) if rule.kind.INPUTS else _point_targets(rule, catalogue, bound)
    shared: dict[tuple[float | int | bool, ...], Parameters] = {}
    for target in rule.kind.bind(targets):
        try:
            parameters = rule.kind.parameters(target)
        except (NotApplicable, ValueError) as problem:
            bound.unbound.append(Unbound(rule.id, target.id, str(problem)))
            continue
        bound.targets.append(target)
        bound.parameters.append(shared.setdefault(tuple(parameters.values()), parameters))
    return bound


def _point_targets(rule: Rule, catalogue: Catalogue, bound: Bound) -> list[Target]:
    points = catalogue.select(rule.match)
    if "equip" in rule.match or "equip_type" in rule.match:
        served = {point.equip for point in points}
        wanted = _wanted(rule.match)
        for equip in catalogue.select_equips(rule.match):
            if equip.id not in served:
                bound.unbound.append(Unbound(rule.id, equip.id, f"has no point with {wanted}"))
    if rule.gate is None:
        return [catalogue.target(point) for point in points]
    targets: list[Target] = []
    for point in points:
        gate = catalogue.gate(point.equip, rule.gate) if point.equip else None
        if gate is None:
            asked = f"role {rule.gate.role}" if rule.gate.role else f"metric {rule.gate.metric}"
            bound.unbound.append(Unbound(rule.id, point.id, f"its equip has no point with {asked} for `while`"))
        else:
            targets.append(catalogue.target(point, gate))
    return targets


def _wanted(match: Mapping[str, Sequence[str]]) -> str:
    asked = [f"{key} {' or '.join(match[key])}" for key in POINT_KEYS if key in match]
    return ", ".join(asked) or "any value"


def _equip_targets(rule: Rule, catalogue: Catalogue, bound: Bound) -> list[Target]:
    targets: list[Target] = []
    for equip in catalogue.select_equips(rule.match):
        points = [catalogue.role(equip, wanted) for wanted in rule.kind.INPUTS]
        pairs = zip(rule.kind.INPUTS, points, strict=True)
        missing = [wanted.role for wanted, point in pairs if point is None and wanted.required]
        if rule.gate is not None:
            points.append(catalogue.gate(equip.id, rule.gate))
            if points[-1] is None:
                missing.append(rule.gate.role or rule.gate.metric)
        if missing:
            bound.unbound.append(Unbound(rule.id, equip.id, f"missing role {', '.join(missing)}"))
            continue
        device = next((point.device for point in points if point is not None), "")
        targets.append(Target(equip.id, tuple(points), catalogue.facility, equip.id, device))
    return targets
