"""Which meters are the consumption of what: of a site, space, equip or category, and their columns from the books.

Invariants: one `Scopes` belongs to one facility and one set of derived tables and never changes; the columns of any id
(register or virtual meter) come from `Reader`, which asks the books once per id and span; what the books do not know is
missing, never zero.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from metering.balance import Chosen, Dropped, Graph, Meter, choose, graph_of, overlap
from metering.columns import Columns, align, grid_columns
from metering.derived import Plan, Register, VirtualMeter, derive, resolve
from metering.intervals import Flag
from steward.config.derived import Derived
from steward.errors import NotFound, Problem
from steward.model import METRICS, ByteArray, Facility, FloatArray, IntArray, Nature, Point, Text

COMMODITIES = ("energy", "water", "gas", "heat", "fuel_used")
"""Metrics that consumption is told in, in the order of the tables."""
UNASSIGNED = "-"
"""Category of what no meter with a category accounts for."""


class Counted(Protocol):
    """Consumption as the books hand it out (steward.app.ledger.model.Consumption)."""

    @property
    def start(self) -> IntArray: ...
    @property
    def end(self) -> IntArray: ...
    @property
    def value(self) -> FloatArray: ...
    @property
    def method(self) -> ByteArray: ...
    @property
    def flags(self) -> NDArray[np.uint16]: ...
    @property
    def confidence(self) -> NDArray[np.float32]: ...
    @property
    def coverage(self) -> NDArray[np.float32]: ...
    @property
    def revision(self) -> NDArray[np.int32]: ...


class ConsumptionBooks(Protocol):
    """The part of the books that is read here (steward.app.ledger.model.Ledgers). Blocks: call it in a thread."""

    def consumption(self, point: str, start: int, end: int, period: str = "quarter") -> Counted:
        """Consumption of a register in [start, end). Raises NotFound for a point without one."""


def columns_of(found: Counted) -> Columns:
    """What the books hand out as columns; NaN counts as nothing and is missing."""
    unknown = np.isnan(found.value)
    flags = np.where(unknown, found.flags | np.uint16(Flag.MISSING), found.flags)
    return Columns.of(
        found.start,
        found.end,
        np.where(unknown, 0.0, found.value),
        method=found.method,
        flags=flags,
        confidence=np.where(unknown, 0.0, found.confidence),
        coverage=found.coverage,
        revision=found.revision,
    )


def registers_of(facility: Facility) -> list[Register]:
    """What an expression may name: every register, and the gauges, to say that they are none."""
    return [
        Register(point.id, point.unit, point.metric, point.nature is not Nature.COUNTER) for point in facility.points.values()
    ]


def plan_of(facility: Facility, derived: Derived) -> tuple[Plan, list[Problem]]:
    """The virtual meters that can be evaluated, and what is wrong with the others."""
    if not derived.virtual:
        return Plan({}), []
    graphs = [graph_of(facility, metric) for metric in COMMODITIES]
    meters = [VirtualMeter(one.id, one.expression, one.metric, one.where) for one in derived.virtual]
    plan, faults = resolve(meters, registers_of(facility), lambda points: overlap(graphs, points))
    return plan, [Problem(f"{fault.where}.{fault.key}", fault.message, fault.expected) for fault in faults]


def check_derived(facility: Facility, derived: Derived) -> list[Problem]:
    """What is wrong with the expressions of virtual meters."""
    return plan_of(facility, derived)[1]


@dataclass(frozen=True, slots=True)
class Node:
    """A node of the tree of figures. key: `kind:id`."""

    key: str
    kind: str
    id: str
    name: Text
    parent: str = ""


class Scopes:
    """The facility laid out for sums: graphs by metric, the plan of virtual meters, what belongs to which place."""

    def __init__(self, facility: Facility, derived: Derived, categories: Mapping[str, Text]) -> None:
        self.facility, self.derived = facility, derived
        self.categories = {**categories, **derived.categories}
        self.plan, self.problems = plan_of(facility, derived)
        self.virtual = {one.id: self._point(one.id) for one in derived.virtual if one.id in self.plan.meters}
        self.graphs: dict[str, Graph] = {metric: graph_of(facility, metric, self.virtual.values()) for metric in COMMODITIES}

    def _point(self, id: str) -> Point:
        table = next(one for one in self.derived.virtual if one.id == id)
        planned = self.plan.meters[id]
        return Point(
            id,
            table.name,
            planned.metric,
            planned.unit,
            Nature.COUNTER,
            table.site,
            table.space,
            table.equip,
            role=table.role,
            category=table.category,
            display_unit=table.display_unit,
        )

    def point(self, id: str) -> Point:
        """A register or virtual meter. Raises NotFound."""
        found = self.virtual.get(id) or self.facility.points.get(id)
        if found is None or found.nature is not Nature.COUNTER:
            raise NotFound("register", id)
        return found

    # -- nodes

    def nodes(self, by: str, under: str = "") -> list[Node]:
        """The nodes of a tree of figures, each after the one above it. Raises NotFound for an unknown `under`."""
        sites = self._sites(under)
        found: list[Node] = []
        for site in sites:
            found.append(Node(f"site:{site}", "site", site, self.facility.sites[site].name))
            if by == "space":
                found += self._spaces(site)
            elif by == "equip":
                found += self._equips(site)
            elif by == "category":
                found += self._categories(site)
        return found

    def _sites(self, under: str) -> list[str]:
        id = under.partition(":")[2] if under.startswith(("site:", "organisation:")) else under
        if not id:
            return list(self.facility.sites)
        if id in self.facility.sites:
            return [id]
        if id in self.facility.organisations:
            bodies = {id}
            while grown := {one.id for one in self.facility.organisations.values() if one.parent in bodies} - bodies:
                bodies |= grown
            return [site.id for site in self.facility.sites.values() if site.organisation in bodies]
        raise NotFound("site or organisation", under)

    def _spaces(self, site: str) -> list[Node]:
        children: dict[str, list[str]] = defaultdict(list)
        for space in self.facility.spaces.values():
            if space.site == site:
                children[space.parent].append(space.id)
        found: list[Node] = []
        stack = [(id, f"site:{site}") for id in reversed(children[""])]
        while stack:
            id, parent = stack.pop()
            found.append(Node(f"space:{id}", "space", id, self.facility.spaces[id].name, parent))
            stack += [(child, f"space:{id}") for child in reversed(children[id])]
        return found

    def _equips(self, site: str) -> list[Node]:
        """Metered equips, each under the nearest metered one that feeds it within the site."""
        found: dict[str, Node] = {}
        for graph in self.graphs.values():
            here = {node for node, meter in graph.meters.items() if meter.site == site and node in self.facility.equips}
            parents = {child.node: node for node in here for child in graph.nearest(node)}
            for id in here - found.keys():
                above = parents.get(id)
                parent = f"equip:{above}" if above in here else f"site:{site}"
                found[id] = Node(f"equip:{id}", "equip", id, self.facility.equips[id].name, parent)
        ordered: list[Node] = []
        children: dict[str, list[Node]] = defaultdict(list)
        for node in sorted(found.values(), key=lambda one: one.id):
            children[node.parent].append(node)
        waiting = list(reversed(children[f"site:{site}"]))
        while waiting:
            one = waiting.pop()
            ordered.append(one)
            waiting += reversed(children[one.key])
        return ordered

    def _categories(self, site: str) -> list[Node]:
        used = {
            meter.category.upper() for graph in self.graphs.values() for meter in graph.meters.values() if meter.site == site
        }
        codes = {code[:size] for code in used for size in range(1, len(code) + 1)}
        parent = {
            code: next((code[:size] for size in range(len(code) - 1, 0, -1) if code[:size] in codes), "") for code in codes
        }
        nodes = [
            Node(
                f"category:{site}/{code}",
                "category",
                code,
                self.categories.get(code, {"": code}),
                f"category:{site}/{parent[code]}" if parent[code] else f"site:{site}",
            )
            for code in sorted(codes)
        ]
        if codes:
            name = {"en": "Not in any category", "zh": "未分项"}
            nodes.append(Node(f"category:{site}/{UNASSIGNED}", "category", UNASSIGNED, name, f"site:{site}"))
        return nodes

    def node(self, key: str) -> Node:
        """The node of a key or bare id: site, space, equip, register, or `category:<site>/<code>`. Raises NotFound."""
        kind, _, id = key.partition(":") if key.partition(":")[0] in KINDS else ("", "", key)
        facility = self.facility
        for word, known in (("site", facility.sites), ("space", facility.spaces), ("equip", facility.equips)):
            if kind in ("", word) and id in known:
                return Node(f"{word}:{id}", word, id, known[id].name)
        if kind == "category":
            site, _, code = id.partition("/")
            if site in facility.sites and code:
                return Node(key, "category", code.upper(), self.categories.get(code.upper(), {"": code}))
        if kind in ("", "point") and (id in facility.points or id in self.virtual):
            return Node(f"point:{id}", "point", id, self.point(id).name)
        raise NotFound("node", key)

    # -- sums

    def chosen(self, node: Node, metric: str) -> Chosen:
        """The meters that add up to the consumption of a node."""
        graph = self.graphs.get(metric)
        if graph is None:
            return Chosen((), ())
        if node.kind == "point":
            point = self.point(node.id)
            meter = Meter(node.id, (node.id,), point.site, point.space, point.category)
            return Chosen((meter,) if point.metric == metric else (), ())
        if node.kind == "equip":
            return Chosen((graph.meters[node.id],) if node.id in graph.meters else (), ())
        if node.kind == "category":
            return self._of_category(graph, node)
        return self._of_place(graph, node)

    def _of_place(self, graph: Graph, node: Node) -> Chosen:
        inside = self._inside(node)
        own = [meter for meter in graph.meters.values() if self._at(meter, node, inside)]
        real = [one for one in own if not self._is_virtual(one) or (one.main and node.id == (one.space or one.site))]
        if node.kind == "space":  # a meter elsewhere that feeds this space and nothing else is the space's meter
            feeding = [id for id, below in graph.below.items() if below == (node.id,) and id in graph.meters]
            if feeding:
                return Chosen(
                    tuple(graph.meters[id] for id in feeding), tuple(Dropped(one, "under", feeding[0]) for one in real)
                )
        return choose(graph, real, inside)

    def _inside(self, node: Node) -> frozenset[str]:
        facility = self.facility
        spaces = {node.id}
        if node.kind == "site":
            spaces |= {space.id for space in facility.spaces.values() if space.site == node.id}
            return frozenset(spaces | {equip.id for equip in facility.equips.values() if equip.site == node.id})
        while grown := {space.id for space in facility.spaces.values() if space.parent in spaces} - spaces:
            spaces |= grown
        return frozenset(spaces | {equip.id for equip in facility.equips.values() if equip.space in spaces})

    def _at(self, meter: Meter, node: Node, inside: frozenset[str]) -> bool:
        return meter.site == node.id if node.kind == "site" else meter.space in inside

    def _is_virtual(self, meter: Meter) -> bool:
        return any(point in self.virtual for point in meter.points)

    def _of_category(self, graph: Graph, node: Node) -> Chosen:
        site = node.key.partition(":")[2].partition("/")[0]
        if node.id == UNASSIGNED:
            return Chosen((), ())
        own = [one for one in graph.meters.values() if one.site == site and one.category.upper().startswith(node.id)]
        real = {point for meter in own for point in meter.points}
        resting = {
            meter.node: point
            for meter in own
            if self._is_virtual(meter)
            for point in self.plan.registers(meter.points)
            if point in real
        }
        found = choose(graph, [meter for meter in own if meter.node not in resting])
        dropped = tuple(Dropped(meter, "rests_on", resting[meter.node]) for meter in own if meter.node in resting)
        return replace(found, dropped=(*found.dropped, *dropped))

    def chargers(self, site: str) -> list[Meter]:
        """Meters on chargers of a site."""
        equips = self.facility.equips
        return [
            meter
            for node, meter in self.graphs["energy"].meters.items()
            if meter.site == site and node in equips and equips[node].type == "charger"
        ]

    @cached_property
    def weather_station(self) -> str:
        """The outdoor temperature of the only weather station, "" if there is none or several."""
        stations = {equip.id for equip in self.facility.equips.values() if equip.type == "weather_station"}
        points = [one.id for one in self.facility.points.values() if one.equip in stations and one.metric == "temperature"]
        return points[0] if len(points) == 1 else ""


KINDS = ("site", "space", "equip", "category", "point")


class Reader:
    """Columns of registers and virtual meters on the quarter-hour grid of one span; each register is asked for once."""

    def __init__(self, scopes: Scopes, books: ConsumptionBooks, start: int, end: int) -> None:
        self.scopes, self.books, self.start, self.end = scopes, books, start, end
        self.grid = grid_columns(start, end)
        self._held: dict[str, Columns] = {}

    def columns(self, id: str) -> Columns:
        """The columns of a register or virtual meter; what the books do not know is missing."""
        if id not in self._held:
            if id in self.scopes.plan.meters:
                self._held[id] = derive(self.scopes.plan, id, self.columns, self.start, self.end).columns
            else:
                self._held[id] = self._read(id)
        return self._held[id]

    def _read(self, id: str) -> Columns:
        try:
            found = columns_of(self.books.consumption(id, self.start, self.end, "quarter"))
        except NotFound:
            return Columns.missing(*self.grid)
        return align(found, self.grid[0])

    def every(self, ids: Iterable[str]) -> list[Columns]:
        """The columns of several."""
        return [self.columns(id) for id in ids]

    def nothing(self) -> Columns:
        """Zero, known and measured, on the grid."""
        return Columns.of(*self.grid, np.zeros(len(self.grid[0])), flags=np.full(len(self.grid[0]), Flag.PEAK_ELIGIBLE))


def unit_of(metric: str) -> str:
    """The canonical unit of a metric."""
    return METRICS[metric].unit


def points_of(meters: Sequence[Meter]) -> list[str]:
    """The registers of several meters."""
    return [point for meter in meters for point in meter.points]
