"""Outdoor temperature of periods: hourly columns, means of functions of it over the hours of a period, degree-days.

Invariants: one value an hour on the UTC grid, NaN where none was measured and never filled; a period's mean is over the hours
that begin in it and is NaN where fewer than `COVERAGE` of them are known, so a gap in the weather shows in every result.
Degree-days are taken from hours (the load follows the hours); those of daily means serve comparison with published tables.
Times are int64 ns, temperatures degC, degree-days K d.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

import numpy as np

from steward.model import BoolArray, FloatArray, IntArray
from steward.units import DAY, HOUR

COVERAGE = 0.9
"""Least share of a period's hours with a temperature (CalTRACK 2.2.3 asks 90 % of a billing period)."""
HEATING_BASE = 18.0
"""Base temperature of heating degree-days HDD18, degC (JGJ 26, GB 50189)."""
COOLING_BASE = 26.0
"""Base temperature of cooling degree-days CDD26, degC (GB 50189)."""


class Side(StrEnum):
    """Which side of the base temperature counts."""

    HEATING = "heating"
    COOLING = "cooling"


@dataclass(frozen=True, eq=False)
class Weather:
    """Outdoor temperature, degC, one value an hour; `first` is the number of the first hour since 1970, NaN = not measured."""

    first: int
    degc: FloatArray

    @classmethod
    def of(cls, at: IntArray, degc: FloatArray) -> Weather:
        """From samples at any times (ns, any order): the mean of the finite ones in each hour."""
        at, degc = np.asarray(at, np.int64), np.asarray(degc, np.float64)
        if at.shape != degc.shape:
            raise ValueError(f"temperatures: {len(at)} times but {len(degc)} values")
        good = np.isfinite(degc)
        if not good.any():
            return cls(0, np.zeros(0))
        hour = at[good] // HOUR
        first = int(hour.min())
        count = np.bincount(hour - first)
        with np.errstate(invalid="ignore"):
            return cls(first, np.bincount(hour - first, degc[good]) / count)

    def rows(self, start: IntArray, end: IntArray) -> tuple[IntArray, IntArray]:
        """Row of the first hour that begins in each period and the row past its last, cut to the rows that exist."""
        low = -(-np.asarray(start, np.int64) // HOUR) - self.first
        high = -(-np.asarray(end, np.int64) // HOUR) - self.first
        return np.clip(low, 0, len(self.degc)), np.clip(high, 0, len(self.degc))

    def known(self, start: IntArray, end: IntArray) -> BoolArray:
        """Whether enough hours of each period have a temperature."""
        low, high = self.rows(start, end)
        expected = -(-np.asarray(end) // HOUR) + (np.asarray(start) // -HOUR)
        enough: BoolArray = running(np.isfinite(self.degc)[None], low, high)[0] >= np.maximum(COVERAGE * expected, 1)
        return enough

    def within(self, start: IntArray, end: IntArray) -> FloatArray:
        """The known temperatures of the hours of the periods, each hour once."""
        low, high = self.rows(start, end)
        step = np.zeros(len(self.degc) + 1, np.int64)
        np.add.at(step, low, 1)
        np.add.at(step, np.maximum(high, low), -1)
        taken: FloatArray = self.degc[(np.cumsum(step[:-1]) > 0) & np.isfinite(self.degc)]
        return taken


def running(columns: FloatArray | BoolArray, low: IntArray, high: IntArray) -> FloatArray:
    """Sums of columns (k, hours) over rows [low, high) of each period -> (k, periods)."""
    total = np.zeros((columns.shape[0], columns.shape[1] + 1))
    np.cumsum(columns, axis=1, out=total[:, 1:])
    sums: FloatArray = total[:, np.maximum(high, low)] - total[:, low]
    return sums


def period_means(weather: Weather, columns: FloatArray, start: IntArray, end: IntArray) -> FloatArray:
    """Means of columns (k, hours of the weather) over the known hours of each period -> (k, periods), NaN where too few."""
    low, high = weather.rows(start, end)
    good = np.isfinite(weather.degc)
    count = running(good[None], low, high)
    sums = running(np.where(good, columns, 0.0), low, high)
    means = np.full(sums.shape, np.nan)
    np.divide(sums, count, out=means, where=weather.known(start, end) & (count > 0))
    return means


def excess(weather: Weather, base: FloatArray, side: Side, start: IntArray, end: IntArray) -> FloatArray:
    """Mean of (base - T)+ (heating) or (T - base)+ (cooling) over the hours of each period, K: (bases, periods)."""
    over = weather.degc[None, :] - np.asarray(base, np.float64)[:, None]
    return period_means(weather, np.maximum(over if side is Side.COOLING else -over, 0.0), start, end)


def heating_grid(weather: Weather, first: float, step: float, count: int, start: IntArray, end: IntArray) -> FloatArray:
    """Mean of (base - T)+ for `count` equally spaced bases, exact and in one pass over the hours: (count, periods).

    The periods must not overlap and have known weather. The cooling side is this less (base - mean temperature).
    """
    low, high = weather.rows(start, end)
    size = np.maximum(high - low, 0)
    period = np.repeat(np.arange(len(start)), size)
    row = np.arange(int(size.sum())) + np.repeat(low - np.r_[0, np.cumsum(size)[:-1]], size)
    degc = weather.degc[row]
    good = np.isfinite(degc)
    period, degc = period[good], degc[good]
    passed = np.ceil(np.clip((degc - first) / step, 0, count)).astype(np.int64)  # the first base that is not below T
    cell, shape = passed * len(start) + period, (count + 1, len(start))
    number = np.cumsum(np.bincount(cell, minlength=shape[0] * shape[1]).reshape(shape), axis=0)[:count]
    total = np.cumsum(np.bincount(cell, degc, shape[0] * shape[1]).reshape(shape), axis=0)[:count]
    base = first + step * np.arange(count)
    hours = np.maximum(np.bincount(period, minlength=len(start)), 1)
    grid: FloatArray = (base[:, None] * number - total) / hours
    return grid


def mean_temperature(weather: Weather, start: IntArray, end: IntArray) -> FloatArray:
    """Mean temperature of each period, degC, NaN where too few hours are known."""
    means: FloatArray = period_means(weather, weather.degc[None], start, end)[0]
    return means


def degree_days(weather: Weather, base: float, side: Side, start: IntArray, end: IntArray) -> FloatArray:
    """Degree-days of each period from its hours, K d; NaN where too few hours are known."""
    days = (np.asarray(end, np.int64) - np.asarray(start, np.int64)) / DAY
    result: FloatArray = excess(weather, np.array([base]), side, start, end)[0] * days
    return result


def degree_days_of_daily_means(weather: Weather, base: float, side: Side, day_start: IntArray, day_end: IntArray) -> FloatArray:
    """Degree-days of each local day from its mean temperature, K d, as published climate tables count them."""
    over = mean_temperature(weather, day_start, day_end) - base
    return np.maximum(over if side is Side.COOLING else -over, 0.0)
