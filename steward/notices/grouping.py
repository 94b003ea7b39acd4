"""When a group speaks: Alertmanager's dispatcher and its notification log, as plain state. Pure: `now` is a parameter.

Invariants: a group first speaks `wait` after its first alert and then at most every `interval`; an alert resolved before
its firing was told is never told; a resolved alert is told once, to those who were told that it fired, and then leaves.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Literal

from steward.notices.model import SEVERITY_ORDER, Item
from steward.notices.routing import Route, group_key

Reason = Literal[
    "first notification", "new alerts added", "some alerts resolved", "all alerts resolved", "repeat interval elapsed"
]


@dataclass(slots=True)
class Group:
    """Alerts that one notice is about. due: when it speaks next, ns; spoken: whether it has."""

    key: str
    route: Route
    labels: Mapping[str, str]
    due: int
    items: dict[str, Item] = field(default_factory=dict)
    spoken: bool = False


@dataclass(frozen=True, slots=True)
class Told:
    """What a lane was last told about an alert of a group: the status, the severity, and when, ns."""

    alert: str
    status: str
    severity: str
    at: int


class Groups:
    """All groups of all routes."""

    def __init__(self) -> None:
        self._groups: dict[str, Group] = {}

    def __len__(self) -> int:
        return len(self._groups)

    def take(self, route: Route, item: Item, now: int, *, at_once: bool = False) -> None:
        """An alert fires (or is stated anew): it joins its group. A group whose alert has fired for longer than the wait
        (after a restart) speaks at once, as does one that is told of an escalation."""
        labels = route.labels(item)
        key = group_key(route.id, labels)
        group = self._groups.get(key)
        if group is None:
            fired = item.fired if item.fired is not None else now
            group = self._groups[key] = Group(key, route, labels, max(now, fired + route.wait))
        group.items[item.id] = item
        if at_once:
            group.due = now

    def adopt(self, key: str, route: Route, labels: Mapping[str, str], item: Item, now: int) -> None:
        """After a restart: an alert that lanes of this group were told of; the group speaks at its next chance."""
        group = self._groups.get(key)
        if group is None:
            group = self._groups[key] = Group(key, route, dict(labels), now, spoken=True)
        group.items.setdefault(item.id, item)

    def resolve(self, item: Item) -> bool:
        """An alert is over: every group that holds it knows; False when none does."""
        found = False
        for group in self._groups.values():
            if item.id in group.items:
                held = group.items[item.id]
                group.items[item.id] = replace(item, level=max(item.level, held.level))
                found = True
        return found

    def update(self, item: Item) -> bool:
        """What people have done about an alert: shown with the next notice; False when no group holds it."""
        found = False
        for group in self._groups.values():
            if item.id in group.items:
                group.items[item.id] = item
                found = True
        return found

    def drop(self, id: str) -> None:
        """An alert is muted: no group speaks of it."""
        for group in list(self._groups.values()):
            group.items.pop(id, None)
            if not group.items:
                del self._groups[group.key]

    def due(self, now: int) -> list[Group]:
        """The groups that speak now, the longest due first; each is due again after its interval. A group that holds
        nothing any more is gone after it has spoken."""
        ready = sorted((group for group in self._groups.values() if group.due <= now), key=lambda group: (group.due, group.key))
        for group in ready:
            group.due = now + group.route.interval
        return ready

    def spoke(self, group: Group) -> None:
        """To be called when a group has spoken: what is resolved leaves it."""
        group.spoken = True
        for id in [id for id, item in group.items.items() if item.status == "resolved"]:
            del group.items[id]
        if not group.items:
            self._groups.pop(group.key, None)

    def next(self) -> int | None:
        """When the next group speaks, ns."""
        return min((group.due for group in self._groups.values()), default=None)

    def clear(self) -> None:
        """Forgets everything: the routes have changed."""
        self._groups.clear()


def decide(
    items: Iterable[Item], told: Mapping[str, Told], now: int, repeat: int, resolved: bool = True
) -> tuple[list[Item], Reason] | None:
    """What a lane is told of a group now, and why; None when it knows already.

    items: of the group; told: what the lane was told, by alert; repeat: ns after which it is told again while anything
    fires that nobody has acknowledged, 0: never; resolved: whether it wants to hear of ends. An alert whose severity has
    risen counts as new.
    """
    firing = [item for item in items if item.status == "firing"]
    ended = [item for item in items if item.status == "resolved" and _fired(told.get(item.id))]
    new = [item for item in firing if _is_new(item, told.get(item.id))]
    chosen = firing + (ended if resolved else [])
    if new:
        first = not any(one.status == "firing" for one in told.values())
        return chosen, "first notification" if first else "new alerts added"
    if ended and resolved:
        return chosen, "some alerts resolved" if firing else "all alerts resolved"
    waiting = [item for item in firing if item.human == "unacknowledged"]
    last = max((told[item.id].at for item in firing if item.id in told), default=None)
    if waiting and repeat and last is not None and now - last >= repeat:
        return firing, "repeat interval elapsed"
    return None


def _fired(told: Told | None) -> bool:
    return told is not None and told.status == "firing"


def _is_new(item: Item, told: Told | None) -> bool:
    if told is None or told.status != "firing":
        return True
    return _grade(item.severity) < _grade(told.severity)


def _grade(severity: str) -> int:
    return SEVERITY_ORDER.index(severity) if severity in SEVERITY_ORDER else len(SEVERITY_ORDER)
