"""The delivery machine of alerts: why an alert is not told to people now, and when that may change. Never stops evaluation.

Invariants: all reasons that hold are kept, the gravest decides (inhibited, shelved, maintenance, chattering); what was
inhibited stays so for `settle` after its cause has cleared, because what was only its consequence clears then; windows are
in local time: an hour that occurs twice belongs to the window both times, one that does not occur is where the clock jumps.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

from steward.model import Alert, Delivery, Facility
from steward.muting import Maintenance, Reason, Scope, Standing
from steward.units import DAY, MINUTE, SECOND

GRAVITY = (Delivery.INHIBITED, Delivery.SHELVED, Delivery.MAINTENANCE, Delivery.CHATTERING)
SETTLING = "the cause has cleared: waits whether this clears too"


@dataclass(frozen=True, slots=True)
class Whereabouts:
    """Where an alert's target is: its site, its spaces upwards, its equips, its devices with the gateways above them."""

    site: str = ""
    spaces: frozenset[str] = frozenset()
    equips: frozenset[str] = frozenset()
    devices: frozenset[str] = frozenset()


def whereabouts(facility: Facility, target: str, points: Sequence[str]) -> Whereabouts:
    """Where `target` is; nowhere when the facility does not know it any more."""
    point, device = facility.points.get(target), facility.devices.get(target)
    equip = facility.equips.get(target)
    what = point or equip or device
    if what is None:
        return Whereabouts()
    spaces, space = set(), what.space
    while space and space not in spaces:
        spaces.add(space)
        space = facility.spaces[space].parent if space in facility.spaces else ""
    of_equip = equip.id if equip else point.equip if point else device.equip if device else ""
    speaking = {target} if device else {facility.points[id].device for id in points if id in facility.points}
    devices: set[str] = set()
    for id in speaking:
        while id and id not in devices:
            devices.add(id)
            id = facility.devices[id].gateway if id in facility.devices else ""
    return Whereabouts(what.site, frozenset(spaces), frozenset((of_equip,) if of_equip else ()), frozenset(devices))


def fits(scope: Scope, alert: Alert, where: Whereabouts) -> bool:
    """Whether everything that a scope gives fits an alert. An empty scope fits nothing: it would silence all."""
    one = {"alert": alert.id, "rule": alert.rule, "target": alert.target, "severity": alert.severity.value, "site": where.site}
    many = {"space": where.spaces, "equip": where.equips, "device": where.devices}
    given = scope.plain()
    return bool(given) and all(value == one[name] if name in one else value in many[name] for name, value in given.items())


# Maintenance windows


def occurrences(window: Maintenance, first: int, last: int) -> list[tuple[int, int]]:
    """The spans [start, end) of a window that meet [first, last), by time, ns. A cancelled window ends when it was."""
    if window.cancelled is not None:
        last = min(last, window.cancelled)
    if not window.days:
        spans = [(window.start or 0, window.end or 0)]
    else:
        spans = list(_weekly(window, first, last))
        low, high = window.start, window.end
        spans = [(start if low is None else max(start, low), end if high is None else min(end, high)) for start, end in spans]
    if window.cancelled is not None:
        spans = [(start, min(end, window.cancelled)) for start, end in spans]
    return sorted((start, end) for start, end in spans if start < end and start < last and end > first)


def _weekly(window: Maintenance, first: int, last: int) -> Iterable[tuple[int, int]]:
    zone = ZoneInfo(window.zone)
    day = datetime.fromtimestamp((first - 2 * DAY) // SECOND, UTC).astimezone(zone).date()
    until = datetime.fromtimestamp(last // SECOND + 1, UTC).astimezone(zone).date()
    while day <= until:
        if day.weekday() in window.days:
            over = 1 if window.ends <= window.begins else 0
            yield _moment(day, window.begins, zone, 0), _moment(day + timedelta(days=over), window.ends, zone, 1)
        day += timedelta(days=1)


def _moment(day: date, minute: int, zone: ZoneInfo, fold: int) -> int:
    """The moment at which a local clock shows `minute` of `day`; `fold`: the second of two."""
    midnight = datetime(day.year, day.month, day.day)  # noqa: DTZ001  made aware in the next step, where fold can be said
    local = (midnight + timedelta(minutes=minute)).replace(tzinfo=zone, fold=fold)
    return round(local.timestamp()) * SECOND


def window_at(window: Maintenance, at: int) -> tuple[int, int] | None:
    """The span of a window that holds `at`, or None."""
    return next((span for span in occurrences(window, at, at + 1) if span[0] <= at < span[1]), None)


def next_change(window: Maintenance, at: int, within: int = 8 * DAY) -> int | None:
    """The next moment after `at` at which a window begins or ends; None where there is none within `within` ns."""
    edges = [edge for span in occurrences(window, at, at + within) for edge in span if edge > at]
    return min(edges, default=None)


# Chattering


@dataclass(frozen=True, slots=True)
class ChatterLimit:
    """`episodes` of one rule and target within `within` are chattering, until none began for `quiet` (ISA-18.2). ns."""

    episodes: int = 3
    within: int = 10 * MINUTE
    quiet: int = 10 * MINUTE


class Chatter:
    """Counts episodes by (rule, target). Memory holds what fired within the window and what chatters; `forget` bounds it."""

    def __init__(self, limit: ChatterLimit) -> None:
        self.limit = limit
        self._fired: dict[tuple[str, str], deque[int]] = {}

    def fired(self, key: tuple[str, str], at: int) -> bool:
        """An episode fired at `at`; returns whether this makes the key chatter."""
        times = self._fired.setdefault(key, deque(maxlen=max(2, self.limit.episodes)))
        if times and at <= times[-1]:
            return self._many(times)  # a replay states it again
        while times and at - times[0] > self.limit.within:
            times.popleft()
        times.append(at)
        return self._many(times)

    def _many(self, times: deque[int]) -> bool:
        return len(times) >= self.limit.episodes

    def quiet_at(self, key: tuple[str, str]) -> int | None:
        """When a chattering key is quiet again if nothing more fires."""
        times = self._fired.get(key)
        return times[-1] + self.limit.quiet if times else None

    def forget(self, at: int) -> None:
        """Lets go of keys that have been quiet."""
        span = max(self.limit.within, self.limit.quiet)
        self._fired = {key: times for key, times in self._fired.items() if at - times[-1] <= span}


# The machine itself


def decide(standing: Standing, reasons: Iterable[Reason], at: int, settle: int) -> Standing:
    """The standing after looking at `at` with the `reasons` that hold now; `told` and the rest are kept as they are."""
    found = sorted(reasons, key=lambda one: GRAVITY.index(one.state))
    before = standing.reasons[0] if standing.reasons else None
    if standing.state is Delivery.INHIBITED and not any(one.state is Delivery.INHIBITED for one in found) and before:
        until = before.until if before.why == SETTLING and before.until is not None else at + settle
        if at < until:
            found.insert(0, Reason(Delivery.INHIBITED, before.by, SETTLING, "", until))
    state = found[0].state if found else Delivery.DELIVERABLE
    if state is standing.state and tuple(found) == standing.reasons:
        return standing
    since = standing.since if state is standing.state and standing.since is not None else at
    return replace(standing, state=state, since=since, reasons=tuple(found))


# Escalation


@dataclass(frozen=True, slots=True)
class Step:
    """One step of an escalation: when the alert is still `when` after `wait` ns, `to` are told. level: from 1."""

    level: int
    when: str
    wait: int
    to: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Escalation:
    """Whom to tell when nobody acts. severities, sites: empty for all; the first escalation that fits an alert counts."""

    id: str
    severities: frozenset[str]
    sites: frozenset[str]
    steps: tuple[Step, ...]

    def fits(self, severity: str, site: str) -> bool:
        """Whether it is about such an alert."""
        return (not self.severities or severity in self.severities) and (not self.sites or site in self.sites)


def step_due(escalation: Escalation, standing: Standing, waiting: bool) -> tuple[Step, int] | None:
    """The next step of a firing alert that is told now, and when it is due. waiting: nobody has acknowledged it.

    Time counts from the moment at which the alert could be told, so that nobody is called for what was muted all along.
    """
    if standing.state is not Delivery.DELIVERABLE or standing.told is None:
        return None
    base = max(standing.told, standing.since or 0)
    for step in escalation.steps:
        if step.level > standing.level and (step.when == "uncleared" or waiting):
            return step, base + step.wait
    return None
