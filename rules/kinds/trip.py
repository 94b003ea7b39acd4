"""Trip: an official vehicle is used when or as it may not be: without an approved trip, out of hours, on a sealed day."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import date, timedelta
from typing import Any, ClassVar, Literal

import numpy as np

from rules import hours
from rules.binding import pattern
from rules.contract import UNSEEN, Column, Findings, Kind, NotApplicable, State, Target
from rules.fleet import approvals, vehicle
from rules.quantity import Duration, Limit
from steward import ground
from steward.model import BoolArray, ByteArray, Calendar, Facility, FloatArray, IntArray, Site
from steward.units import MINUTE, SECOND

TOGETHER = 10 * SECOND
SETTLED = 10 * MINUTE
"""A vehicle that has been this long within `away` of one place stands there: its new bay, where none is given."""
REASONS = ("", "no approved trip", "sealed day", "out of hours")
Reason = Literal["unapproved", "closed", "sealed"]


class Trip(Kind, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A vehicle is moved although it may not be: without an approved trip, out of hours, or on a day on which it is sealed
    (封存).

    Fields: `judge`: what is judged (default all of "unapproved", "sealed", "closed"); `away`: how far from its bay it has
    moved ("50m", default); `above`: or faster than this ("5km/h", default); `bays`: bay by equip as [latitude, longitude]
    (globs allowed; without one: where it last stood for ten minutes); `trip`: role of the point of the equip that is
    above 0 while a trip is approved (default "trip_approved"); `approved`: trips as `{ equip = "car-1", from =
    "2026-06-01T08:00", to = "2026-06-01T18:00" }` in local time; `sealed`: further sealed days ("2026-10-01" or
    "2026-10-01/2026-10-08"); `exempt`: globs of equips that are not judged (duty and emergency vehicles); `before`,
    `after`: margins around the opening hours ("30m" each, default); `calendar`: the id of another calendar than the
    site's.

    One alert a vehicle, whatever speaks against it: the evidence names the gravest reason. An approved trip permits all.
    "unapproved" holds at any hour, where approvals are known at all: by the point, or by an entry of `approved` that
    names the vehicle. "sealed" are the holidays of the calendar (not its ordinary weekends) and `sealed`; "closed" is
    outside its opening hours. A vehicle with a bay given must also be in it: parked elsewhere out of hours it is away.
    Where nothing can be judged, or the vehicle is exempt: not applicable, with the reason. Judged at each fix, else at
    each sample of the speed; with ignition known and off, speed alone is no movement. In a gap nothing is stated. The
    alert's value is the distance from the bay (without fixes the speed). When trips are booked in Steward, the book will
    write the point `trip`; until then any device or person may.

    Example: `kind = "trip", match = { equip_type = "vehicle" }, exempt = ["duty-*"], for = "1m"`.
    Source: fielded platforms for official vehicles: more than 50 m from the bay without an order (Guizhou), out-of-hours
    use (Beijing: ignition on, moving, outside permitted time); sealing in holidays, duty vehicles exempt.
    """

    NAME: ClassVar[str] = "trip"
    JOINS: ClassVar[bool] = True

    judge: tuple[Reason, ...] = ("unapproved", "sealed", "closed")
    away: Limit = Limit("50m")
    above: Limit = Limit("5km/h")
    bays: dict[str, list[float]] = {}
    trip: str = "trip_approved"
    approved: list[dict[str, str]] = []
    sealed: list[str] = []
    exempt: list[str] = []
    before: Duration = Duration(30 * MINUTE)
    after: Duration = Duration(30 * MINUTE)
    calendar: str = ""

    def check(self) -> list[tuple[str, str, str]]:
        problems = [("judge", "nothing", "unapproved, sealed, closed")] if not self.judge else []
        for key, unit in (("away", "m"), ("above", "m/s")):
            try:
                getattr(self, key).value(unit)
            except ValueError as problem:
                problems.append((key, str(problem), ""))
        for equip, place in self.bays.items():
            if len(place) != 2 or not abs(place[0]) <= 90 or not abs(place[1]) <= 180:
                problems.append((f"bays.{equip}", f"not a place: {place}", "[latitude, longitude] in degrees"))
        for window in self.approved:
            try:
                approvals.window(window, "UTC")
            except ValueError as problem:
                problems.append(("approved", str(problem), '{ equip = "car-1", from = "2026-06-01T08:00", to = "..." }'))
        for text in self.sealed:
            try:
                days(text)
            except ValueError as problem:
                problems.append(("sealed", str(problem), "2026-10-01 or 2026-10-01/2026-10-08"))
        return problems

    def unit(self, target: Target) -> str:
        return "m" if target.point.metric == "latitude" else target.point.unit

    def bind(self, targets: Sequence[Target]) -> list[Target]:
        bound = []
        wanted = (("latitude",), ("longitude",), ("speed", "moving"), vehicle.ENGINE)
        for target in vehicle.per_vehicle(targets, *wanted, role=self.trip):
            latitude, longitude, speed, engine, book = target.points
            if latitude is None or longitude is None:
                latitude, longitude = speed, None
            bound.append(replace(target, points=(latitude, longitude, speed, engine, book)))
        return bound

    def requires(self, target: Target) -> Sequence[bool]:
        fixes = target.points[1] is not None
        return (True, fixes, False, False, False)

    def waits(self, target: Target) -> Sequence[bool]:
        return vehicle.present(target)

    def holds(self, target: Target) -> Sequence[int | None]:
        return [None, TOGETHER, None, vehicle.KEPT, vehicle.KEPT][: len(target.points)]

    def parameters(self, target: Target) -> Mapping[str, float | int | bool]:
        if len(target.points) < 5:
            raise NotApplicable("no vehicle")
        if target.points[0] is None:
            raise NotApplicable("has no point with metric latitude and longitude, speed or moving")
        if self.exempt and pattern(self.exempt)(target.equip):
            raise NotApplicable("exempt")
        site = target.facility.sites.get(target.point.site)
        zone = site.time_zone if site else "UTC"
        windows = [one for one in self.approved if pattern([one.get("equip", "*")])(target.equip)]
        booked = target.points[4] is not None or bool(windows)
        opening, open_days = self._calendars(target.facility, site)
        unapproved = booked and "unapproved" in self.judge
        if not unapproved and opening < 0 and open_days < 0:
            raise NotApplicable("no approved trips are known, and no calendar to judge by")
        bay = vehicle.of_vehicle(self.bays, target)
        return {
            "unapproved": unapproved,
            "opening": opening,
            "open_days": open_days,
            "windows": approvals.number(tuple(sorted(approvals.window(one, zone) for one in windows))),
            "fixes": target.points[1] is not None,
            "away": self.away.value("m"),
            "fast": self.above.value("m/s") if target.points[2] is not None and target.points[2].unit == "m/s" else 0.0,
            "bay_latitude": bay[0] if bay else np.nan,
            "bay_longitude": bay[1] if bay else np.nan,
        }

    def _calendars(self, facility: Facility, site: Site | None) -> tuple[int, int]:
        """Numbers of the opening hours and of the days that are not sealed, -1 where not judged or not known."""
        found = facility.calendars.get(self.calendar or (site.calendar if site else ""))
        zone = site.time_zone if site else "UTC"
        if self.calendar and found is None:
            raise NotApplicable(f"no calendar {self.calendar!r}")
        opening = open_days = -1
        if "closed" in self.judge and found is not None:
            opening = hours.number(found, zone, int(self.before), int(self.after))
        sealed = {day for text in self.sealed for day in days(text)} | (set(found.holidays) if found else set())
        if "sealed" in self.judge and sealed:
            open_days = hours.number(Calendar("", (((0, 1440),),) * 7, frozenset(sealed)), zone, 0, 0)
        return opening, open_days

    def state(self) -> Mapping[str, Column]:
        number, moment = Column(np.float64, np.nan), Column(np.int64, UNSEEN)
        return {
            "at_latitude": number, "at_longitude": number, "stands_at": moment, "bay_from_latitude": number,
            "bay_from_longitude": number, "latitude": number, "longitude": number, "speed": number,
            "reason": Column(np.int8), "moving": Column(np.bool_, False), "left_at": moment, "closed_at": moment,
        }  # fmt: skip

    @classmethod
    def step(cls, state: State, rows: IntArray, at: IntArray, value: FloatArray, quality: ByteArray) -> Findings:
        latitude, longitude = value[:, 0], value[:, 1]
        fixes = state.get("fixes", rows)
        fixed = fixes & ground.sound(latitude, longitude)
        speed, engine, book = value[:, 2], vehicle.column(value, 3), vehicle.column(value, 4)
        speed = np.where(fixes, speed, value[:, 0])
        moved, far, judged = cls._place(state, rows, at, latitude, longitude, fixed)
        moving = moved | ((speed > state.get("fast", rows)) & ~(engine == 0))
        reason = cls._reason(state, rows, at, book)
        true = moving & (reason > 0)
        left = moving & ~state.get("moving", rows)
        state.put("left_at", rows, np.where(left, at, state.get("left_at", rows)))
        state.put("moving", rows, np.where(judged, moving, state.get("moving", rows)))
        state.put("speed", rows, speed)
        state.put("reason", rows, np.where(true, reason, state.get("reason", rows)))
        return Findings(true, np.where(fixes, far, speed), np.where(fixes, state.get("away", rows), np.nan), known=judged)

    @classmethod
    def _place(
        cls, state: State, rows: IntArray, at: IntArray, latitude: FloatArray, longitude: FloatArray, fixed: BoolArray
    ) -> tuple[BoolArray, FloatArray, BoolArray]:
        """Whether it has left its bay (and not settled elsewhere), how far it is from it, and whether a fix could tell."""
        away = state.get("away", rows)
        home_latitude, home_longitude = state.get("bay_latitude", rows), state.get("bay_longitude", rows)
        given = ~np.isnan(home_latitude)
        here_latitude, here_longitude = state.get("at_latitude", rows), state.get("at_longitude", rows)
        since = state.get("stands_at", rows)
        new = np.isnan(here_latitude)
        leaves = fixed & ~new & (ground.distance(latitude, longitude, here_latitude, here_longitude) > away)
        stood = ~new & (at - since >= SETTLED)
        bay_latitude, bay_longitude = state.get("bay_from_latitude", rows), state.get("bay_from_longitude", rows)
        bay_latitude = np.where(stood | np.isnan(bay_latitude), here_latitude, bay_latitude)
        bay_longitude = np.where(stood | np.isnan(bay_longitude), here_longitude, bay_longitude)
        move = fixed & (new | leaves)
        for name, column in (("at_latitude", np.where(move, latitude, here_latitude)),
                             ("at_longitude", np.where(move, longitude, here_longitude)),
                             ("stands_at", np.where(fixed & new, at - SETTLED, np.where(move, at, since))),
                             ("bay_from_latitude", bay_latitude), ("bay_from_longitude", bay_longitude),
                             ("latitude", np.where(fixed, latitude, state.get("latitude", rows))),
                             ("longitude", np.where(fixed, longitude, state.get("longitude", rows)))):  # fmt: skip
            state.put(name, rows, column)
        home_latitude = np.where(given, home_latitude, bay_latitude)
        home_longitude = np.where(given, home_longitude, bay_longitude)
        far = np.where(fixed, np.nan_to_num(ground.distance(latitude, longitude, home_latitude, home_longitude)), np.nan)
        return fixed & (far > away), far, fixed | ~state.get("fixes", rows)

    @classmethod
    def _reason(cls, state: State, rows: IntArray, at: IntArray, book: FloatArray) -> IntArray:
        """Number of the gravest reason against a movement now, 0 where there is none."""
        approved = (book > 0) | approvals.inside(state.get("windows", rows), at)
        reason = np.zeros(len(rows), np.int64)
        for name, number in (("opening", 3), ("open_days", 2)):
            table = state.get(name, rows)
            judged = np.flatnonzero(table >= 0)
            inside, began, _ = hours.look(table[judged], at[judged])
            shut = judged[inside == 0]
            reason[shut] = number
            state["closed_at"][rows[shut]] = began[inside == 0]
        reason[state.get("unapproved", rows)] = 1
        reason[approved] = 0
        return reason

    @classmethod
    def evidence(cls, state: State, row: int) -> dict[str, Any]:
        left, reason = int(state["left_at"][row]), int(state["reason"][row])
        closed = int(state["closed_at"][row])
        speed = float(state["speed"][row])
        return {
            "reason": REASONS[reason],
            "left_at": left if left != UNSEEN else None,
            "closed_since": closed if reason in (2, 3) and closed > UNSEEN else None,
            "speed_kmh": round(3.6 * speed, 1) if np.isfinite(speed) else None,
            "latitude": vehicle.known(state["latitude"][row], 5),
            "longitude": vehicle.known(state["longitude"][row], 5),
        }


def days(text: str) -> list[str]:
    """The ISO days of "2026-10-01" or "2026-10-01/2026-10-08". Raises ValueError."""
    first, _, last = text.partition("/")
    day, end = date.fromisoformat(first), date.fromisoformat(last or first)
    if not 0 <= (end - day).days < 400:
        raise ValueError(f"not a span of days: {text!r}")
    return [(day + timedelta(days=number)).isoformat() for number in range((end - day).days + 1)]
