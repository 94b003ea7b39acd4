"""VAV: a terminal box that does not deliver its air, leaks, heats when it should not, or leaves its zone too warm or cold."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import ClassVar

import numpy as np

from rules.contract import Column, Input, State, Target
from rules.hvac.panel import Check, Look, Panel
from rules.quantity import Duration, Limit
from steward.model import BoolArray, Facility, FloatArray, IntArray, Point
from steward.units import HOUR, MINUTE

SHARED = ("sat", "fan")
"""Roles that a box takes from the air handler that feeds it."""


class Vav(Panel, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A VAV box has a fault; the alert names the component: box damper, airflow sensor, reheat valve, zone heating or cooling.

    Checks: `low_flow` and `high_flow` (air flow off its set point by more than `flow_band`), `starved` (damper fully open for
    90 minutes longer without reaching its set point), `leaking_damper` (damper shut, air flows), `flow_sensor` (fan off, air
    flow shown), `leaking_valve` (reheat shut, discharge warmer than the supply air), `no_reheat` (discharge far below its set
    point), `zone_hot`, `zone_cold` (occupied zone off its set points), `setback_missed` (unoccupied zone above `setback`).
    Each must last `delay`, and the box must have had air for `settle`; `leaking_damper` and `flow_sensor` compare with a
    tenth of the largest set point seen.

    Fields: `delay` (default "10m"), `settle` (default "10m"), `flow_band` (default "30%" of the set point), `zone_band`
    (default "1.7K"), `leak` (default "2.8K"), `short` (default "8.3K"), `setback` (default none: not checked).

    Roles: `zone` is needed; `flow`, `flow_sp`, `damper`, `reheat`, `dat`, `dat_sp`, `zone_heat_sp`, `zone_cool_sp`, `occ` are
    optional, and `sat`, `fan`, which are taken from the air handler that feeds the box where the box has none. What is
    missing is not evaluated, and the alert says so.

    Example: `kind = "vav", match = { equip_type = "vav" }, delay = "10m"`.
    Source: ASHRAE Guideline 36-2021, 5.6.6 (30 % of set point, 10 % of maximum, 5 degF, 15 degF, 3 degF; 10 minutes);
    `starved` and `setback_missed`: open-fdd VAV-4, VAV-2.
    """

    NAME: ClassVar[str] = "vav"
    UNPRICED: ClassVar[str] = "not_metered"
    INPUTS: ClassVar[tuple[Input, ...]] = (
        Input("zone"),
        *(
            Input(role, required=False)
            for role in ("flow", "flow_sp", "damper", "reheat", "dat", "dat_sp", "zone_heat_sp", "zone_cool_sp", "occ", *SHARED)
        ),
    )
    CHECKS: ClassVar[tuple[Check, ...]] = (
        Check("low_flow", "box_damper", ("flow", "flow_sp")),
        Check("high_flow", "box_damper", ("flow", "flow_sp", "damper")),
        Check("starved", "box_supply", ("damper", "flow"), 90 * MINUTE),
        Check("leaking_damper", "box_damper", ("flow", "flow_sp", "damper")),
        Check("flow_sensor", "airflow_sensor", ("flow", "flow_sp", "fan"), 0, False),
        Check("leaking_valve", "reheat_valve", ("reheat", "dat", "sat")),
        Check("no_reheat", "reheat_valve", ("reheat", "dat", "dat_sp")),
        Check("zone_hot", "zone_cooling", ("zone_cool_sp",)),
        Check("zone_cold", "zone_heating", ("zone_heat_sp",)),
        Check("setback_missed", "control_sequence", ("occ",), 0, None),
    )

    delay: Duration = Duration(10 * MINUTE)
    settle: Duration = Duration(10 * MINUTE)
    flow_band: Limit = Limit("30%")
    zone_band: Limit = Limit("1.7K")
    leak: Limit = Limit("2.8K")
    short: Limit = Limit("8.3K")
    setback: Limit | None = None

    def off(self) -> set[str]:
        return set() if self.setback is not None else {"setback_missed"}

    def look_back(self) -> int:
        return 24 * HOUR

    def bind(self, targets: Sequence[Target]) -> list[Target]:
        return [_from_air_handler(target) for target in targets]

    def limits(self, target: Target) -> Mapping[str, float]:
        return {
            "flow_band": self.flow_band.value("ratio"),
            "zone_band": self.zone_band.difference("degC"),
            "leak": self.leak.difference("degC"),
            "short": self.short.difference("degC"),
            "setback": np.nan if self.setback is None else self.setback.value("degC"),
        }

    def state(self) -> Mapping[str, Column]:
        return {**super().state(), "top": Column(np.float64, 0.0)}

    @classmethod
    def running(cls, one: Look) -> BoolArray:
        fan = ~(one["fan"] < 0.5)
        return fan & ~(one["flow_sp"] <= 0.0)

    @classmethod
    def ratios(cls, state: State, rows: IntArray, one: Look) -> Mapping[str, FloatArray]:
        top = np.fmax(state.get("top", rows), one["flow_sp"])
        state.put("top", rows, top)
        flow, wanted, damper = one["flow"], one["flow_sp"], one["damper"]
        band = state.get("flow_band", rows) * wanted
        occupied = ~(one["occ"] < 0.5)
        zone_band = state.get("zone_band", rows)
        full = (damper >= 0.975) & ~(flow >= 0.95 * wanted)
        setback = state.get("setback", rows)
        return {
            "low_flow": (wanted - flow) / band,
            "high_flow": np.where(damper > 0.1, (flow - wanted) / band, 0.0),
            "starved": np.where(full & (flow > 0), 2.0, 0.0),
            "leaking_damper": np.where(damper <= 0.02, flow / (0.1 * top), 0.0),
            "flow_sensor": np.where(one["fan"] < 0.5, flow / (0.1 * top), 0.0),
            "leaking_valve": np.where(one["reheat"] <= 0.02, (one["dat"] - one["sat"]) / state.get("leak", rows), 0.0),
            "no_reheat": np.where(one["reheat"] >= 0.5, (one["dat_sp"] - one["dat"]) / state.get("short", rows), 0.0),
            "zone_hot": np.where(occupied, (one["zone"] - one["zone_cool_sp"]) / zone_band, 0.0),
            "zone_cold": np.where(occupied, (one["zone_heat_sp"] - one["zone"]) / zone_band, 0.0),
            "setback_missed": np.where(one["occ"] < 0.5, 1.0 + one["zone"] - setback, 0.0),
        }


def _from_air_handler(target: Target) -> Target:
    """The target with supply air temperature and fan of the air handler that feeds the box or its space."""
    points = list(target.points)
    slots = {role: number for number, role in enumerate(one.role for one in Vav.INPUTS)}
    for role in SHARED:
        if points[slots[role]] is None:
            points[slots[role]] = _fed_by(target.facility, target.equip, role)
    return replace(target, points=tuple(points))


def _fed_by(facility: Facility, equip: str, role: str) -> Point | None:
    own = facility.equips.get(equip)
    names = {equip, own.space} - {""} if own else {equip}
    feeders = {one.id for one in facility.equips.values() if names & set(one.feeds)}
    return next((point for point in facility.points.values() if point.role == role and point.equip in feeders), None)
