"""Who is told: routes in order, first match or `continue`. Pure: whether a calendar is open is asked of the caller.

Invariants: a route of level n > 0 takes only alerts that were escalated to at least n; outside its hours a route uses its
`otherwise` channels, or does not match at all; the same alert at the same moment always gives the same lanes.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Literal

from steward.notices.model import Item, Recipient
from steward.units import HOUR, MINUTE, SECOND

IsOpen = Callable[[str, str, int], bool]
"""(id of a calendar, or "" for the site's; id of the site; moment in ns) -> whether it is open then."""
BY_RECIPIENT = frozenset({"email"})
"""Types of channels that write to each recipient apart; on the others a recipient is only mentioned."""


@dataclass(frozen=True, slots=True)
class Match:
    """Which alerts: every part that is given must hold; () means any.

    organisations: the alert's site belongs to the branch of one of these; sites, categories: as they stand; rules: shell
    patterns of ids; kinds, severities: words.
    """

    organisations: tuple[str, ...] = ()
    sites: tuple[str, ...] = ()
    categories: tuple[str, ...] = ()
    rules: tuple[str, ...] = ()
    kinds: tuple[str, ...] = ()
    severities: tuple[str, ...] = ()

    def takes(self, item: Item) -> bool:
        """Whether an alert is meant."""
        return (
            (not self.organisations or any(one in item.organisations for one in self.organisations))
            and (not self.sites or item.site in self.sites)
            and (not self.categories or any(_category(item.category, one) for one in self.categories))
            and (not self.rules or any(fnmatchcase(item.rule, pattern) for pattern in self.rules))
            and (not self.kinds or item.kind in self.kinds)
            and (not self.severities or item.severity in self.severities)
        )


def _category(has: str, wanted: str) -> bool:
    """A category holds its sub-categories: B has B1 and B2."""
    return has == wanted or (bool(wanted) and has.startswith(wanted))


@dataclass(frozen=True, slots=True)
class Route:
    """Where alerts go. wait, interval, repeat: ns, as Alertmanager's group_wait, group_interval, repeat_interval; repeat 0:
    never. group_by: what alerts of one notice have in common; hours: when the channels are used, by `calendar`."""

    id: str
    match: Match = Match()
    channels: tuple[str, ...] = ()
    recipients: tuple[str, ...] = ()
    otherwise: tuple[str, ...] = ()
    hours: Literal["always", "open", "closed"] = "always"
    calendar: str = ""
    events: tuple[str, ...] = ("firing", "resolved", "escalated")
    level: int = 0
    group_by: tuple[str, ...] = ("site", "rule")
    wait: int = 30 * SECOND
    interval: int = 5 * MINUTE
    repeat: int = 4 * HOUR
    goes_on: bool = False

    def channels_at(self, item: Item, at: int, is_open: IsOpen) -> tuple[str, ...]:
        """The channels for an alert at a moment; () when the route is not for this time."""
        if self.hours == "always":
            return self.channels
        inside = is_open(self.calendar or item.calendar, item.site, at) == (self.hours == "open")
        return self.channels if inside else self.otherwise

    def labels(self, item: Item) -> dict[str, str]:
        """What the group of an alert has in common."""
        known = {
            "site": item.site,
            "equip": item.equip,
            "rule": item.rule,
            "kind": item.kind,
            "severity": item.severity,
            "target": item.target,
            "category": item.category,
            "organisation": item.organisations[-1] if item.organisations else "",
        }
        return {name: known[name] for name in self.group_by}


@dataclass(frozen=True, slots=True)
class Lane:
    """A channel and, where it writes to each recipient apart, the recipient ("" else)."""

    channel: str
    recipient: str = ""


def matching(routes: Sequence[Route], item: Item, at: int, is_open: IsOpen, level: int = 0) -> list[Route]:
    """The routes that take an alert: in order, up to the first without `continue`. `level`: 0 when it fires, else the level
    that it has been escalated to: then only the routes of that level and below, from 1."""
    found = []
    for route in routes:
        wanted = route.level == 0 if level == 0 else 0 < route.level <= level
        if not wanted or not route.match.takes(item) or not route.channels_at(item, at, is_open):
            continue
        found.append(route)
        if not route.goes_on:
            break
    return found


def lanes(
    route: Route,
    item: Item,
    at: int,
    is_open: IsOpen,
    types: Mapping[str, str],
    recipients: Mapping[str, Recipient],
) -> list[Lane]:
    """The lanes of a route for an alert. types: channel id -> type."""
    return spread(route.channels_at(item, at, is_open), route.recipients, types, recipients)


def spread(
    channels: Sequence[str], people: Sequence[str], types: Mapping[str, str], recipients: Mapping[str, Recipient]
) -> list[Lane]:
    """One lane per channel, or per channel and recipient with an address; an e-mail channel without recipients writes to
    the addresses of its own."""
    found: list[Lane] = []
    for channel in channels:
        if channel not in types:
            continue
        apart = types[channel] in BY_RECIPIENT
        named = [one for one in people if one in recipients and recipients[one].email] if apart else []
        found += [Lane(channel, one) for one in named] or [Lane(channel)]
    return found


def group_key(route: str, labels: Mapping[str, str]) -> str:
    """The key of a group, in Alertmanager's notation."""
    inner = ", ".join(f'{name}="{_quoted(value)}"' for name, value in sorted(labels.items()))
    return f'{{}}/{{route="{_quoted(route)}"}}:{{{inner}}}'


def _quoted(value: str) -> str:
    return value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
