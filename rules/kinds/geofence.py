"""Geofence: a vehicle is outside an area that it may not leave, or inside one that it may not enter."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, Literal

import numpy as np

from rules.contract import Column, Findings, Kind, NotApplicable, State, Target
from rules.fleet import fences, vehicle
from rules.quantity import Limit
from steward import ground
from steward.model import ByteArray, FloatArray, IntArray
from steward.units import SECOND

TOGETHER = 10 * SECOND
"""A latitude and a longitude this far apart are not one fix."""


class Geofence(Kind, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A vehicle is beyond the border of an area: it has left where it must stay, or entered where it must not be.

    Fields: `radius`: of a circle ("30km"); `centre`: its middle as [latitude, longitude] in degrees (without it: the
    place of the vehicle's site); `polygon`: corners as [[latitude, longitude], ...], instead of a circle; `keep`:
    "inside" (default) or "outside"; `margin`: how far beyond the border counts ("50m", default), it is over once the
    border itself is crossed back.

    Judged per vehicle at each fix, latitude and longitude of one moment; a fix of 0, 0 is none. Distances are in local
    metres, a fence may lie across the 180th meridian. A single wild fix is kept out by the rule's `for`. In a tunnel
    nothing is stated; parked, the last fix stands. Without a circle and a polygon, or without a place of its own: not
    applicable. The alert's value is the distance beyond the border, its limit `margin`.

    Example: `kind = "geofence", match = { equip_type = "vehicle" }, radius = "60km", for = "2m"`.
    Source: administrative area of an agency, the operator's choice; 50 m: ten times the error of an ordinary receiver (5
    m, GPS.gov), as platforms of official vehicles take for a bay.
    """

    NAME: ClassVar[str] = "geofence"
    JOINS: ClassVar[bool] = True
    UNIT: ClassVar[str] = "m"

    radius: Limit | None = None
    centre: list[float] = []
    polygon: list[list[float]] = []
    keep: Literal["inside", "outside"] = "inside"
    margin: Limit = Limit("50m")

    def check(self) -> list[tuple[str, str, str]]:
        problems = []
        for key, limit in (("radius", self.radius), ("margin", self.margin)):
            try:
                if limit is not None and limit.value("m") < 0:
                    problems.append((key, f"negative: {limit}", "a length, for example 50m"))
            except ValueError as problem:
                problems.append((key, str(problem), ""))
        if self.polygon and (self.radius is not None or self.centre):
            problems.append(("polygon", "a polygon and a circle", "one of them"))
        if self.polygon and len(self.polygon) < 3:
            problems.append(("polygon", f"{len(self.polygon)} corners", "three or more"))
        if self.centre and self.radius is None:
            problems.append(("radius", "missing", "the radius of the circle"))
        places = [("centre", self.centre)] if self.centre else []
        for key, place in places + [("polygon", corner) for corner in self.polygon]:
            if len(place) != 2 or not abs(place[0]) <= 90 or not abs(place[1]) <= 180:
                problems.append((key, f"not a place: {place}", "[latitude, longitude] in degrees"))
        return problems

    def bind(self, targets: Sequence[Target]) -> list[Target]:
        return vehicle.per_vehicle(targets, ("latitude",), ("longitude",))

    def requires(self, target: Target) -> Sequence[bool]:
        return (True, True)

    def holds(self, target: Target) -> Sequence[int | None]:
        return [TOGETHER] * len(target.points)

    def parameters(self, target: Target) -> Mapping[str, float | int | bool]:
        vehicle.demand(target, "metric latitude", "metric longitude")
        fence = fences.number(self._fence(target))
        return {"fence": fence, "sign": 1.0 if self.keep == "inside" else -1.0, "margin": self.margin.value("m")}

    def _fence(self, target: Target) -> fences.Fence:
        if self.polygon:
            corners = tuple((float(corner[0]), float(corner[1])) for corner in self.polygon)
            return fences.Fence(*corners[0], corners=corners)
        if self.radius is None:
            raise NotApplicable("no fence: `radius` or `polygon`")
        site = target.facility.sites.get(target.point.site)
        latitude, longitude = self.centre or ((None, None) if site is None else (site.latitude, site.longitude))
        if latitude is None or longitude is None:
            raise NotApplicable("no `centre`, and its site has no place")
        return fences.Fence(latitude, longitude, self.radius.value("m"))

    def state(self) -> Mapping[str, Column]:
        return {
            "beyond": Column(np.bool_, False),
            "latitude": Column(np.float64, np.nan),
            "longitude": Column(np.float64, np.nan),
        }

    @classmethod
    def step(cls, state: State, rows: IntArray, at: IntArray, value: FloatArray, quality: ByteArray) -> Findings:
        latitude, longitude = value[:, 0], value[:, 1]
        fixed = ground.sound(latitude, longitude)
        far = state.get("sign", rows) * fences.beyond(state.get("fence", rows), latitude, longitude)
        before = state.get("beyond", rows)
        margin = state.get("margin", rows)
        beyond = np.where(fixed, far > np.where(before, 0.0, margin), before)
        state.put("beyond", rows, beyond)
        for name, column in (("latitude", latitude), ("longitude", longitude)):
            state.put(name, rows, np.where(fixed, column, state.get(name, rows)))
        return Findings(beyond, far, margin, known=fixed)

    @classmethod
    def evidence(cls, state: State, row: int) -> dict[str, Any]:
        return {"latitude": vehicle.known(state["latitude"][row], 5), "longitude": vehicle.known(state["longitude"][row], 5)}
