"""The alert desk's tables of a facility file: `[desk]`, `[[maintenance]]`, `[[escalation]]`, checked against the facility.

Invariants: every problem is added to the list given, with its place; times without a zone are local times of the site that a
window is about; what comes out is frozen and in ns.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Annotated, Any, Literal
from zoneinfo import ZoneInfo

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, model_validator

from steward.config.values import Duration, Id, expected, parse_days
from steward.errors import Problem
from steward.model import Facility, Severity
from steward.muting import Maintenance, Scope
from steward.units import DAY, MINUTE, SECOND


class _Table(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class DeskTable(_Table):
    """How the alert desk behaves."""

    settle: Duration = Field(MINUTE, description="what was masked waits so long after its cause has cleared before it is told")
    chatter_episodes: int = Field(3, ge=2, le=100, description="so many episodes of one rule and target are chattering ...")
    chatter_within: Duration = Field(10 * MINUTE, gt=0, description="... when they fire within this time")
    chatter_quiet: Duration = Field(10 * MINUTE, gt=0, description="chattering ends when nothing new fired for so long")
    shelve_limit: Duration = Field(7 * DAY, gt=0, description="nobody can shelve for longer")


def _days(value: Any) -> Any:
    keys = [value] if isinstance(value, str) else value
    return tuple(dict.fromkeys(day for key in keys for day in parse_days(str(key))))


_SPAN = re.compile(r"^\s*(\d{1,2}):(\d{2})\s*-\s*(\d{1,2}):(\d{2})\s*$")


def parse_span(value: Any) -> tuple[int, int]:
    """Minutes of the local day of "22:00-02:00"; the second may be the smaller one. Raises ValueError."""
    match = _SPAN.match(str(value))
    if match is None:
        raise ValueError(f'expected hours such as "22:00-02:00", got {value!r}')
    begins, ends = int(match[1]) * 60 + int(match[2]), int(match[3]) * 60 + int(match[4])
    if begins >= 1440 or ends > 1440 or int(match[2]) > 59 or int(match[4]) > 59 or begins == ends:
        raise ValueError(f'expected two times of a day, "00:00" to "24:00", got {value!r}')
    return begins, ends


Weekdays = Annotated[tuple[int, ...], BeforeValidator(_days)]
DaySpan = Annotated[tuple[int, int], BeforeValidator(parse_span)]


class MaintenanceTable(_Table):
    """A maintenance window: alerts that it covers are judged as ever, but not told. Once (`start`, `end`) or weekly."""

    id: Id
    reason: str = Field(min_length=1, description="why: shown with every alert that it keeps quiet")
    site: str = Field("", description="with all that is there")
    space: str = Field("", description="with all that lies below it")
    equip: str = Field("", description="alerts of this equip and its points")
    device: str = Field("", description="a gateway: with the devices behind it")
    point: str = Field("", description="alerts of this point alone")
    rule: str = Field("", description="id of a rule, of this file or of a pack that it uses")
    severity: Literal["critical", "high", "medium", "low", ""] = Field("", description="alerts of this severity alone")
    start: datetime | None = Field(None, description="once: when it begins; weekly: not before. Local time of the site")
    end: datetime | None = Field(None, description="once: when it ends; weekly: not after")
    days: Weekdays = Field((), description='weekly: "sat" or ["mon-fri", "sun"]')
    hours: DaySpan = Field((0, 1440), description='weekly: "22:00-02:00" in local time; past midnight it ends the next day')

    @model_validator(mode="after")
    def _once_or_weekly(self) -> MaintenanceTable:
        if not self.days and (self.start is None or self.end is None):
            raise ValueError("expected start and end (once), or days and hours (weekly)")
        if not any((self.site, self.space, self.equip, self.device, self.point, self.rule, self.severity)):
            raise ValueError("it names nothing, expected at least one of site, space, equip, device, point, rule, severity")
        return self


class StepTable(_Table):
    """A step of an escalation."""

    when: Literal["unacknowledged", "uncleared"] = Field(
        "unacknowledged", description="unacknowledged: nobody has seen it; uncleared: it still fires, whoever has it"
    )
    after: Duration = Field(gt=0, description="so long after it was first told")
    to: list[str] = Field(min_length=1, description="persons or groups that notices know")


class EscalationTable(_Table):
    """Whom to tell when nobody acts. The first table that fits an alert counts."""

    id: Id
    severity: list[Severity] = Field([], description="empty: all")
    site: list[str] = Field([], description="empty: all")
    step: list[StepTable] = Field(min_length=1, max_length=9, description="in order; see below")


@dataclass(frozen=True)
class DeskSettings:
    """The desk's part of the settings."""

    table: DeskTable = field(default_factory=DeskTable)
    maintenance: tuple[Maintenance, ...] = ()
    escalation: tuple[EscalationTable, ...] = ()


def desk_of(
    table: DeskTable,
    maintenance: Sequence[MaintenanceTable],
    escalation: Sequence[EscalationTable],
    facility: Facility,
    origin: Mapping[str, Sequence[str]],
    problems: list[Problem],
    rules: Collection[str] | None = None,
    people: Collection[str] = (),
) -> DeskSettings:
    """The desk's settings; `origin`: table name -> the file of each of its entries; rules: the ids of the rules (None: not
    checked); people: the ids of recipients (none: not checked). Adds to `problems` what is wrong."""
    windows = []
    for name, ids in (("maintenance", [one.id for one in maintenance]), ("escalation", [one.id for one in escalation])):
        for number, id in enumerate(ids):
            if id in ids[:number]:
                problems.append(Problem(_where(origin, name, number, id, "id"), "stands twice", "an id of its own"))
    for number, one in enumerate(maintenance):
        where = _where(origin, "maintenance", number, one.id)
        for key, known in nameable(facility, rules).items():
            _check(where, key, getattr(one, key), known, problems)
        if one.point.rpartition(".")[0] not in facility.points:  # a point that follows from a register is not declared
            _check(where, "point", one.point, facility.points, problems)
        window = _window(one, facility)
        if not window.days and (window.start or 0) >= (window.end or 0):
            problems.append(Problem(f"{where}.end", "it ends before it begins", "a later time"))
        windows.append(window)
    for number, entry in enumerate(escalation):
        where = _where(origin, "escalation", number, entry.id)
        for site in entry.site:
            _check(where, "site", site, facility.sites, problems)
        for step in entry.step if people else ():
            for person in step.to:
                _check(f"{where}.step", "to", person, people, problems, "recipient")
        waits = [step.after for step in entry.step]
        if waits != sorted(waits):
            problems.append(Problem(f"{where}.step", "a step comes before the one above it", "steps in order of `after`"))
    return DeskSettings(table, tuple(windows), tuple(escalation))


def _where(origin: Mapping[str, Sequence[str]], table: str, number: int, id: str, key: str = "") -> str:
    files = origin.get(table, ())
    file = f"{files[number]}:" if number < len(files) else ""
    return f"{file}{table}[{id}]" + (f".{key}" if key else "")


def nameable(facility: Facility, rules: Collection[str] | None) -> dict[str, Collection[str]]:
    """What a scope may name, by its key; rules: the ids of the rules, None: they are not checked."""
    known: dict[str, Collection[str]] = {
        "site": facility.sites,
        "space": facility.spaces,
        "equip": facility.equips,
        "device": facility.devices,
    }
    return known if rules is None else {**known, "rule": rules}


def _check(where: str, key: str, value: str, known: Collection[str], problems: list[Problem], what: str = "") -> None:
    what = what or key
    if value and value not in known:
        problems.append(Problem(f"{where}.{key}", f"no {what} {value!r}", expected(value, known, what)))


def zone_of(scope: Scope, facility: Facility) -> str:
    """The time zone of the site that a scope is about; of the only site where it names none; else UTC."""
    tables: tuple[tuple[str, Mapping[str, Any]], ...] = (
        (scope.space, facility.spaces), (scope.equip, facility.equips), (scope.device, facility.devices),
        (scope.target, facility.points), (scope.target, facility.equips), (scope.target, facility.devices),
    )  # fmt: skip
    site = scope.site or next((table[id].site for id, table in tables if id in table), "")
    if not site and len(facility.sites) == 1:
        site = next(iter(facility.sites))
    return facility.sites[site].time_zone if site in facility.sites else "UTC"


def _window(table: MaintenanceTable, facility: Facility) -> Maintenance:
    scope = Scope("", table.rule, table.point, table.site, table.space, table.equip, table.device, table.severity)
    zone = zone_of(scope, facility)
    start, end = (None if time is None else _moment(time, zone) for time in (table.start, table.end))
    return Maintenance(table.id, scope, table.reason, "", start, end, table.days, *table.hours, zone, declared=True)


def _moment(time: datetime, zone: str) -> int:
    local = time if time.tzinfo is not None else time.replace(tzinfo=ZoneInfo(zone))
    delta = local.astimezone(UTC) - datetime(1970, 1, 1, tzinfo=UTC)
    return (delta.days * 86_400 + delta.seconds) * SECOND
