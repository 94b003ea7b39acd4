"""Rule cases as text: points with series, what happens besides, and which state is expected when.

A case file is TOML: an optional `[rule]`, `[site]` and `[defaults]` for all its cases, and `[[case]]` tables with `name`,
`rule` (merged over the file's), `point` tables (series in Prometheus notation, or single samples in order of arrival),
`events` (deaths, births, pause, resume), `expect`, `alerts` (number of episodes) and `not_applicable`. Times are durations
from the case's start. The runner feeds the real engine moment by moment; nothing of a rule is faked.
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import numpy as np

from rules.engine import Engine
from rules.hours import DAYS, weekly
from rules.load import Loaded, load
from rules.series import values
from steward.model import (
    METRICS,
    Alert,
    Batch,
    Calendar,
    Condition,
    Device,
    Equip,
    Facility,
    Nature,
    Organisation,
    Point,
    PointIndex,
    Quality,
    Site,
    Space,
)
from steward.units import SECOND, duration, unit

STANDARD = (
    "normal", "fault", "threshold_boundary", "equipment_off", "startup_delay", "data_gap", "duplicate_timestamp",
    "out_of_order", "irregular_sampling", "missing_required_role",
)  # fmt: skip
"""The ten cases that every kind must have (from open-fdd)."""

START = "2026-01-05T00:00:00+00:00"
"""A Monday; cases that do not care start there."""
_CASE_KEYS = {"name", "rule", "point", "events", "expect", "alerts", "not_applicable", "start", "end", "tick", "site", "note"}
_POINT_KEYS = {"id", "metric", "unit", "role", "category", "nature", "equip", "equip_type", "device", "gateway", "interval",
               "values", "samples", "delay", "begin", "feeds", "rated_power"}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Sample:
    """One sample of a case: point id, times in ns, value in the canonical unit."""

    point: str
    at: int
    received: int
    value: float
    quality: int = 0
    historical: bool = False


@dataclass(slots=True)
class Case:
    """A case, read: everything that the engine needs, and what is expected of it."""

    name: str
    facility: Facility
    loaded: Loaded
    start: int
    end: int
    tick: int
    samples: list[Sample]
    events: list[tuple[int, str, Any]]
    expect: list[Mapping[str, Any]]
    alerts: int | None
    not_applicable: list[str] | None


@dataclass(slots=True)
class Result:
    """What a case gave: no failures means that it passed. `statements` are all that the engine stated, in order."""

    name: str
    failures: list[str] = field(default_factory=list)
    statements: list[Alert] = field(default_factory=list)

    @property
    def passed(self) -> bool:
        """Whether all that was expected happened."""
        return not self.failures


def read(text: str) -> list[Case]:
    """The cases of a file's text. Raises ValueError with the case's name where one is written wrongly."""
    try:
        content = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise ValueError(f"not TOML: {error}") from None
    cases: list[Case] = []
    for number, table in enumerate(content.get("case", [])):
        name = str(table.get("name", number))
        try:
            cases.append(_case(name, table, content))
        except (ValueError, KeyError, TypeError) as error:
            raise ValueError(f"case {name}: {error}") from error
    return cases


def run(case: Case, split: Iterable[int] | None = None) -> Result:
    """Runs a case through an engine of its own. `split`: cut points (numbers of samples) at which batches end, besides the
    moments of ticks and events; None: all that arrives between two of those is one batch."""
    return Player(case).play(None if split is None else set(split))


def run_text(text: str) -> list[Result]:
    """Reads and runs all cases of a file's text; a case that cannot be read is a failure."""
    try:
        return [run(case) for case in read(text)]
    except ValueError as error:
        return [Result("file", [str(error)])]


class Player:
    """Feeds a case to an engine: samples in order of arrival, ticks in between, expectations at their moments."""

    def __init__(self, case: Case) -> None:
        self.case = case
        self.index = PointIndex(case.facility.points)
        self.engine = self.new_engine()
        self.result = Result(case.name, [str(problem) for problem in case.loaded.problems])
        self.now = case.start

    def new_engine(self) -> Engine:
        """An engine without any state for this case."""
        return Engine(self.case.loaded.rules, self.case.facility, self.index, lateness=0)

    def moments(self) -> list[tuple[int, int, str, Any]]:
        """All that happens besides samples: (time, rank, what, detail); of one moment ticks first, then events, looks last."""
        case = self.case
        ticks = [(at, 0, "tick", None) for at in range(case.start + case.tick, case.end + 1, case.tick)]
        events = [(at, 1, what, detail) for at, what, detail in case.events]
        looks = [(case.start + duration(str(one["at"])), 2, "expect", one) for one in case.expect]
        return sorted([*ticks, *events, *looks], key=lambda one: one[:2])

    def play(self, split: set[int] | None = None) -> Result:
        """Runs the case to its end. split: numbers of samples before which a batch is cut; None: as few batches as can be."""
        case = self.case
        self.state(self.engine.resume(case.start))
        waiting = sorted(range(len(case.samples)), key=lambda number: case.samples[number].received)
        done = 0
        for at, _, what, detail in self.moments():
            until = done
            while until < len(waiting) and case.samples[waiting[until]].received <= at:
                until += 1
            self.feed([case.samples[number] for number in waiting[done:until]], done, split)
            done = until
            self.now = at
            self.happen(at, what, detail)
        self.feed([case.samples[number] for number in waiting[done:]], done, split)
        self.finish()
        return self.result

    def feed(self, samples: list[Sample], first: int, split: set[int] | None) -> None:
        """One batch, or several where `split` cuts."""
        start = 0
        for place in range(1, len(samples) + 1):
            if place == len(samples) or (split is not None and first + place in split):
                part = samples[start:place]
                self.state(self.engine.feed(batch(part, self.index), max(self.now, part[-1].received)))
                start = place

    def happen(self, at: int, what: str, detail: Any) -> None:
        """What happens at `at` (ns): a tick, an event of devices or of the collector, or a look at what is expected then."""
        if what == "tick":
            self.state(self.engine.tick(at))
        elif what == "death":
            self.state(self.engine.deaths(detail, at))
        elif what == "birth":
            self.state(self.engine.births(detail, at))
        elif what == "pause":
            self.engine.pause(at)
        elif what == "resume":
            self.state(self.engine.resume(at))
        else:
            self.state(self.engine.tick(at + 1))  # what is due at this very moment counts as known
            self.look(detail)

    def state(self, alerts: list[Alert]) -> None:
        """Keeps what the engine stated, for the checks at the end."""
        self.result.statements.extend(alerts)

    def look(self, wanted: Mapping[str, Any]) -> None:
        """Compares one expectation with what is so now."""
        found = [alert for alert in self.engine.active(pending=True) if wanted.get("target") in (None, alert.target)]
        state = max((alert.condition.value for alert in found), key=["pending", "firing"].index, default="inactive")
        over = [
            one
            for one in self.result.statements
            if one.condition is Condition.RESOLVED and wanted.get("target") in (None, one.target)
        ]
        if state == "inactive" and wanted["state"] == "resolved" and over:
            state, found = "resolved", [over[-1]]
        place = f"at {wanted['at']}" + (f" {wanted['target']}" if "target" in wanted else "")
        if state != wanted["state"]:
            self.result.failures.append(f"{place}: expected {wanted['state']}, found {state}")
        elif found:
            self.compare(place, wanted, found[0])

    def compare(self, place: str, wanted: Mapping[str, Any], alert: Alert) -> None:
        """The further keys of an expectation."""
        for key in ("since", "fired", "resolved"):
            if key in wanted:
                expected, is_at = self.case.start + duration(str(wanted[key])), getattr(alert, key)
                if is_at != expected:
                    what = "never" if is_at is None else f"{(is_at - self.case.start) / SECOND:g}s"
                    self.result.failures.append(f"{place}: expected {key} {wanted[key]}, found {what}")
        for key in ("value", "worst", "limit"):
            if key in wanted and not np.isclose(getattr(alert, key), float(wanted[key]), rtol=1e-6):
                self.result.failures.append(f"{place}: expected {key} {wanted[key]}, found {getattr(alert, key):g}")
        for key, value in wanted.get("evidence", {}).items():
            if alert.evidence.get(key) != value:
                self.result.failures.append(f"{place}: expected evidence {key} = {value!r}, found {alert.evidence.get(key)!r}")

    def finish(self) -> None:
        """What is expected of the whole."""
        episodes = {alert.id for alert in self.result.statements}
        if self.case.alerts is not None and len(episodes) != self.case.alerts:
            self.result.failures.append(f"expected {self.case.alerts} alerts, found {len(episodes)}")
        if self.case.not_applicable is not None:
            found = sorted(one.target for one in self.engine.not_applicable())
            if found != sorted(self.case.not_applicable):
                self.result.failures.append(f"expected not applicable {self.case.not_applicable}, found {found}")


def batch(samples: list[Sample], index: PointIndex) -> Batch:
    """Samples as a batch, in their order, point ids numbered by `index`."""
    return Batch.of(
        [index.add(one.point) for one in samples],
        [one.at for one in samples],
        [one.value for one in samples],
        received=[one.received for one in samples],
        quality=[one.quality for one in samples],
        historical=[one.historical for one in samples],
    )


def _case(name: str, table: Mapping[str, Any], content: Mapping[str, Any]) -> Case:
    unknown = set(table) - _CASE_KEYS
    if unknown:
        raise ValueError(f"unknown key {sorted(unknown)[0]!r}, expected one of {', '.join(sorted(_CASE_KEYS))}")
    site = {**content.get("site", {}), **table.get("site", {})}
    start = _moment(str(table.get("start", content.get("start", START))))
    points: list[Mapping[str, Any]] = [{**content.get("defaults", {}), **one} for one in table.get("point", [])]
    facility = facility_of(points, site)
    samples = [sample for one in points for sample in _samples(one, facility.points[one["id"]], start)]
    rule = {"id": "rule", **content.get("rule", {}), **table.get("rule", {})}
    events = [(start + duration(str(one["at"])), what, detail) for one in table.get("events", [])
              for what, detail in one.items() if what != "at"]  # fmt: skip
    expect = list(table.get("expect", []))
    last = [sample.received for sample in samples] + [at for at, _, _ in events]
    last += [start + duration(str(one["at"])) for one in expect]
    end = start + duration(table["end"]) if "end" in table else max(last, default=start)
    tick = duration(str(table.get("tick", content.get("tick", "1m"))))
    loaded = load([(f"case {name}:rule", rule)], facility)
    return Case(
        name, facility, loaded, start, end, tick, samples, events, expect, table.get("alerts"), table.get("not_applicable")
    )  # fmt: skip


def _moment(text: str) -> int:
    at = datetime.fromisoformat(text)
    if at.tzinfo is None:
        raise ValueError(f"a start without a zone: {text}, expected for example {START}")
    return int(at.timestamp()) * SECOND


def facility_of(tables: list[Mapping[str, Any]], site: Mapping[str, Any]) -> Facility:
    """The facility of a case: the tables of its points, with the equips and devices that they name, at one site. Raises
    ValueError, naming the key or metric that is not known."""
    points: dict[str, Point] = {}
    equips: dict[str, Equip] = {}
    devices: dict[str, Device] = {}
    for table in tables:
        unknown = set(table) - _POINT_KEYS
        if unknown:
            raise ValueError(f"unknown key {sorted(unknown)[0]!r} of a point")
        point = _point(table)
        points[point.id] = point
        if point.equip:
            known = equips.get(point.equip)
            feeds = tuple(table.get("feeds", known.feeds if known else ()))
            rated = table.get("rated_power", known.rated_power if known else None)
            kind = str(table.get("equip_type", "other"))
            equips[point.equip] = Equip(point.equip, {"": point.equip}, kind, "site", feeds=feeds, rated_power=rated)
        for device, gateway in ((point.device, str(table.get("gateway", ""))), (str(table.get("gateway", "")), "")):
            if device:
                devices.setdefault(device, Device(device, {"": device}, "native", device, "main", "site", gateway=gateway))
    hours = weekly(site["hours"]) if "hours" in site else ()
    workdays = {day: DAYS.index(name) for day, name in site.get("workdays", {}).items()}
    calendars = {"site": Calendar("site", hours, frozenset(site.get("holidays", ())), workdays)} if hours else {}
    place = Site("site", {"": "Site"}, "org", str(site.get("time_zone", "UTC")), calendar="site" if hours else "")
    return Facility(
        id="case", name={"": "case"}, organisations={"org": Organisation("org", {"": "org"})}, sites={"site": place},
        spaces={"space": Space("space", {"": "space"}, "site")}, equips=equips, devices=devices, points=points, channels=(),
        templates={}, calendars=calendars,
    )  # fmt: skip


def _point(table: Mapping[str, Any]) -> Point:
    metric = str(table["metric"])
    kind = METRICS[metric]
    id = str(table["id"])
    return Point(
        id, {"": id}, metric, kind.unit, Nature(table.get("nature", kind.nature)), "site", "", str(table.get("equip", "")),
        str(table.get("device", "")), str(table.get("role", "")), str(table.get("category", "")),
        duration(str(table.get("interval", "1m"))),
    )  # fmt: skip


def _samples(table: Mapping[str, Any], point: Point, start: int) -> list[Sample]:
    scale = unit(str(table["unit"])) if "unit" in table else None
    delay = duration(str(table.get("delay", "0s")))

    def convert(value: float) -> float:
        return value if scale is None else value * scale.scale + scale.offset

    samples: list[Sample] = []
    begin = start + duration(str(table.get("begin", "0s")))
    for number, value in enumerate(values(table.get("values", ""))):
        if value is not None:
            at = begin + number * point.interval
            samples.append(Sample(point.id, at, at + delay, convert(value)))
    latest = start
    for entry in table.get("samples", []):
        at = start + duration(str(entry["at"]))
        latest = max(latest, start + duration(str(entry["received"])) if "received" in entry else at + delay)
        quality = Quality[str(entry.get("quality", "good")).upper()]
        samples.append(
            Sample(point.id, at, latest, convert(float(entry["value"])), quality, bool(entry.get("historical", False)))
        )
    return samples
