"""Heat and cold that an air handler loses, estimated from what it measures, with the error that its inputs leave. Pure.

leak: flow of air x heat capacity x (supply - mixed air - warming by the fan), while the valve that leaks is commanded shut;
what lies within the sensors' repeatability counts as none. both: heating and cooling at once: the lesser of the two, by valve
position x design power, is heat wasted and as much cold. Powers in W, flows in m3/s, temperatures in degC, positions 0..1.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from rules.hvac.tables import BAND_LEARNED, FAN_RISE, REPEATABILITY
from steward.model import FloatArray

AIR = 1.2 * 1005.0
"""J that a m3 of air takes for a kelvin: density x specific heat near 20 degC."""
SHUT, OPEN = 0.02, 0.05
"""Valve commands that count as shut, and as open, as for the rules."""
LEAST = 2.0 * math.sqrt(2.0) * REPEATABILITY
"""K under which a difference of two duct sensors shows nothing."""
MEASURED, BY_SPEED, BY_POSITION = 0.10, 0.25, 0.50
"""Relative errors: of a measured flow; of design flow x fan speed; of valve position x design power (the curve of valve and
coil is not known)."""


@dataclass(frozen=True, slots=True)
class Loss:
    """heat, cold: W of each interval, NaN where the inputs are not known; error: relative, of the whole; method: in words."""

    heat: FloatArray
    cold: FloatArray
    error: float
    method: str


def leak(heating: bool, supply: FloatArray, mixed: FloatArray, command: FloatArray, flow: FloatArray, measured: bool) -> Loss:
    """What a leaking heating (else cooling) valve gives to the air. command: of that valve; measured: `flow` is, and does not
    follow from design flow and speed."""
    off = (supply - mixed - FAN_RISE) * (1.0 if heating else -1.0)
    known = ~np.isnan(off) & ~np.isnan(flow) & ~np.isnan(command)
    counts = known & (off > LEAST) & (command <= SHUT)
    power = np.where(known, np.where(counts, AIR * flow * off, 0.0), np.nan)
    none = np.where(known, 0.0, np.nan)
    weight = float(np.nansum(np.where(counts, flow, 0.0)))
    mean = float(np.nansum(np.where(counts, flow * off, 0.0))) / weight if weight else 0.0
    error = math.hypot(BAND_LEARNED / mean if mean else 1.0, MEASURED if measured else BY_SPEED)
    way = "measured air flow" if measured else "design air flow x fan speed"
    return Loss(power if heating else none, none if heating else power, error, f"{way} x (supply - mixed air - fan)")


def both(heating: FloatArray, cooling: FloatArray, heating_power: float, cooling_power: float, running: FloatArray) -> Loss:
    """Heating and cooling at once. heating, cooling: valve commands; running: share of the interval in which the fan runs."""
    known = ~np.isnan(heating) & ~np.isnan(cooling) & ~np.isnan(running)
    at_once = known & (heating > OPEN) & (cooling > OPEN)
    lesser = np.minimum(heating * heating_power, cooling * cooling_power) * running
    power = np.where(known, np.where(at_once, lesser, 0.0), np.nan)
    return Loss(power, power, BY_POSITION, "the lesser of valve position x design power")
