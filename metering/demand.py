"""Peak demand: mean power over blocks or a sliding window, only where every part may carry a peak; power factor.

A window with a spread, estimated or missing part is no evidence of a peak and is left out; a month without a whole window
has no peak demand, which is not the same as zero. Sliding windows move by the quarter hour, the grid of the ledger.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from math import hypot

import numpy as np

from metering.columns import Columns
from metering.intervals import QUARTER, Flag
from metering.seasons import Local
from metering.tariffs import DemandCharge, DemandKind, PowerFactorClause
from steward.model import BoolArray, FloatArray, IntArray
from steward.units import HOUR, MINUTE


@dataclass(frozen=True, slots=True)
class Peak:
    """The greatest demand found. power: W; at: start of its window, ns; covered: share of windows that could be judged."""

    power: float
    at: int
    covered: float


def windows(columns: Columns, local: Local, window: int, sliding: bool) -> tuple[IntArray, FloatArray, BoolArray]:
    """Start (ns), mean power (W) and eligibility of each demand window of quarter-hour columns of energy (Wh).

    Blocks lie on multiples of `window` of the local day. Raises ValueError where `window` is no multiple of a quarter hour.
    """
    width = window // QUARTER
    if window % QUARTER or width < 1:
        raise ValueError(f"demand interval of {window / MINUTE:g} min, expected a multiple of 15 min")
    size = len(columns) - width + 1
    if size < 1:
        return np.empty(0, np.int64), np.empty(0), np.empty(0, np.bool_)
    energy = np.concatenate(([0.0], np.cumsum(columns.value)))
    good = np.concatenate(([0], np.cumsum(columns.has(Flag.PEAK_ELIGIBLE))))
    whole = columns.end[width - 1 :] - columns.start[:size] == window
    power = (energy[width:] - energy[:-width]) * (HOUR / window)
    eligible = whole & (good[width:] - good[:-width] == width)
    if sliding:
        return columns.start[:size], power, eligible
    on_edge = local.minute[:size] * MINUTE % window == 0
    return columns.start[:size][on_edge], power[on_edge], eligible[on_edge]


def peak(columns: Columns, local: Local, window: int = QUARTER, sliding: bool = False) -> Peak | None:
    """The peak demand of all rows, None where no window can carry one."""
    start, power, eligible = windows(columns, local, window, sliding)
    if not eligible.any():
        return None
    best = int(np.argmax(np.where(eligible, power, -np.inf)))
    return Peak(float(power[best]), int(start[best]), float(eligible.mean()))


def billed_kw(charge: DemandCharge, found: Peak | None) -> Decimal | None:
    """Kilowatts (kVA) to pay for in a month; None where the charge needs a peak and none was measured."""
    if charge.kind is DemandKind.CAPACITY:
        return charge.contracted
    if found is None:
        return charge.contracted if charge.kind is DemandKind.CONTRACTED else None
    measured = Decimal(repr(round(max(found.power, 0.0) / 1000, 6)))
    if charge.kind is DemandKind.MEASURED:
        return measured
    excess = max(Decimal(0), measured - charge.contracted * charge.tolerance)
    return charge.contracted + excess * charge.excess_factor


def power_factor(active: float, reactive: float) -> float | None:
    """Mean power factor of a span from its energies (Wh, varh); None without active energy."""
    return None if active <= 0 else active / hypot(active, reactive)


def power_factor_share(clause: PowerFactorClause, factor: float) -> Decimal:
    """Share of energy and demand charge that the month's power factor adds (positive) or takes off, by whole hundredths."""
    value = min(max(Decimal(repr(round(factor, 2))), clause.worst), clause.best)
    steps = (clause.standard - value) * 100
    return steps * (clause.penalty if steps > 0 else clause.bonus)
