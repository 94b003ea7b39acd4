"""Metrics: what kinds of quantities there are. A metric fixes the canonical unit and the usual nature of a point."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Nature(StrEnum):
    """How values of a metric behave in time."""

    GAUGE = "gauge"
    """Instantaneous; between samples it may be anything."""
    COUNTER = "counter"
    """A cumulative register; the difference of two reads is consumption."""
    STATE = "state"
    """Enumerated; holds until the next sample."""


@dataclass(frozen=True, slots=True)
class Kind:
    """What a metric is: its canonical unit and its default nature."""

    unit: str
    nature: Nature


_GAUGES = {
    "power": "W",
    "apparent_power": "VA",
    "reactive_power": "var",
    "power_factor": "ratio",
    "voltage": "V",
    "current": "A",
    "frequency": "Hz",
    "thd": "ratio",
    "temperature": "degC",
    "humidity": "ratio",
    "pressure": "Pa",
    "co2": "ppm",
    "illuminance": "lx",
    "pm25": "ug/m3",
    "irradiance": "W/m2",
    "flow": "m3/s",
    "valve": "ratio",
    "damper": "ratio",
    "speed_ratio": "ratio",
    "level": "ratio",
    "count": "1",
    "speed": "m/s",
    "latitude": "deg",
    "longitude": "deg",
    "altitude": "m",
    "heading": "deg",
    "fuel": "m3",
    "fuel_level": "ratio",
    "fuel_rate": "m3/s",
    "soc": "ratio",
    "soh": "ratio",
    "battery_voltage": "V",
    "coolant_temperature": "degC",
    "tyre_pressure": "Pa",
    "engine_speed": "Hz",
    "engine_load": "ratio",
    "dtc_count": "1",
    "signal": "dBm",
    "battery": "ratio",
    "number": "1",
}
_COUNTERS = {
    "energy": "Wh",
    "energy_export": "Wh",
    "reactive_energy": "varh",
    "apparent_energy": "VAh",
    "heat": "Wh",
    "water": "m3",
    "gas": "m3",
    "fuel_used": "m3",
    "odometer": "m",
    "runtime": "s",
    "engine_hours": "s",
    "starts": "1",
    "pulses": "1",
}
_STATES = (
    "on",
    "open",
    "occupied",
    "mode",
    "status",
    "alarm",
    "motion",
    "ignition",
    "charging",
    "moving",
    "fault",
    "enabled",
)

METRICS: dict[str, Kind] = {
    **{name: Kind(unit, Nature.GAUGE) for name, unit in _GAUGES.items()},
    **{name: Kind(unit, Nature.COUNTER) for name, unit in _COUNTERS.items()},
    **{name: Kind("1", Nature.STATE) for name in _STATES},
}
"""metric -> Kind."""
