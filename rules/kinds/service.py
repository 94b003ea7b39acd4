"""Service: a vehicle or machine is due for service by distance, engine hours or date."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import date, datetime, timedelta
from typing import Any, ClassVar
from zoneinfo import ZoneInfo

import numpy as np

from rules.contract import NEVER, UNSEEN, Column, Findings, Kind, NotApplicable, State, Target
from rules.fleet import vehicle
from rules.quantity import Duration, Limit
from steward.model import ByteArray, FloatArray, IntArray, Nature
from steward.units import DAY, SECOND

_DATE = re.compile(r"\d{4}-\d{2}-\d{2}")
LIMITS = ("distance", "hours", "every")


class Service(Kind, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A vehicle is due for service, or soon will be: so far driven, so long run, or so long ago; whichever comes first.

    Fields: `distance`: between two services ("10000km"); `hours`: running time of the engine between them ("500h");
    `every`: the time between them ("365d"); at least one of the three; `advance`: the alert comes this share before
    ("10%", default); `done`: the last service by equip, a date with the readings that are known (`{ car-1 = "2026-03-01
    45200km 1210h" }`, globs allowed); `service`: role of the point that says that it was serviced (default "service").

    Judged per vehicle at each sample of its odometer, else of its engine hours, else of its first point; dates pass
    without samples. Counting starts at `done`, else with the first sample: state the last service of every vehicle. A
    service is told in one of two ways: the point with role `service` in the same equip rises (a state from 0, a counter
    at all; any device or person may send it), or `done` is written anew, which starts the rule afresh. A register that
    falls was replaced: the fall counts nothing. The alert's value is the share used, its limit 1; the evidence tells what
    is left, and by what date the use so far will have used it up. Nothing is replayed: the count lives in the saved
    state.

    Example: `kind = "service", match = { equip_type = "vehicle" }, distance = "10000km", every = "365d"`.
    Source: makers' service tables: 10,000 km or a year for passenger cars in China, 250 to 500 engine hours for machines;
    10 % in advance is what fleet maintenance commonly uses. Replace by the maker's.
    """

    NAME: ClassVar[str] = "service"
    JOINS: ClassVar[bool] = True
    TIMED: ClassVar[bool] = True
    UNIT: ClassVar[str] = "ratio"

    distance: Limit | None = None
    hours: Duration | None = None
    every: Duration | None = None
    advance: Limit = Limit("10%")
    done: dict[str, str] = {}
    service: str = "service"

    def check(self) -> list[tuple[str, str, str]]:
        problems = []
        if self.distance is None and self.hours is None and self.every is None:
            problems.append(("distance", "no limit", "`distance`, `hours`, `every` or several"))
        try:
            if self.distance is not None and self.distance.value("m") <= 0:
                problems.append(("distance", f"not above 0: {self.distance}", ""))
        except ValueError as problem:
            problems.append(("distance", str(problem), ""))
        try:
            if not 0 <= self.advance.value("ratio") < 1:
                problems.append(("advance", f"{self.advance} before", "a share below 100%"))
        except ValueError as problem:
            problems.append(("advance", str(problem), "a share, for example 10%"))
        for equip, text in self.done.items():
            try:
                last_service(text)
            except ValueError as problem:
                problems.append((f"done.{equip}", str(problem), "for example 2026-03-01 45200km 1210h"))
        return problems

    def hold(self, target: Target) -> int:
        return int(NEVER)

    def bind(self, targets: Sequence[Target]) -> list[Target]:
        bound = []
        for target, first in zip(vehicle.per_vehicle(targets, ("odometer",), ("engine_hours", "runtime"), role=self.service),
                                 _firsts(targets), strict=True):  # fmt: skip
            odometer, hours, mark = target.points
            trigger = odometer or hours or first
            points = (trigger, hours if odometer is not None else None, mark)
            bound.append(Target(target.id, points, target.facility, target.equip, target.device, target.shows or (first.id,)))
        return bound

    def waits(self, target: Target) -> Sequence[bool]:
        return vehicle.present(target)

    def holds(self, target: Target) -> Sequence[int | None]:
        return [vehicle.KEPT] * len(target.points)

    def parameters(self, target: Target) -> Mapping[str, float | int | bool]:
        if len(target.points) != 3:
            raise NotApplicable("no vehicle")
        trigger, mark = target.point, target.points[2]
        driven = trigger.metric == "odometer"
        ran = trigger.metric in ("engine_hours", "runtime")
        if self.every is None and not (self.distance is not None and driven) and not (self.hours is not None and (
                ran or target.points[1] is not None)):  # fmt: skip
            raise NotApplicable("has no odometer and no engine hours to count")
        early = 1.0 - self.advance.value("ratio")
        day, metres, seconds = last_service(vehicle.of_vehicle(self.done, target) or "")
        site = target.facility.sites.get(trigger.site)
        zone = ZoneInfo(site.time_zone if site else "UTC")
        since = UNSEEN if day is None else int(datetime(day.year, day.month, day.day, tzinfo=zone).timestamp()) * SECOND
        return {
            "driven": driven,
            "ran": ran,
            "every_m": np.inf if self.distance is None else self.distance.value("m"),
            "every_s": np.inf if self.hours is None else self.hours / 1e9,
            "every_ns": int(NEVER) if self.every is None else int(self.every),
            "early": early,
            "early_ns": int(NEVER) if self.every is None else round(self.every * early),
            "counts": mark is not None and mark.nature is Nature.COUNTER,
            "done_m": metres,
            "done_s": seconds,
            "done_at": since,
        }

    def state(self) -> Mapping[str, Column]:
        return {
            "odometer": Column(np.float64, np.nan),
            "engine": Column(np.float64, np.nan),
            "from_m": Column(np.float64, "done_m"),
            "from_s": Column(np.float64, "done_s"),
            "since": Column(np.int64, "done_at"),
            "metres": Column(np.float64),
            "seconds": Column(np.float64),
            "mark": Column(np.float64, np.nan),
            "first_at": Column(np.int64, UNSEEN),
            "seen_at": Column(np.int64, UNSEEN),
        }

    @classmethod
    def step(cls, state: State, rows: IntArray, at: IntArray, value: FloatArray, quality: ByteArray) -> Findings:
        first, second, mark = value[:, 0], vehicle.column(value, 1), vehicle.column(value, 2)
        odometer = np.where(state.get("driven", rows), first, np.nan)
        engine = np.where(state.get("ran", rows), first, second)
        before = state.get("mark", rows)
        told = np.where(state.get("counts", rows), mark > before, (mark > 0) & (before == 0))
        state.put("mark", rows, np.where(np.isnan(mark), before, mark))
        for read, held, start, total in ((odometer, "odometer", "from_m", "metres"), (engine, "engine", "from_s", "seconds")):
            old, begin = state.get(held, rows), state.get(start, rows)
            new = np.isnan(old) & ~np.isnan(read)
            grown = np.where(new, np.where(np.isnan(begin), 0.0, np.maximum(read - begin, 0.0)), np.maximum(read - old, 0.0))
            run = np.where(told, 0.0, state.get(total, rows) + np.nan_to_num(grown))
            state.put(total, rows, run)
            state.put(held, rows, np.where(np.isnan(read), old, read))
            state.put(start, rows, np.where(new | told, np.nan, begin))
        since, began = state.get("since", rows), state.get("first_at", rows)
        anew = told | (since == UNSEEN)
        state.put("since", rows, np.where(anew, at, since))
        state.put("first_at", rows, np.where(told | (began == UNSEEN), at, began))
        state.put("seen_at", rows, at)
        return cls._judge(state, rows, at)

    @classmethod
    def _judge(cls, state: State, rows: IntArray, at: IntArray) -> Findings:
        early, told = state.get("early", rows), state.get("early_ns", rows)
        dated = np.minimum(told, np.iinfo(np.int64).max // 4)
        since = state.get("since", rows)
        used = cls._used(state, rows, at)
        true = (used[:2] >= early * (1 - 1e-9)).any(axis=0) | ((told != NEVER) & (at - since >= dated))
        due = np.where((told != NEVER) & (since + dated > at), since + dated, NEVER)
        return Findings(true, used.max(axis=0), np.ones(len(rows)), due=due)

    @classmethod
    def _used(cls, state: State, rows: IntArray, at: IntArray) -> FloatArray:
        """Shares used by distance, engine hours and time, [3, rows]."""
        every = state.get("every_ns", rows)
        passed = np.maximum(at - state.get("since", rows), 0)
        by_time = np.where(every == NEVER, 0.0, passed / every)
        return np.stack([
            state.get("metres", rows) / state.get("every_m", rows),
            state.get("seconds", rows) / state.get("every_s", rows),
            by_time,
        ])  # fmt: skip

    @classmethod
    def elapse(cls, state: State, rows: IntArray, at: IntArray) -> Findings:
        state.put("seen_at", rows, at)
        return cls._judge(state, rows, at)

    @classmethod
    def evidence(cls, state: State, row: int) -> dict[str, Any]:
        rows = np.array([row])
        seen, since = int(state["seen_at"][row]), int(state["since"][row])
        used = cls._used(state, rows, np.array([seen]))[:, 0]
        found: dict[str, Any] = {"counted_since": since, "by": LIMITS[int(np.argmax(used))]}
        watched = max((seen - int(state["first_at"][row])) / DAY, 0.0)
        left: list[float] = []
        for total, every, unit, name, first in (("metres", "every_m", 1e3, "km_left", "from_m"),
                                                ("seconds", "every_s", 3600.0, "hours_left", "from_s")):  # fmt: skip
            limit, run = float(state[every][row]), float(state[total][row])
            if np.isfinite(limit):
                found[name] = round((limit - run) / unit, 1)
                days = (seen - since) / DAY
                if run > 0 and days >= 7 and watched >= 0 and np.isnan(state[first][row]):
                    left.append((limit - run) / (run / days))
        if state["every_ns"][row] != NEVER:
            left.append((since + int(state["every_ns"][row]) - seen) / DAY)
        if left:
            found["days_left"] = round(min(left))
            found["due_on"] = (date(1970, 1, 1) + timedelta(days=seen // DAY + round(min(left)))).isoformat()
        return found


def _firsts(targets: Sequence[Target]) -> list[Any]:
    """The first point of each equip of the targets, in the order of `per_vehicle`."""
    seen: dict[str, Any] = {}
    for target in targets:
        if target.equip:
            seen.setdefault(target.equip, target.point)
    return list(seen.values())


def last_service(text: str) -> tuple[date | None, float, float]:
    """Date, odometer in m and engine time in s (NaN where not given) of "2026-03-01 45200km 1210h". Raises ValueError."""
    day: date | None = None
    metres = seconds = float("nan")
    for part in text.split():
        if _DATE.fullmatch(part):
            day = date.fromisoformat(part)
            continue
        try:
            metres = _with_unit(part, "m")
        except ValueError:
            seconds = _with_unit(part, "s")
    return day, metres, seconds


def _with_unit(part: str, unit: str) -> float:
    if part[-1:].isdigit():
        raise ValueError(f"no unit: {part!r}")
    return Limit(part).value(unit)
