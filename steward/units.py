"""Units: any unit that a device sends -> the canonical unit of its dimension, one direction only.

Canonical units inside Steward: W, Wh, VA, var, varh, V, A, Hz, degC, Pa, m3, m3/s, m, m/s, kg, s, J, lx, ppm, ratio
(0-1), deg, 1. A conversion is affine: `canonical = value * scale + offset`. Exact factors are from the SI brochure
(BIPM, 9th edition) and NIST SP 811 appendix B. Durations in configuration ("15m") are parsed here too.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from steward.errors import UnknownUnit

SECOND = 1_000_000_000  # nanoseconds
MINUTE = 60 * SECOND
HOUR = 3600 * SECOND
DAY = 24 * HOUR


@dataclass(frozen=True, slots=True)
class Unit:
    """A unit and its way to the canonical one: `canonical = value * scale + offset`."""

    symbol: str
    canonical: str
    scale: float
    offset: float = 0.0


_FACTORS: dict[str, dict[str, float | tuple[float, float]]] = {
    "W": {
        "W": 1,
        "kW": 1e3,
        "MW": 1e6,
        "mW": 1e-3,
        "hp": 745.69987158227022,
        "BTU/h": 0.29307107017222,
        "RT": 3516.8528420667,
    },
    "VA": {"VA": 1, "kVA": 1e3, "MVA": 1e6},
    "var": {"var": 1, "kvar": 1e3, "Mvar": 1e6},
    "Wh": {
        "Wh": 1,
        "kWh": 1e3,
        "MWh": 1e6,
        "GWh": 1e9,
        "mWh": 1e-3,
        "Wmin": 1 / 60,
        "Ws": 1 / 3600,
        "MJ": 1e6 / 3600,
        "GJ": 1e9 / 3600,
        "kJ": 1e3 / 3600,
        "J": 1 / 3600,
        "BTU": 0.29307107017222,
    },
    "VAh": {"VAh": 1, "kVAh": 1e3},
    "varh": {"varh": 1, "kvarh": 1e3},
    "V": {"V": 1, "mV": 1e-3, "kV": 1e3},
    "A": {"A": 1, "mA": 1e-3, "kA": 1e3},
    "Ah": {"Ah": 1, "mAh": 1e-3},
    "Hz": {"Hz": 1, "kHz": 1e3, "rpm": 1 / 60},
    "degC": {
        "degC": 1,
        "°C": 1,
        "C": 1,
        "K": (1, -273.15),
        "degF": (5 / 9, -160 / 9),
        "°F": (5 / 9, -160 / 9),
        "F": (5 / 9, -160 / 9),
    },
    "K_diff": {"K_diff": 1},
    "Pa": {
        "Pa": 1,
        "hPa": 1e2,
        "kPa": 1e3,
        "MPa": 1e6,
        "bar": 1e5,
        "mbar": 1e2,
        "psi": 6894.757293168361,
        "inH2O": 249.08891,
        "mmHg": 133.322387415,
    },
    "m3": {"m3": 1, "m³": 1, "L": 1e-3, "l": 1e-3, "mL": 1e-6, "ft3": 0.028316846592, "gal": 0.003785411784},
    "m3/s": {
        "m3/s": 1,
        "m3/h": 1 / 3600,
        "m³/h": 1 / 3600,
        "L/s": 1e-3,
        "L/min": 1e-3 / 60,
        "L/h": 1e-3 / 3600,
        "cfm": 0.0004719474432,
        "gpm": 6.30901964e-05,
    },
    "m": {"m": 1, "km": 1e3, "cm": 1e-2, "mm": 1e-3, "mi": 1609.344, "ft": 0.3048},
    "m/s": {"m/s": 1, "km/h": 1 / 3.6, "kmh": 1 / 3.6, "kn": 1852 / 3600, "mph": 0.44704},
    "m2": {"m2": 1, "m²": 1},
    "kg": {"kg": 1, "g": 1e-3, "t": 1e3, "lb": 0.45359237},
    "s": {"s": 1, "ms": 1e-3, "min": 60, "h": 3600, "d": 86400},
    "lx": {"lx": 1, "klx": 1e3},
    "ppm": {"ppm": 1, "ppb": 1e-3},
    "ug/m3": {"ug/m3": 1, "µg/m3": 1, "µg/m³": 1, "mg/m3": 1e3},
    "W/m2": {"W/m2": 1, "kW/m2": 1e3},
    "ratio": {"ratio": 1, "%": 1e-2, "percent": 1e-2, "‰": 1e-3},
    "deg": {"deg": 1, "°": 1},
    "dBm": {"dBm": 1},
    "1": {"1": 1, "": 1, "count": 1, "pulse": 1},
}
"""canonical unit -> symbol -> scale, or (scale, offset)."""


def _unit(symbol: str, canonical: str, factor: float | tuple[float, float]) -> Unit:
    scale, offset = factor if isinstance(factor, tuple) else (factor, 0.0)
    return Unit(symbol, canonical, float(scale), float(offset))


UNITS: dict[str, Unit] = {
    symbol: _unit(symbol, canonical, factor) for canonical, members in _FACTORS.items() for symbol, factor in members.items()
}
"""symbol -> Unit."""


def unit(symbol: str) -> Unit:
    """The unit of a symbol. Raises UnknownUnit, naming the nearest known symbols."""
    found = UNITS.get(symbol)
    if found is None:
        near = [known for known in UNITS if known.lower() == symbol.lower()]
        hint = f"; did you mean {', '.join(near)}?" if near else ""
        raise UnknownUnit(f"unknown unit {symbol!r}{hint}")
    return found


_DURATION = re.compile(r"(\d+(?:\.\d+)?)\s*(ns|us|ms|s|m|h|d|w)")
_DURATION_NS = {"ns": 1, "us": 1_000, "ms": 1_000_000, "s": SECOND, "m": MINUTE, "h": HOUR, "d": DAY, "w": 7 * DAY}


def duration(text: str) -> int:
    """Nanoseconds of a duration such as "90s", "15m", "1h30m", "2d". Raises ValueError."""
    compact = text.replace(" ", "")
    parts = _DURATION.findall(compact)
    if not parts or "".join(number + suffix for number, suffix in parts) != compact:
        raise ValueError(f"not a duration: {text!r}, expected for example 90s, 15m, 1h30m, 2d")
    return round(sum(float(number) * _DURATION_NS[suffix] for number, suffix in parts))
