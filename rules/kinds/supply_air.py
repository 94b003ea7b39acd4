"""Supply air: screening of an air handler that has too few sensors for heat balances."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

import numpy as np

from rules.contract import Input, State, Target
from rules.hvac.panel import Check, Look, Panel
from rules.quantity import Duration, Limit
from steward.model import BoolArray, FloatArray, IntArray
from steward.units import MINUTE


class SupplyAir(Panel, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Supply air is off its set point, duct pressure off its own, both coils work at once, or the economizer is wrong.

    For air handlers without the sensors that `air_handler` needs, or beside it. Checks: `pressure_low` (below its set point at
    full fan speed), `pressure_high`, `heating_short` (too cold at a fully open heating valve), `cooling_short`,
    `temperature_off` (off its set point whatever the valves do), `simultaneous` (both valves open), `economizer_hot` (damper
    open while it is warm outside), `air_short` (outdoor-air fraction below `least_air`). The alert names the component.

    Fields: `delay` (default "30m") for which a check must be violated, `settle` (default "30m") for which the fan has run,
    `temperature_band` (default "1.1K"; `temperature_off`: 2.5 times it), `pressure_band` (default "25Pa"; `pressure_high`:
    2.5 times it), `full` (default "99%": a valve counts as fully open), `full_speed` (default "95%"), `outdoor_limit`
    (default "24degC"), `open_damper` (default "42%"), `least_air` (default none: not checked; no common value fits).

    Roles: `sat` and `fan` are needed; `sat_sp`, `cc`, `hc`, `spd`, `dsp`, `dsp_sp`, `oad`, `oat`, `mat`, `rat` are optional;
    a check without its roles is not evaluated, and the alert says so.

    Example: `kind = "supply_air", match = { equip_type = "air_handler" }, temperature_band = "2K"`.
    Source: ASHRAE Guideline 36-2021, 5.16.14 FC#1, FC#7, FC#13; open-fdd AHU-DUCTHI, ECON-2, ECON-4.
    """

    NAME: ClassVar[str] = "supply_air"
    UNPRICED: ClassVar[str] = "not_metered"
    INPUTS: ClassVar[tuple[Input, ...]] = (
        Input("sat"),
        Input("fan"),
        *(Input(role, required=False) for role in ("sat_sp", "cc", "hc", "spd", "dsp", "dsp_sp", "oad", "mat", "rat")),
        Input("oat", required=False, scope="site"),
    )
    CHECKS: ClassVar[tuple[Check, ...]] = (
        Check("pressure_low", "static_pressure", ("dsp", "dsp_sp", "spd")),
        Check("pressure_high", "static_pressure", ("dsp", "dsp_sp")),
        Check("heating_short", "heating_valve", ("sat_sp", "hc")),
        Check("cooling_short", "cooling_valve", ("sat_sp", "cc")),
        Check("temperature_off", "control_sequence", ("sat_sp",)),
        Check("simultaneous", "control_sequence", ("cc", "hc")),
        Check("economizer_hot", "outdoor_air_damper", ("oad", "oat")),
        Check("air_short", "outdoor_air_damper", ("mat", "rat", "oat")),
    )

    delay: Duration = Duration(30 * MINUTE)
    settle: Duration = Duration(30 * MINUTE)
    temperature_band: Limit = Limit("1.1K")
    pressure_band: Limit = Limit("25Pa")
    full: Limit = Limit("99%")
    full_speed: Limit = Limit("95%")
    outdoor_limit: Limit = Limit("24degC")
    open_damper: Limit = Limit("42%")
    least_air: Limit | None = None

    def off(self) -> set[str]:
        return set() if self.least_air is not None else {"air_short"}

    def limits(self, target: Target) -> Mapping[str, float]:
        return {
            "temperature_band": self.temperature_band.difference("degC"),
            "pressure_band": self.pressure_band.difference("Pa"),
            "full": self.full.value("ratio"),
            "full_speed": self.full_speed.value("ratio"),
            "outdoor_limit": self.outdoor_limit.value("degC"),
            "open_damper": self.open_damper.value("ratio"),
            "least_air": np.nan if self.least_air is None else self.least_air.value("ratio"),
        }

    @classmethod
    def running(cls, one: Look) -> BoolArray:
        return one["fan"] > 0.0

    @classmethod
    def ratios(cls, state: State, rows: IntArray, one: Look) -> Mapping[str, FloatArray]:
        sat, wanted, cc, hc = one["sat"], one["sat_sp"], one["cc"], one["hc"]
        band, pascal = state.get("temperature_band", rows), state.get("pressure_band", rows)
        full = state.get("full", rows)
        over = one["dsp"] - one["dsp_sp"]
        split = one["rat"] - one["oat"]
        share = (one["rat"] - one["mat"]) / split
        limit = state.get("least_air", rows)
        hot = (one["oat"] > state.get("outdoor_limit", rows)) & (one["oad"] > state.get("open_damper", rows))
        return {
            "pressure_low": np.where(one["spd"] >= state.get("full_speed", rows), -over / pascal, 0.0),
            "pressure_high": over / (2.5 * pascal),
            "heating_short": np.where(hc >= full, (wanted - sat) / band, 0.0),
            "cooling_short": np.where(cc >= full, (sat - wanted) / band, 0.0),
            "temperature_off": np.abs(sat - wanted) / (2.5 * band),
            "simultaneous": np.minimum(cc, hc) / 0.10,
            "economizer_hot": np.where(hot, 1.0 + one["oad"], 0.0),
            "air_short": np.where((np.abs(split) >= 5.6) & (share < limit), 1.0 + (limit - share), 0.0),
        }
