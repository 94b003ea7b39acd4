"""The facility laid out for questions: the tree in order, the points below each node, what a text finds.

Invariants: points stand in depth-first order of the tree, so that the points of a node are one slice; a catalogue belongs
to one facility and never changes; node keys are `kind:id` (organisation, site, space, equip, device, point), and a bare
id is understood where it is asked for. Built in well under a second at 100,000 points.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

import msgspec
import numpy as np

from steward.errors import NotFound
from steward.model import (
    DERIVED,
    BoolArray,
    Device,
    Equip,
    Facility,
    NumberArray,
    Organisation,
    Point,
    PointIndex,
    Site,
    Space,
    Text,
)

KINDS = ("organisation", "site", "space", "equip", "device", "point")


@dataclass(slots=True)
class Node:
    """A node of the tree above the points; its points are `order[start:end]` of the catalogue."""

    key: str
    kind: str
    id: str
    name: Text
    parent: str
    depth: int
    what: Organisation | Site | Space | Equip | None = None
    start: int = 0
    end: int = 0
    last: int = 0  # one past the last descendant in the list of nodes


@dataclass(frozen=True, slots=True)
class Hit:
    """Something that a search found. `where`: names of the nodes above it, from the top."""

    kind: str
    id: str
    name: Text
    key: str
    where: list[Text]
    extra: str = ""


@dataclass(slots=True)
class _Children:
    """What hangs directly below each node, by key."""

    nodes: dict[str, list[Node]] = field(default_factory=lambda: defaultdict(list))
    points: dict[str, list[Point]] = field(default_factory=lambda: defaultdict(list))


class Catalogue:
    """One facility, laid out. `points[row]` and `numbers[row]` are parallel; so are the node slices."""

    def __init__(self, facility: Facility, index: PointIndex) -> None:
        self.facility = facility
        self.nodes: list[Node] = []
        self.points: list[Point] = []
        children = _children(facility)
        for root in children.nodes.pop("", []):
            self._lay(root, children)
        self.by_key = {node.key: node for node in self.nodes}
        for key, points in children.points.items():
            if key not in self.by_key:  # a point that hangs on nothing is still a point, though below no node
                self.points += points
        self.numbers: NumberArray = np.fromiter((index.add(point.id) for point in self.points), np.int32, len(self.points))
        self.derived: BoolArray = np.array([point.role == DERIVED for point in self.points], np.bool_)
        self.row = {point.id: row for row, point in enumerate(self.points)}
        size = int(self.numbers.max(initial=-1)) + 1
        self.row_of_number: NumberArray = np.full(size, -1, np.int32)
        self.row_of_number[self.numbers] = np.arange(len(self.numbers), dtype=np.int32)
        self.device_rows: dict[str, list[int]] = defaultdict(list)
        for row, point in enumerate(self.points):
            self.device_rows[point.device].append(row)
        self.heard_through = self._heard_through()
        self.channels = {channel.point: channel for channel in facility.channels}
        self._ids: dict[str, bytes] = {}
        self._texts: list[tuple[str, Hit]] = []

    def _heard_through(self) -> dict[str, list[int]]:
        """Gateway -> rows of the points of all devices that it speaks for, those behind a gateway behind it included."""
        rows: dict[str, list[int]] = defaultdict(list)
        devices = self.facility.devices
        for device in devices.values():
            above, seen = device.gateway, {device.id}
            while above in devices and above not in seen:
                rows[above] += self.device_rows.get(device.id, ())
                seen.add(above)
                above = devices[above].gateway
        return rows

    def _lay(self, top: Node, children: _Children) -> None:
        """Lays a node and all below it, without recursion: trees may be of any depth."""
        stack: list[tuple[Node, bool]] = [(top, False)]
        while stack:
            node, done = stack.pop()
            if done:
                node.end, node.last = len(self.points), len(self.nodes)
                continue
            self.nodes.append(node)
            node.start = len(self.points)
            self.points += children.points.get(node.key, ())
            stack.append((node, True))
            for child in reversed(children.nodes.get(node.key, ())):
                child.depth = node.depth + 1
                stack.append((child, False))

    # Scopes

    def node(self, under: str) -> Node:
        """The node of a key or bare id. Raises NotFound."""
        found = self.by_key.get(under)
        for kind in KINDS[:4]:
            found = found or self.by_key.get(f"{kind}:{under}")
        if found is None:
            raise NotFound("node", under)
        return found

    def rows(self, under: str) -> NumberArray:
        """The rows of the points below a node, a device, or everything (""), ascending. Raises NotFound."""
        if not under:
            return np.arange(len(self.points), dtype=np.int32)
        device = under.removeprefix("device:")
        if under.startswith("device:") or (under not in self.by_key and self._is_device_only(under)):
            if device not in self.facility.devices:
                raise NotFound("device", device)
            return np.array(self.device_rows.get(device, []), np.int32)
        node = self.node(under)
        return np.arange(node.start, node.end, dtype=np.int32)

    def _is_device_only(self, id: str) -> bool:
        return id in self.facility.devices and not any(f"{kind}:{id}" in self.by_key for kind in KINDS[:4])

    def ids(self, under: str) -> bytes:
        """The ids of `rows(under)` as a JSON array, built once."""
        found = self._ids.get(under)
        if found is None:
            if len(self._ids) > 200:
                self._ids.clear()
            found = self._ids[under] = msgspec.json.encode([self.points[row].id for row in self.rows(under).tolist()])
        return found

    def path(self, key: str) -> list[Node]:
        """The node of a key and those above it, from the top."""
        found: list[Node] = []
        node = self.by_key.get(key)
        while node is not None:
            found.append(node)
            node = self.by_key.get(node.parent)
        return found[::-1]

    def home(self, target: str) -> str:
        """The key of the node that a point, equip, space, site or device is or hangs on; "" where it is not known."""
        point = self.facility.points.get(target)
        if point is not None:
            return place(point)
        for kind in ("equip", "space", "site", "organisation"):
            if f"{kind}:{target}" in self.by_key:
                return f"{kind}:{target}"
        device = self.facility.devices.get(target)
        return place(device) if device is not None else ""

    def inside(self, key: str, under: str) -> bool:
        """Whether a node key is `under` (a key) or below it."""
        while key:
            if key == under:
                return True
            node = self.by_key.get(key)
            key = node.parent if node else ""
        return False

    # Search

    def search(self, text: str, limit: int, kinds: Iterable[str] = KINDS) -> list[Hit]:
        """What holds every word of `text` in a name (any language), id or plate: places first, exact matches first."""
        words = text.lower().split()
        if not words:
            return []
        wanted = set(kinds)
        found: list[tuple[tuple[int, int], int, Hit]] = []
        for line, hit in self._lines():
            if hit.kind in wanted and all(word in line for word in words):
                found.append((_rank(hit, text.lower()), len(found), hit))
                if len(found) >= 5000:  # a single letter finds everything: the best of the first thousands will do
                    break
        found.sort(key=lambda each: each[:2])
        return [Hit(h.kind, h.id, h.name, h.key, self._where(h), h.extra) for _, _, h in found[:limit]]

    def _where(self, hit: Hit) -> list[Text]:
        path = self.path(self.home(hit.id) if hit.kind in ("point", "device") else hit.key)
        return [node.name for node in path if node.key != hit.key]

    def _lines(self) -> list[tuple[str, Hit]]:
        if not self._texts:
            self._texts = [(_line(hit), hit) for hit in self._hits()]
        return self._texts

    def _hits(self) -> Iterator[Hit]:
        for node in self.nodes:
            plate = node.what.plate if isinstance(node.what, Equip) else ""
            yield Hit(node.kind, node.id, node.name, node.key, [], plate)
        for device in self.facility.devices.values():
            yield Hit("device", device.id, device.name, f"device:{device.id}", [], device.address)
        for point in self.points:
            yield Hit("point", point.id, point.name, f"point:{point.id}", [])

    def matching(self, rows: NumberArray, text: str) -> list[int]:
        """Those of `rows` whose point, equip or plate holds every word of `text`."""
        words = text.lower().split()
        if not words:
            return [int(row) for row in rows]
        found: list[int] = []
        for row in rows.tolist():
            point = self.points[row]
            equip = self.facility.equips.get(point.equip)
            line = " ".join(
                (point.id, *point.name.values(), *(equip.name.values() if equip else ()), equip.plate if equip else "")
            )
            if all(word in line.lower() for word in words):
                found.append(row)
        return found


def _line(hit: Hit) -> str:
    return " ".join((hit.id, *hit.name.values(), hit.extra)).lower()


def _rank(hit: Hit, text: str) -> tuple[int, int]:
    names = {hit.id.lower(), hit.extra.lower(), *(name.lower() for name in hit.name.values())}
    exact = 0 if text in names else 1 if any(name.startswith(text) for name in names) else 2
    return exact, KINDS.index(hit.kind)


def place(what: Point | Device) -> str:
    """The key of the node that something hangs on: the nearest of equip, space and site."""
    for kind in ("equip", "space", "site"):
        id = getattr(what, kind, "")
        if id:
            return f"{kind}:{id}"
    return ""


def _children(facility: Facility) -> _Children:
    """Nodes and points by the key of what they hang on; what hangs on nothing known hangs on the top ("")."""
    children = _Children()
    known = {
        *(f"organisation:{id}" for id in facility.organisations),
        *(f"site:{id}" for id in facility.sites),
        *(f"space:{id}" for id in facility.spaces),
        *(f"equip:{id}" for id in facility.equips),
    }

    def add(kind: str, what: Any, parent: str) -> None:
        parent = parent if parent in known else ""
        children.nodes[parent].append(Node(f"{kind}:{what.id}", kind, what.id, what.name, parent, 0, what))

    for organisation in facility.organisations.values():
        add("organisation", organisation, f"organisation:{organisation.parent}")
    for site in facility.sites.values():
        add("site", site, f"organisation:{site.organisation}")
    for space in facility.spaces.values():
        add("space", space, f"space:{space.parent}" if space.parent else f"site:{space.site}")
    for equip in facility.equips.values():
        add("equip", equip, f"space:{equip.space}" if equip.space else f"site:{equip.site}")
    for point in facility.points.values():
        children.points[place(point)].append(point)
    return children
