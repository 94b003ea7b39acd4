"""Which alerts mask which: the graph of what supplies and speaks for what, and the causes among the firing alerts.

A cause masks what hangs under its node: behind a gateway, and what an equip feeds, through spaces, down to points. Causes are
ordered from the top (fewest nodes above), then by age; one that hangs under a chosen cause is itself masked and masks nothing
more. So a chosen cause is never masked: nothing masks itself, there is no ring, and every masked alert names one that is told.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from steward.model import Facility

Masks = Literal["", "device", "below"]
"""What alerts of a rule mask. device: on a device, what hangs behind it; below: what their device or equip supplies."""
NONE: frozenset[str] = frozenset()


class Graph:
    """What hangs under what, of one facility. Nodes are `equip:id`, `space:id`, `site:id`, `device:id`; the way up is
    walked once for each node that is asked for and kept, so that large facilities cost nothing until they alert."""

    def __init__(self, facility: Facility) -> None:
        self._facility = facility
        self._above: dict[str, frozenset[str]] = {}
        self._feeders: dict[str, list[str]] = {}
        for equip in facility.equips.values():
            for fed in equip.feeds:
                for node in self._named(fed):
                    self._feeders.setdefault(node, []).append(f"equip:{equip.id}")

    def _named(self, id: str) -> list[str]:
        facility = self._facility
        tables: tuple[tuple[str, Mapping[str, object]], ...] = (
            ("equip", facility.equips), ("space", facility.spaces), ("site", facility.sites),
        )  # fmt: skip
        return [f"{kind}:{id}" for kind, table in tables if id in table]

    def _up(self, node: str) -> Iterable[str]:
        """The nodes directly above a node."""
        kind, _, id = node.partition(":")
        facility = self._facility
        yield from self._feeders.get(node, ())
        if kind == "equip" and id in facility.equips:
            yield from _place(facility.equips[id].site, facility.equips[id].space)
        elif kind == "space" and id in facility.spaces:
            yield from _place(facility.spaces[id].site, facility.spaces[id].parent)
        elif kind == "device" and id in facility.devices:
            device = facility.devices[id]
            if device.gateway:
                yield f"device:{device.gateway}"
            if device.equip:
                yield f"equip:{device.equip}"
            yield from _place(device.site, device.space)

    def above(self, node: str) -> frozenset[str]:
        """A node and all nodes above it. Rings (an air handler that feeds its own room) are walked once."""
        found = self._above.get(node)
        if found is None:
            seen, todo = {node}, [node]
            while todo:
                for upper in self._up(todo.pop()):
                    if upper not in seen:
                        seen.add(upper)
                        todo.append(upper)
            found = self._above[node] = frozenset(seen)
        return found

    def over(self, target: str, points: Sequence[str]) -> frozenset[str]:
        """The nodes that an alert on `target` hangs under, those of the target among them. An alert on an equip hangs under
        a device only where all its points do: it can still be judged while one of them speaks."""
        facility = self._facility
        if target in facility.devices:
            return self.above(f"device:{target}")
        if target in facility.equips:
            speaking = [facility.points[id].device for id in points if id in facility.points]
            behind = [self.above(f"device:{device}") if device else NONE for device in speaking]
            common = frozenset.intersection(*behind) if behind else NONE
            return self.above(f"equip:{target}") | {node for node in common if node.startswith("device:")}
        point = facility.points.get(target)
        if point is None:
            return NONE
        found = self.above(f"equip:{point.equip}") if point.equip else NONE
        if point.device:
            found |= self.above(f"device:{point.device}")
        for place in () if point.equip else _place(point.site, point.space):
            found |= self.above(place)
        return found

    def node(self, target: str, masks: Masks) -> str:
        """The node from which an alert on `target` masks what hangs under it, "" where it masks nothing."""
        facility = self._facility
        if masks and target in facility.devices:
            return f"device:{target}"
        if masks != "below":
            return ""
        if target in facility.equips:
            return f"equip:{target}"
        point = facility.points.get(target)
        if point is None:
            return ""
        return f"equip:{point.equip}" if point.equip else f"device:{point.device}" if point.device else ""


def _place(site: str, space: str) -> Iterable[str]:
    if space:
        yield f"space:{space}"
    if site:
        yield f"site:{site}"


@dataclass(frozen=True, slots=True)
class Cause:
    """A firing alert that may mask others: its id, its node, since when, ns."""

    id: str
    node: str
    since: int


class Masking:
    """The causes of this moment, sorted out. `chosen`: those that mask; `masked`: cause -> the chosen one above it."""

    def __init__(self, graph: Graph, causes: Iterable[Cause] = ()) -> None:
        self._graph = graph
        self.chosen: list[Cause] = []
        self.masked: dict[str, Cause] = {}
        self._at: dict[str, Cause] = {}
        for cause in sorted(causes, key=lambda one: (len(graph.above(one.node)), one.since, one.id)):
            upper = self._oldest(graph.above(cause.node) - {cause.node})
            if upper is not None:
                self.masked[cause.id] = upper
            else:
                self.chosen.append(cause)
                self._at.setdefault(cause.node, cause)
        self._ids = {cause.id for cause in self.chosen}

    def mask(self, id: str, over: frozenset[str]) -> Cause | None:
        """The cause that masks alert `id`, which hangs under the nodes `over`; None where nothing does."""
        if not self._at or id in self._ids:
            return None
        return self.masked.get(id) or self._oldest(over)

    def _oldest(self, over: frozenset[str]) -> Cause | None:
        if len(self._at) < len(over):
            found = [cause for node, cause in self._at.items() if node in over]
        else:
            found = [self._at[node] for node in over if node in self._at]
        return min(found, key=lambda one: (one.since, one.id)) if found else None
