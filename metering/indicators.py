"""Indicators of a load from quarter-hour columns: demand, baseload, load factor, shares of night and weekend, per m2, head and
degree-day, and comparison with another period.

Invariants: totals count everything; what depends on the shape (peak, baseload, load factor, shares, profiles) takes only
intervals whose shape is known, and an indicator that cannot be said is None with a reason, never a number that looks right.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np

from metering.columns import Columns, Quality, quality
from metering.intervals import Flag, utc_offsets
from steward.model import BoolArray, FloatArray, IntArray
from steward.units import DAY, HOUR, MINUTE

LEAST_SHAPE = 0.8
"""Least share of a period's intervals with known shape for an indicator of the shape."""
NIGHT = (22 * 60, 6 * 60)
"""Night of the local day, minutes: from 22:00 to 6:00 (GB 3096 and JGJ practice of night-time load)."""
BASE_SHARE = 0.05
"""Baseload is the mean of the lowest 5 % of the quarter hours with known shape (low quantiles shrug off single zeros)."""


@dataclass(frozen=True, slots=True)
class Said:
    """A number, or None with the reason why there is none (a word of REASONS) and its figures."""

    value: float | None
    reason: str = ""
    detail: Mapping[str, float] | None = None


REASONS = {
    "no_area": "no area is declared",
    "no_people": "no headcount is declared",
    "no_weather": "no outdoor temperature is known",
    "no_degree_days": "no degree-days in this period",
    "no_data": "no consumption is known",
    "not_whole": "part of the period is missing or held",
    "shape_unknown": "the shape of too much of the period is not known",
    "no_peak_eligible": "no quarter hour is measured closely enough for a peak",
    "not_comparable": "the period compared with is not known well enough",
}
"""Why there is no number, in words."""


@dataclass(frozen=True, slots=True)
class Peak:
    """The highest mean power (canonical unit per hour: W for Wh) of a quarter hour, and its start in ns; None: why not."""

    value: float | None
    at: int | None
    reason: str = ""
    eligible: float = 0.0


@dataclass(frozen=True, slots=True)
class Load:
    """Indicators of one load over a period. mean, peak, baseload in canonical unit per hour (W for Wh); shares 0-1."""

    total: float
    mean: float
    quality: Quality
    peak: Peak
    baseload: Said
    baseload_share: Said
    load_factor: Said
    night_share: Said
    weekend_share: Said


def rate(columns: Columns) -> FloatArray:
    """Mean rate of each interval, canonical unit per hour."""
    hours = (columns.end - columns.start) / HOUR
    found: FloatArray = columns.value / hours
    return found


def local_minutes(start: IntArray, zone: str) -> tuple[IntArray, IntArray]:
    """Minute of the local day, and local day number since 1970, of each start."""
    local = start + utc_offsets(start, zone)
    return (local % DAY) // MINUTE, local // DAY


def peak(columns: Columns) -> Peak:
    """The peak demand, from peak-eligible intervals alone."""
    rows = np.flatnonzero(columns.has(Flag.PEAK_ELIGIBLE) & columns.shapely())
    if not len(rows):
        return Peak(None, None, "no_peak_eligible")
    best = rows[int(np.argmax(rate(columns)[rows]))]
    return Peak(float(rate(columns)[best]), int(columns.start[best]), "", len(rows) / len(columns))


def load(columns: Columns, zone: str, working: Callable[[int], bool] | None = None) -> Load:
    """The indicators of quarter-hour columns. working: says of a local day number (since 1970) whether it is a workday;
    without it Monday to Friday are."""
    size = len(columns)
    shape = columns.shapely()
    known = float(shape.mean()) if size else 0.0
    total = columns.total()
    hours = float(((columns.end - columns.start)[~columns.open()]).sum() / HOUR)
    mean = total / hours if hours else 0.0
    top = peak(columns)
    why = "no_data" if not size else "" if known >= LEAST_SHAPE else "shape_unknown"
    detail = {"known": known, "needed": LEAST_SHAPE}
    if why:
        none = Said(None, why, detail)
        return Load(total, mean, quality(columns), top, none, none, none, none, none)
    used = columns.take(shape)
    watts = rate(used)
    base = float(np.sort(watts)[: max(1, round(BASE_SHARE * len(watts)))].mean())
    average = float(watts.mean())
    minute, day = local_minutes(used.start, zone)
    night = (minute >= NIGHT[0]) | (minute < NIGHT[1])
    return Load(
        total,
        mean,
        quality(columns),
        top,
        Said(base),
        Said(base / average) if average > 0 else Said(None, "no_data"),
        Said(average / top.value) if top.value else Said(None, top.reason or "no_data"),
        _share(used.value, night),
        _share(used.value, ~_workdays(day, working)),
    )


def _share(value: FloatArray, rows: BoolArray) -> Said:
    whole = float(value.sum())
    return Said(float(value[rows].sum()) / whole) if whole > 0 else Said(None, "no_data")


def _workdays(day: IntArray, working: Callable[[int], bool] | None) -> BoolArray:
    days, row = np.unique(day, return_inverse=True)
    if working is None:
        flags = np.asarray((days + 3) % 7 < 5)  # day 0, 1 January 1970, was a Thursday
    else:
        flags = np.array([working(int(one)) for one in days], np.bool_)
    found: BoolArray = flags[row]
    return found


def per(total: float, by: float | None, reason: str, whole: Quality | None = None) -> Said:
    """A total per m2, head or degree-day; None with `reason` where there is nothing to divide by. With `whole`, a period of
    which a tenth or more is missing or held says so instead."""
    if by is None or by <= 0:
        return Said(None, reason)
    if whole is not None and whole.missing + whole.held > 0.1:
        return Said(None, "not_whole", {"missing": whole.missing, "held": whole.held})
    return Said(total / by)


@dataclass(frozen=True, slots=True)
class Comparison:
    """A total against that of another period: difference (this - other) and change (difference / other); None: why not."""

    other: float | None
    difference: float | None
    change: float | None
    reason: str = ""


def compare(this: Columns, other: Columns) -> Comparison:
    """Totals compared per hour, so that periods of different length are comparable; refused where a tenth or more of either is
    missing or held."""
    a, b = quality(this), quality(other)
    if not len(this) or not len(other) or max(a.missing + a.held, b.missing + b.held) > 0.1:
        return Comparison(None, None, None, "not_comparable")
    hours = float((this.end - this.start).sum() / HOUR), float((other.end - other.start).sum() / HOUR)
    before = other.total() * hours[0] / hours[1]
    return Comparison(other.total(), this.total() - before, this.total() / before - 1 if before > 0 else None)


@dataclass(frozen=True, slots=True)
class Profile:
    """Shapes of a load. heat: mean rate by day (rows, local) and hour (24 columns), NaN where unknown; days: local day numbers;
    weekday, weekend: mean rate by quarter hour of the local day (96), NaN where unknown; duration: rates of all intervals of
    known shape, highest first, thinned to at most 201; shape: which cells of `heat` rest wholly on known shape."""

    days: IntArray
    heat: FloatArray
    shape: BoolArray
    weekday: FloatArray
    weekend: FloatArray
    duration: FloatArray


def profile(columns: Columns, zone: str, working: Callable[[int], bool] | None = None) -> Profile:
    """The shapes of quarter-hour columns by local time. A repeated hour of autumn is the mean of both."""
    minute, day = local_minutes(columns.start, zone)
    watts = np.where(columns.open(), np.nan, rate(columns))
    days, row = np.unique(day, return_inverse=True)
    cell = row * 24 + minute // 60
    heat = _means(watts, cell, len(days) * 24).reshape(len(days), 24)
    spread = np.bincount(cell, ~columns.shapely(), len(days) * 24).reshape(len(days), 24)
    used = columns.shapely()
    work = _workdays(day, working)
    slot = minute // 15
    at_work, off = used & work, used & ~work
    ordered = np.sort(watts[used])[::-1]
    if len(ordered) > 201:
        ordered = ordered[np.linspace(0, len(ordered) - 1, 201).round().astype(np.int64)]
    return Profile(
        days, heat, spread == 0, _means(watts[at_work], slot[at_work], 96), _means(watts[off], slot[off], 96), ordered
    )


def _means(value: FloatArray, cell: IntArray, size: int) -> FloatArray:
    good = np.isfinite(value)
    count = np.bincount(cell[good], minlength=size)
    total = np.bincount(cell[good], value[good], size)
    return np.where(count > 0, total / np.maximum(count, 1), np.nan)
