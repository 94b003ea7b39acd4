"""Idling: the engine runs and the vehicle stands."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

import numpy as np

from rules.contract import Column, Findings, Kind, NotApplicable, State, Target
from rules.fleet import vehicle
from rules.quantity import Limit
from steward import ground
from steward.model import ByteArray, FloatArray, IntArray


class Idling(Kind, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The engine of a vehicle runs while it stands. How long is too long says the rule's `for`.

    Fields: `still`: up to this speed it stands ("3km/h", default: receivers of satellites drift); `above`: the engine
    runs when the engine's point is above this (default 0: ignition on; "300rpm" fits an engine speed); `rate`: fuel burnt
    by an idling engine where the vehicle tells none ("0.8L/h", default).

    Judged per vehicle at each sample of its speed (else of its state `moving`), together with the engine: its engine
    speed, else the ignition; both are needed, the ignition holds until told otherwise. Its fuel rate and place are used
    where it has them. An electric vehicle does not idle: not applicable. In a tunnel or a gap of more than three expected
    intervals nothing is counted. The alert's value is the time that it has been idling, its evidence the litres and the
    place; what `keep_firing_for` outlasts (a pull forward in a queue) is left out, and both go on.

    Example: `kind = "idling", match = { equip_type = ["vehicle", "bus"] }, for = "10m"`.
    Source: idling is what fleet platforms report as engine on without movement; many cities forbid more than 3 to 5
    minutes; 0.8 L/h: small petrol engines burn 0.6 to 1.0 L/h at idle (Argonne National Laboratory, 2-L engines 0.16-0.3
    gal/h).
    """

    NAME: ClassVar[str] = "idling"
    JOINS: ClassVar[bool] = True
    UNIT: ClassVar[str] = "s"
    COMPLETES: ClassVar[frozenset[str]] = frozenset({"value", "idle_minutes", "litres"})

    still: Limit = Limit("3km/h")
    above: Limit = Limit("0")
    rate: Limit = Limit("0.8L/h")

    def check(self) -> list[tuple[str, str, str]]:
        problems = []
        for key, unit in (("still", "m/s"), ("rate", "m3/s"), ("above", "Hz")):
            try:
                getattr(self, key).value(unit)
            except ValueError as problem:
                problems.append((key, str(problem), ""))
        return problems

    def bind(self, targets: Sequence[Target]) -> list[Target]:
        wanted = (("speed", "moving"), vehicle.ENGINE, ("fuel_rate",), ("latitude",), ("longitude",))
        return vehicle.per_vehicle(targets, *wanted)

    def requires(self, target: Target) -> Sequence[bool]:
        return (True, True, False, False, False)

    def parameters(self, target: Target) -> Mapping[str, float | int | bool]:
        vehicle.demand(target, "metric speed or moving", "metric engine_speed or ignition")
        if vehicle.electric(target):
            raise NotApplicable("an electric vehicle")
        engine = target.points[1]
        scaled = engine is not None and engine.unit == "Hz"
        return {
            "still": self.still.value("m/s") if target.point.metric == "speed" else 0.0,
            "engine": self.above.value("Hz") if scaled else 0.0,
            "rate": self.rate.value("m3/s"),
        }

    def state(self) -> Mapping[str, Column]:
        return {
            "idle": Column(np.bool_, False),
            "seconds": Column(np.float64),
            "burnt": Column(np.float64),
            "held_rate": Column(np.float64, np.nan),
            "latitude": Column(np.float64, np.nan),
            "longitude": Column(np.float64, np.nan),
        }

    @classmethod
    def step(cls, state: State, rows: IntArray, at: IntArray, value: FloatArray, quality: ByteArray) -> Findings:
        idle = (value[:, 0] <= state.get("still", rows)) & (value[:, 1] > state.get("engine", rows))
        gap = at - state.get("last_at", rows)
        before = state.get("idle", rows)
        passed = np.where(before & (gap <= state.get("hold", rows)), gap, 0) / 1e9
        held = state.get("held_rate", rows)
        litres = passed * np.where(np.isnan(held), state.get("rate", rows), held)
        anew = state.get("slot", rows) < 0  # what an alert outlasts does not begin anew: its sums go on
        seconds = np.where(anew, 0.0, state.get("seconds", rows) + passed)
        burnt = np.where(anew, 0.0, state.get("burnt", rows) + litres)
        for name, column in (("idle", idle), ("seconds", seconds), ("burnt", burnt), ("held_rate", vehicle.column(value, 2))):
            state.put(name, rows, column)
        latitude, longitude = vehicle.column(value, 3), vehicle.column(value, 4)
        fixed = ground.sound(latitude, longitude)
        for name, column in (("latitude", latitude), ("longitude", longitude)):
            state.put(name, rows, np.where(fixed & idle, column, state.get(name, rows)))
        return Findings(idle, seconds)

    @classmethod
    def evidence(cls, state: State, row: int) -> dict[str, Any]:
        return {
            "idle_minutes": round(float(state["seconds"][row]) / 60, 1),
            "litres": round(1e3 * float(state["burnt"][row]), 2),
            "litres_from": "usual rate" if np.isnan(state["held_rate"][row]) else "fuel rate",
            "latitude": vehicle.known(state["latitude"][row], 5),
            "longitude": vehicle.known(state["longitude"][row], 5),
        }
