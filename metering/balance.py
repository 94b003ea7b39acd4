"""The feeds graph of meters: which meter lies under which, what is not accounted for, and which meters may be added up.

Invariants: an edge carries a metric only where the equip that feeds can carry it (a chiller's feeds are cold, not current); a
sum over a site, space or category takes each kWh once: a meter under another one of the sum is left out with its reason; the
balance of a node is its supply (net of export, with generation) less that of the nearest metered nodes below. Pure.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from metering.columns import Columns, Quality, add, quality
from steward.model import Facility, Nature, Point

ELECTRIC = frozenset(("transformer", "switchboard", "meter", "ups", "socket", "lighting", "other"))
GENERATORS = frozenset(("pv", "generator"))
"""What a meter on these shows is supply, not load."""
CARRIES: Mapping[str, frozenset[str]] = {
    "energy": ELECTRIC,
    "water": frozenset(("meter", "tank", "valve", "pump", "other")),
    "gas": frozenset(("meter", "valve", "other")),
    "heat": frozenset(("meter", "boiler", "chiller", "pump", "valve", "other")),
}
"""metric -> types of equip whose `feeds` carry it."""
WHOLE_ROLES = ("", "main", "total", "incomer", "energy", "water", "gas", "heat")
"""Of several registers of one equip, these are the whole of it; without one, all are parts (tariffs, phases) and are added."""
MAIN_ROLES = frozenset(("main", "total", "incomer"))


@dataclass(frozen=True, slots=True)
class Meter:
    """The registers that together are the consumption of one node. node: id of an equip, or of the point where it stands on
    none; virtual meters are meters too."""

    node: str
    points: tuple[str, ...]
    site: str
    space: str
    category: str
    main: bool = False


@dataclass
class Graph:
    """Nodes of one metric: what each feeds, by id, and the meter of each metered node. sources: meters of generation; exports:
    what a node's meter counted outwards; fed_by: node -> the sources that feed it."""

    metric: str
    below: Mapping[str, tuple[str, ...]]
    meters: dict[str, Meter]
    sources: dict[str, Meter] = field(default_factory=dict)
    exports: dict[str, Meter] = field(default_factory=dict)
    fed_by: dict[str, tuple[str, ...]] = field(default_factory=dict)
    _above: dict[str, set[str]] = field(default_factory=dict)

    def ancestors(self, node: str) -> set[str]:
        """Every node above, directly or not."""
        if not self._above:
            self._above = _closures(self.below)
        return self._above.get(node, set())

    def nearest(self, node: str) -> list[Meter]:
        """The nearest metered nodes below, each once."""
        found: dict[str, Meter] = {}
        stack, seen = list(reversed(self.below.get(node, ()))), {node}
        while stack:
            id = stack.pop()
            if id in seen:
                continue
            seen.add(id)
            if id in self.meters:
                found[id] = self.meters[id]
            else:
                stack += reversed(self.below.get(id, ()))
        return [meter for id, meter in found.items() if not (self.ancestors(id) & (found.keys() - {id}))]


def _closures(below: Mapping[str, tuple[str, ...]]) -> dict[str, set[str]]:
    above: dict[str, set[str]] = defaultdict(set)
    for top in below:
        stack = list(below[top])
        seen: set[str] = set()
        while stack:
            id = stack.pop()
            if id in seen or id == top:
                continue
            seen.add(id)
            above[id].add(top)
            stack += below.get(id, ())
    return above


def graph_of(facility: Facility, metric: str, virtual: Iterable[Point] = ()) -> Graph:
    """The graph of a metric: registers by the node that they stand on, and what can carry it to whom. `virtual`: virtual meters
    as points; those that have a register beside them on the same equip are not its meter."""
    points = [point for point in facility.points.values() if point.metric == metric and point.nature is Nature.COUNTER]
    made = {id for id, equip in facility.equips.items() if equip.type in GENERATORS} if metric == "energy" else set()
    meters = _meters([point for point in points if point.equip not in made])
    for point in virtual:
        node = point.equip or point.id
        if point.metric == metric and node not in meters:
            meters[node] = Meter(node, (point.id,), point.site, point.space, point.category, point.role in MAIN_ROLES)
    outward = [point for point in facility.points.values() if point.metric == "energy_export" and point.equip not in made]
    fed_by: dict[str, tuple[str, ...]] = {}
    for id in sorted(made):
        for target in facility.equips[id].feeds:
            fed_by[target] = (*fed_by.get(target, ()), id)
    sources = _meters([point for point in points if point.equip in made])
    exports = _meters(outward) if metric == "energy" else {}
    return Graph(metric, _below(facility, metric), meters, sources, exports, fed_by)


def _meters(points: Sequence[Point]) -> dict[str, Meter]:
    by_node: dict[str, list[Point]] = defaultdict(list)
    for point in points:
        by_node[point.equip or point.id].append(point)
    meters = {}
    for node, found in by_node.items():
        whole = sorted((one for one in found if one.role in WHOLE_ROLES), key=lambda one: WHOLE_ROLES.index(one.role))
        taken = whole[:1] or found
        first = taken[0]
        category = next((one.category for one in found if one.category), "")
        main = any(one.role in MAIN_ROLES for one in taken)
        meters[node] = Meter(node, tuple(one.id for one in taken), first.site, first.space, category, main)
    return meters


def _below(facility: Facility, metric: str) -> dict[str, tuple[str, ...]]:
    carries = CARRIES.get(metric, frozenset())
    below = {equip.id: equip.feeds for equip in facility.equips.values() if equip.feeds and equip.type in carries}
    fed = {id for feeds in below.values() for id in feeds}
    places: dict[str, list[str]] = defaultdict(list)
    for equip in facility.equips.values():
        if equip.id not in fed and equip.id not in below:  # one that is fed by name hangs there, one that feeds is no load
            places[equip.space or equip.site].append(equip.id)
    for space in facility.spaces.values():
        if space.id not in fed:
            places[space.parent or space.site].append(space.id)
    reached = [id for id in fed if id in facility.spaces or id in facility.sites]
    while reached:
        id = reached.pop()
        if id not in below:
            below[id] = tuple(places[id])
            reached += [one for one in places[id] if one in facility.spaces]
    return below


@dataclass(frozen=True, slots=True)
class Dropped:
    """A meter left out of a sum: why is `under` (of: the meter above), `beyond` (of: the other place that it feeds as well),
    `beside_main` (of: the main meter that is the whole) or `loose` (of: the meter that it is taken to lie behind)."""

    meter: Meter
    why: str
    of: str


@dataclass(frozen=True, slots=True)
class Chosen:
    """Meters that may be added up, and those left out, each with its reason."""

    meters: tuple[Meter, ...]
    dropped: tuple[Dropped, ...]

    @property
    def points(self) -> tuple[str, ...]:
        """The registers of the sum."""
        return tuple(point for meter in self.meters for point in meter.points)


def choose(graph: Graph, candidates: Iterable[Meter], inside: frozenset[str] | None = None) -> Chosen:
    """Of `candidates` those that add up to the whole without counting anything twice.

    inside: ids of the places and equips of the scope; a meter that feeds nodes metered beyond it is no meter of the scope, as
    long as others are there. A meter with a main role is the whole of the scope and leaves out all that is not of that role. A
    meter that nothing feeds and that feeds nothing is taken to lie behind the meters that feed others: what stands in a room is
    seldom drawn in the graph, and counting it beside its main meter would count it twice.
    """
    left = {meter.node: meter for meter in candidates}
    dropped: list[Dropped] = []
    mains = [meter for meter in left.values() if meter.main]
    if mains and inside is not None:
        dropped += [Dropped(meter, "beside_main", mains[0].node) for meter in left.values() if not meter.main]
        left = {meter.node: meter for meter in mains}
    if inside is not None:
        beyond = {node: _beyond(graph, node, inside) for node in left}
        if any(not where for where in beyond.values()):
            dropped += [Dropped(left[node], "beyond", where) for node, where in beyond.items() if where]
            left = {node: meter for node, meter in left.items() if not beyond[node]}
    for node in list(left):
        above = sorted(graph.ancestors(node) & left.keys())
        if above:
            dropped.append(Dropped(left[node], "under", above[0]))
    under = {one.meter.node for one in dropped if one.why == "under"}
    tops = {node: meter for node, meter in left.items() if node not in under}
    feeding = [node for node in tops if graph.below.get(node)]
    if inside is not None and feeding and not mains:
        loose = [node for node in tops if node not in feeding and not graph.ancestors(node)]
        dropped += [Dropped(tops[node], "loose", feeding[0]) for node in loose]
        tops = {node: meter for node, meter in tops.items() if node not in loose}
    return Chosen(tuple(tops.values()), tuple(dropped))


def _beyond(graph: Graph, node: str, inside: frozenset[str]) -> str:
    return next((meter.node for meter in graph.nearest(node) if meter.node not in inside and meter.site not in inside), "")


def overlap(graphs: Iterable[Graph], points: Sequence[str]) -> str:
    """Why registers must not be added up: the first pair of which one lies under the other; "" if there is none."""
    for graph in graphs:
        node_of = {point: meter.node for meter in graph.meters.values() for point in meter.points}
        nodes = {node_of[point]: point for point in points if point in node_of}
        for node, point in nodes.items():
            above = graph.ancestors(node) & nodes.keys()
            if above:
                return f"{point!r} lies under {nodes[min(above)]!r}"
    return ""


@dataclass(frozen=True, slots=True)
class Balance:
    """A metered node (or several that feed the same things) against the nearest meters below.

    supplied, accounted, unaccounted: canonical unit; share: unaccounted / supplied, None without supply; uncertainty: of the
    difference, canonical unit, from the meters' class; significant: whether the difference is larger; clear: whether every
    meter is whole, so that the difference says something.
    """

    nodes: tuple[str, ...]
    points: tuple[str, ...]
    children: tuple[Meter, ...]
    supplied: float
    accounted: float
    unaccounted: float
    share: float | None
    uncertainty: float
    significant: bool
    clear: bool
    quality: Quality


def balances(graph: Graph, columns: Mapping[str, Columns], accuracy: float = 0.01) -> list[Balance]:
    """The balance of every metered node that has metered nodes below, from columns over one grid by register.

    accuracy: of each meter, as a share of its reading (class 1: 0.01). Meters are independent: errors add as squares, uniform
    within the class (GUM: /sqrt(3)), stated with coverage factor 2.
    """
    return [_balance(graph, group, columns, accuracy) for group in _groups(graph)]


def _groups(graph: Graph) -> list[list[str]]:
    """Metered nodes with metered nodes below; those that share one (a load with two feeders) stand together."""
    groups: list[tuple[set[str], list[str]]] = []
    for node in graph.meters:
        children = {meter.node for meter in graph.nearest(node)}
        if not children:
            continue
        joined = [group for group in groups if group[0] & children]
        groups = [group for group in groups if not group[0] & children]
        groups.append((children.union(*(one[0] for one in joined)), [*(id for one in joined for id in one[1]), node]))
    return [nodes for _, nodes in groups]


def _balance(graph: Graph, nodes: list[str], columns: Mapping[str, Columns], accuracy: float) -> Balance:
    children = {meter.node: meter for node in nodes for meter in graph.nearest(node) if meter.node not in nodes}
    above = [columns[point] for node in nodes for point in (*graph.meters[node].points, *_generated(graph, node))]
    outward = [columns[point] for node in nodes if node in graph.exports for point in graph.exports[node].points]
    below = [columns[point] for meter in children.values() for point in meter.points]
    supplied = sum(one.total() for one in above) - sum(one.total() for one in outward)
    accounted = sum(one.total() for one in below)
    uncertainty = 2 * accuracy / 3**0.5 * sum(one.total() ** 2 for one in (*above, *outward, *below)) ** 0.5
    rest = supplied - accounted
    found = quality(add([*above, *outward, *below], [1.0] * len(above) + [-1.0] * (len(outward) + len(below))))
    return Balance(
        tuple(nodes),
        tuple(point for node in nodes for point in graph.meters[node].points),
        tuple(children.values()),
        supplied,
        accounted,
        rest,
        rest / supplied if supplied > 0 else None,
        uncertainty,
        abs(rest) > uncertainty,
        not (found.held or found.missing),
        found,
    )


def _generated(graph: Graph, node: str) -> list[str]:
    """Registers of the generation that comes in at a node or at an unmetered one between it and the next meters."""
    between, stack = [node], list(graph.below.get(node, ()))
    while stack:
        id = stack.pop()
        if id not in graph.meters and id not in between:
            between.append(id)
            stack += graph.below.get(id, ())
    found = dict.fromkeys(source for id in between for source in graph.fed_by.get(id, ()) if source in graph.sources)
    return [point for source in found for point in graph.sources[source].points]


def needed(graph: Graph) -> list[str]:
    """Every register that the balances of a graph read."""
    meters = (*graph.meters.values(), *graph.sources.values(), *graph.exports.values())
    return list(dict.fromkeys(point for meter in meters for point in meter.points))
