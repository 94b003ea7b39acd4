"""Constants, roles, components and rules of the air handler, as tables; temperatures in degC, differences in K.

Sources: [G36] ASHRAE Guideline 36-2021, 5.16.14, defaults; [P] physics or statistics; [D] chosen on recorded units.
Class of a rule: E shows it in the air, C lies in what the controller asks for, Q is a consequence; its weight ranks them.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

E_SAT = E_RAT = E_OAT = 1.1
"""Error of a duct or outdoor sensor, K [G36: 2 degF]."""
E_MAT = 2.8
"""Error of a mixed-air sensor, K [G36: 5 degF]."""
FAN_RISE = 1.1
"""Warming by the fan until it is learned, K [G36]."""
LEAST_SPLIT = 5.6
"""Least difference of return and outdoor air for an outdoor-air fraction, K [G36: 10 degF]."""
E_FRACTION = 0.30
"""Error of the outdoor-air fraction [G36]."""
E_PRESSURE = 25.0
"""Error of duct static pressure, Pa [G36: 0.1 in. w.c.]."""
BAND_MIXED = math.hypot(E_SAT, E_MAT)
"""Band of supply minus mixed air, 3.0 K [P]."""
BAND_LEARNED = math.sqrt(2.0) * E_SAT
"""The same once the unit's own offset is known, 1.56 K [P]."""
BAND_OUTDOOR = math.hypot(E_MAT, E_OAT)
"""Band of mixed minus outdoor air at an open damper, 3.0 K [P]."""
REPEATABILITY = 0.2
"""Of a duct sensor whose bias is common to all days, K [D]."""
LEAST_FLOW = 0.20
"""Fan speed below which duct sensors read stagnant air [D]."""
SETTLE, ALARM_DELAY, STILL_SHORT, STILL_LONG, FLAT = 30, 30, 60, 180, 240
"""Minutes: a condition has settled, a violation counts [G36]; a command stands still, a sensor does."""
LEAST_MINUTES = 30
"""Minutes of a day that a rule, or a value of the day, needs."""
LEAST_DAYS, OFFSET_DAYS, KEPT_DAYS = 5, 4, 28
"""Other days that a history rule needs; that the learned offset needs; days kept."""
EFFORT_LEAST, EFFORT_MINUTES = 0.05, 120
"""Least extra valve command, and minutes of it in a day [D: 60 doubles the false days]."""
SPLIT_EDGES = (0.0, 0.05, 0.15, 0.3, 0.45, 0.6, 0.8, 0.95)
"""Lower edges of the bins of the damper command."""

ROLES: dict[str, str] = {
    "sat": "supply air temperature", "mat": "mixed air temperature", "rat": "return air temperature",
    "oat": "outdoor air temperature (else the site's)", "cc": "cooling valve command", "hc": "heating valve command",
    "oad": "outdoor-air damper command", "fan": "supply fan status", "spd": "fan speed command",
    "sat_sp": "supply air temperature set point", "sat_sp_heat": "the heating one", "sat_sp_cool": "the cooling one",
    "dsp": "duct static pressure", "dsp_sp": "its set point", "occ": "occupied mode",
}  # fmt: skip
REQUIRED = 8
"""The first so many roles are needed; the others switch rules off where they are missing."""
SLOT = {role: number for number, role in enumerate(ROLES)}

COMPONENTS = (
    "heating_valve",
    "cooling_valve",
    "outdoor_air_damper",
    "mixed_air_sensor",
    "outdoor_air_sensor",
    "supply_air_sensor",
    "return_air_sensor",
    "temperature_sensor",
    "static_pressure",
    "control_sequence",
)
WEIGHTS = {"E": 1.0, "C": 0.03, "Q": 0.001}


@dataclass(frozen=True, slots=True)
class Check:
    """One rule. share: of its applicable minutes that must violate it (0: `LEAST_MINUTES` are enough); band in `unit`, for
    people; needs: optional roles without which it is not evaluated; daily: judged on the day's values and own history."""

    name: str
    component: str
    rank: str
    mask: str
    share: float = 1 / 3
    band: float = 1.0
    unit: str = "1"
    needs: tuple[str, ...] = ()
    daily: bool = False

    @property
    def weight(self) -> float:
        """Rank of its evidence; pressure explains no temperature, hence a tenth."""
        return 0.1 if self.component == "static_pressure" else WEIGHTS[self.rank]


_HC, _CC, _OAD = "heating_valve", "cooling_valve", "outdoor_air_damper"
_SHUT = "flow, both valves shut"
_SET = ("sat_sp|sat_sp_heat",)
_SET_COOL = ("sat_sp|sat_sp_cool",)

CHECKS: tuple[Check, ...] = (
    Check("coil_hot", _HC, "E", _SHUT, band=BAND_MIXED, unit="K"),
    Check("coil_cold", _CC, "E", _SHUT, band=BAND_MIXED, unit="K"),
    Check("heat_but_cold", _CC, "E", "flow, heating", 0.0, BAND_MIXED, "K"),
    Check("cool_but_hot", _HC, "E", "flow, cooling", 0.0, BAND_MIXED, "K"),
    Check("cool_no_effect", _CC, "E", "flow, cooling valve half open or more", band=BAND_MIXED, unit="K"),
    Check("heat_no_effect", _HC, "E", "flow, heating valve half open or more", band=BAND_MIXED, unit="K"),
    Check("soak", _HC, "E", "fan off, heating valve shut", 0.0, BAND_MIXED, "K"),
    Check("oaf_full_low", _OAD, "E", "flow, damper full open", 0.0, BAND_OUTDOOR, "K"),
    Check("oaf_shut_high", _OAD, "E", "flow, damper shut", 0.0, E_FRACTION, "ratio"),
    Check("envelope", "temperature_sensor", "E", "flow", band=E_MAT, unit="K"),
    Check("flat_sat", "supply_air_sensor", "E", "flow"),
    Check("flat_mat", "mixed_air_sensor", "E", "flow"),
    Check("flat_rat", "return_air_sensor", "E", "flow"),
    Check("flat_oat", "outdoor_air_sensor", "E", "flow"),
    Check("off_cool", _CC, "E", "fan off", band=0.05, unit="ratio"),
    Check("off_damper", _OAD, "E", "fan off", band=0.10, unit="ratio"),
    Check("dsp", "static_pressure", "E", "fan on, occupied", band=E_PRESSURE, unit="Pa", needs=("dsp", "dsp_sp")),
    Check("dsp_low_full", "static_pressure", "E", "fan at full speed", band=E_PRESSURE, unit="Pa",
          needs=("dsp", "dsp_sp", "spd")),
    Check("fc7", _HC, "Q", "flow", 0.5, E_SAT, "K", _SET),
    Check("fc13", _CC, "Q", "flow", 0.5, E_SAT, "K", _SET_COOL),
    Check("econ_missed", _OAD, "C", "flow, cooling, outdoor air cool", band=0.9, unit="ratio"),
    Check("econ_hot", _OAD, "C", "flow, cooling, outdoor air warm", band=2.2, unit="K"),
    Check("heat_econ", _OAD, "C", "flow, heating", band=0.9, unit="ratio"),
    Check("no_vent", _OAD, "C", "flow, occupied", band=0.02, unit="ratio", needs=("occ",)),
    Check("mix_cold", _OAD, "C", _SHUT, band=BAND_LEARNED, unit="K", needs=_SET),
    Check("frozen_cc", _CC, "C", "flow", band=E_SAT, unit="K", needs=_SET_COOL),
    Check("frozen_hc", _HC, "C", "flow", band=E_SAT, unit="K", needs=_SET),
    Check("override_cc", _CC, "C", "flow"),
    Check("override_hc", _HC, "C", "flow"),
    Check("simul", "control_sequence", "C", "flow", band=0.05, unit="ratio"),
    Check("h_coil_hot", _HC, "E", "flow, both valve commands 0", 0.0, unit="K", daily=True),
    Check("h_coil_cold", _CC, "E", "flow, both valve commands 0", 0.0, unit="K", daily=True),
    Check("h_oaf", _OAD, "E", "flow, by damper command", 0.0, unit="ratio", daily=True),
    Check("h_cool_other", _HC, "Q", "flow, cooling, by load", 0.0, unit="ratio", needs=("spd", *_SET_COOL), daily=True),
    Check("h_cool_own", _CC, "Q", "flow, cooling, by load", 0.0, unit="ratio", needs=("spd", *_SET_COOL), daily=True),
    Check("h_heat_other", _CC, "Q", "flow, heating, by load", 0.0, unit="ratio", needs=("spd", *_SET), daily=True),
    Check("h_heat_own", _HC, "Q", "flow, heating, by load", 0.0, unit="ratio", needs=("spd", *_SET), daily=True),
    Check("h_mix", "temperature_sensor", "E", "flow, damper full open", 0.0, unit="K", daily=True),
)  # fmt: skip
INDEX = {check.name: number for number, check in enumerate(CHECKS)}
MINUTE_CHECKS = sum(not check.daily for check in CHECKS)
"""The first so many are judged on the minute."""


def missing(check: Check, present: set[str]) -> list[str]:
    """The optional roles that the rule lacks; `a|b`, of which one is enough, are told as "a or b"."""
    return [" or ".join(need.split("|")) for need in check.needs if not present.intersection(need.split("|"))]
