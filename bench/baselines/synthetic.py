"""Synthetic days of a building with known truth.

A load is a base with a weekday pattern, heating and cooling from the hours' temperatures, and relative AR(1) noise; all seeded.
"""

from __future__ import annotations

import numpy as np

from metering.baselines import Baseline, Consumption, Form, Limits, Purpose, fit
from metering.degree_days import Side, Weather, excess
from metering.towt import Week
from steward.model import FloatArray, IntArray
from steward.units import DAY

UTC = Week("UTC", {})


def weather(years: int, seed: int, first_day: int = 15340) -> Weather:
    """Hourly temperatures, degC: season, day, and fronts of some days (AR(1) of hours)."""
    rng, n = np.random.default_rng(seed), years * 365 * 24
    hour = np.arange(n)
    fronts = autoregressive(n, 4.0, 0.985, rng)
    degc = 13 - 10 * np.cos(2 * np.pi * hour / (365.25 * 24)) - 4 * np.cos(2 * np.pi * (hour - 3) / 24) + fronts
    return Weather(first_day * 24, degc)


def autoregressive(n: int, sd: float, rho: float, rng: np.random.Generator) -> FloatArray:
    """AR(1) noise with the given standard deviation and lag-1 autocorrelation."""
    shocks = rng.normal(0, sd * np.sqrt(1 - rho**2), n)
    noise = np.empty(n)
    noise[0] = rng.normal(0, sd)
    for i in range(1, n):
        noise[i] = rho * noise[i - 1] + shocks[i]
    return noise


def load(air: Weather, days: int, sd: float, rho: float, seed: int, first: int = 0) -> Consumption:
    """Daily energy, Wh, of a building in the given weather from its day number `first` on."""
    rng = np.random.default_rng(seed)
    day = -(-air.first // 24) + first + np.arange(days)
    start = day * DAY
    heating = excess(air, np.array([rng.uniform(12, 16)]), Side.HEATING, start, start + DAY)[0]
    cooling = excess(air, np.array([rng.uniform(17, 21)]), Side.COOLING, start, start + DAY)[0]
    base = 1e6 * np.where((day + 3) % 7 < 5, 1.0, rng.uniform(0.5, 0.9))
    clean = base + 1e6 * (rng.uniform(0.01, 0.06) * heating + rng.uniform(0.01, 0.08) * cooling)
    noise = 1 + autoregressive(days, sd, rho, rng)
    return Consumption(start, start + DAY, clean * noise, np.ones(days, np.bool_))


def frozen(year: Consumption, air: Weather) -> Baseline:
    """The baseline of a fit year, not refitted afterwards."""
    found = fit(year, air, Form.TOWT, UTC, purpose=Purpose.SAVINGS, limits=Limits(scatter=((float("inf"), 9.0),)))
    assert isinstance(found, Baseline)
    return found


def drifting(year: Consumption, a_month: float, from_day: int) -> Consumption:
    """The year with consumption that grows by a share a month from a day on."""
    months = np.maximum(np.arange(len(year.start)) - from_day, 0) / 30.44
    return Consumption(year.start, year.end, year.value * (1 + a_month * months), year.eligible, year.unit)


def least_squares(air: Weather, start: IntArray, value: FloatArray) -> tuple[float, float]:
    """Heating and cooling balance points at the least sum of squares, by brute force over 0.25 K."""
    grid = np.arange(8.0, 24.0, 0.25)
    below = excess(air, grid, Side.HEATING, start, start + DAY)
    above = excess(air, grid, Side.COOLING, start, start + DAY)
    best = (np.inf, np.nan, np.nan)
    for i, heating in enumerate(grid):
        for j in range(i, len(grid)):
            design = np.column_stack([np.ones(len(value)), below[i], above[j]])
            normal = design.T @ design + 1e-9 * np.eye(3)
            slopes = np.linalg.solve(normal, design.T @ value)
            sse = float(((value - design @ slopes) ** 2).sum())
            if sse < best[0] and slopes[1] > 0 and slopes[2] > 0:
                best = (sse, float(heating), float(grid[j]))
    return best[1], best[2]
