"""Values in a rule's fields: durations ("15m") and limits with a unit ("5kW"), read once, resolved per point.

A limit without a unit is in the canonical unit of the point it is applied to. A difference (deadband, rate) takes the
scale of its unit only: a deadband of "2K" or "2degC" on a temperature is two kelvin. A register is judged by its rate:
energy (Wh) in W, volumes (m3) in m3/s, distance (m) in m/s.
"""

from __future__ import annotations

import re
from typing import Any

from steward.errors import UnknownUnit
from steward.units import duration, unit

_LIMIT = re.compile(r"\s*([-+]?(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][-+]?\d+)?)\s*(.*?)\s*")

RATES: dict[str, tuple[str, float]] = {"Wh": ("W", 3600.0), "VAh": ("VA", 3600.0), "varh": ("var", 3600.0), "m3": ("m3/s", 1.0),
                                       "m": ("m/s", 1.0), "s": ("ratio", 1.0), "1": ("Hz", 1.0)}  # fmt: skip
"""Unit of a register -> unit of its rate and the factor from (register unit / second)."""


class Duration(int):
    """Nanoseconds; written "90s", "15m", "1h30m", "2d"."""


class Limit(str):
    """A number with a unit, as written; plain numbers become text."""

    __slots__ = ()

    def _parts(self) -> tuple[float, str]:
        found = _LIMIT.fullmatch(self)
        if found is None:
            raise ValueError(f"not a limit: {str(self)!r}, expected for example 5kW, 28 degC, 0.9")
        return float(found[1]), found[2]

    def value(self, canonical: str) -> float:
        """In the canonical unit. Raises ValueError where the unit is unknown or of another dimension."""
        number, symbol = self._parts()
        if not symbol:
            return number
        found = _unit(symbol, canonical)
        return number * found[0] + found[1]

    def difference(self, canonical: str) -> float:
        """As a difference in the canonical unit. Raises ValueError."""
        number, symbol = self._parts()
        return number * _unit(symbol, canonical)[0] if symbol else number


def _unit(symbol: str, canonical: str) -> tuple[float, float]:
    if symbol == canonical:
        return 1.0, 0.0
    try:
        found = unit(symbol)
    except UnknownUnit as error:
        raise ValueError(str(error)) from None
    if found.canonical != canonical:
        raise ValueError(f"unit {symbol!r} does not fit: the points are in {canonical}")
    return found.scale, found.offset


def read(wanted: type, raw: Any) -> Any:
    """msgspec's `dec_hook` for the two types. Raises ValueError, NotImplementedError."""
    if wanted is Duration:
        if not isinstance(raw, str):
            raise ValueError(f"not a duration: {raw!r}, expected for example 90s, 15m, 1h30m, 2d")
        return Duration(duration(raw))
    if wanted is Limit:
        if isinstance(raw, bool) or not isinstance(raw, str | int | float):
            raise ValueError(f"not a limit: {raw!r}, expected for example 5kW, 28 degC, 0.9")
        limit = Limit(raw)
        limit._parts()
        return limit
    raise NotImplementedError(wanted)
