"""Types of the fleet: vehicles as they are now, and their trips. See api.schema."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from api.schema import AlertCounts, Ms, Names, Severity, Shape


class Vehicle(Shape):
    """A vehicle now. Null is not measured, or not known."""

    key: str = Field(description="of its node, `equip:car-1`")
    id: str
    name: Names
    plate: str
    type: str
    site: str
    state: Literal["driving", "idling", "parked", "silent", "none"] = Field(
        description="idling: the engine runs and it does not move; silent: all its points are stale; none: no data yet"
    )
    newest: Ms | None
    speed: float | None = Field(description="m/s")
    fuel: float | None = Field(description="level of the tank, ratio")
    soc: float | None = Field(description="state of charge, ratio")
    odometer: float | None = Field(description="m")
    latitude: float | None
    longitude: float | None
    away: float | None = Field(description="m from its site")
    approved: bool | None = Field(description="whether a trip is approved now: what its point of the role `trip_approved` says")
    today: float | None = Field(description="m since local midnight as the ledger has them")
    worst: Severity | None
    alerts: AlertCounts


class Fleet(Shape):
    """The vehicles below a node, in the order of the tree."""

    now: Ms
    vehicles: list[Vehicle]


class TripRow(Shape):
    """A stretch of running engine, stops of up to five minutes included. Moments are those of the grid of `step`."""

    start: Ms
    end: Ms
    driving: int = Field(description="ms")
    idling: int = Field(description="ms with the engine on and no move")
    distance: float | None = Field(description="m, by the odometer, else from fix to fix")
    top: float | None = Field(description="highest speed, m/s")
    fuel: float | None = Field(description="change of the tank's level, ratio; above 0: filled up on the way")
    begun_at: list[float] | None = Field(description="latitude, longitude")
    ended_at: list[float] | None = Field(description="latitude, longitude")
    away: float | None = Field(description="m between its end and the site")
    running: bool = Field(description="not over yet")


class Trips(Shape):
    """The trips of a vehicle that lie in [start, end), newest first."""

    id: str
    start: Ms
    end: Ms
    step: int = Field(description="ms: how fine they are told apart")
    trips: list[TripRow]
