"""Change-point models of days or billing periods: E/day = a + h mean((Th - T)+) + c mean((T - Tc)+), means over the hours.

Invariants: h, c > 0 and Th <= Tc; of 1, 3 and 5 parameters the one with the lowest n ln(SSE/n) + 1.5 p ln n is taken. Every
pair of balance points on a grid of 0.2 K between the 5 % and 95 % quantiles of the hours is solved in closed form from sums
over the hours; those kept are the mean of the likelihood, not its top, which noise moves further from the truth. Periods are
weighted by their days. Energy in the unit of the meter (Wh, m3), temperatures degC.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import isnan, nan

import numpy as np

from metering.degree_days import Side, Weather, excess, heating_grid, mean_temperature
from steward.model import FloatArray, IntArray
from steward.units import DAY

STEP = 0.2
"""Step of the search for balance points, K."""
PENALTY = 1.5
"""Weight of p ln n against the fit: 1 (BIC) takes cooling for a meter without any."""


@dataclass(frozen=True, slots=True)
class Parameter:
    """One fitted number, named, with its unit."""

    name: str
    value: float
    unit: str


@dataclass(frozen=True, slots=True)
class ChangePoint:
    """A fitted model; slopes are 0 and balance points NaN where a side is absent. `fitted` = parameters estimated from data.

    base: energy a day; heating, cooling: energy a day and kelvin; heating_balance, cooling_balance: degC,
    and their standard errors heating_spread, cooling_spread (0 where given), K; unit: of the energy.
    """

    base: float
    heating: float = 0.0
    heating_balance: float = nan
    cooling: float = 0.0
    cooling_balance: float = nan
    heating_spread: float = nan
    cooling_spread: float = nan
    fitted: int = 1
    unit: str = "Wh"

    def predict(self, weather: Weather, start: IntArray, end: IntArray) -> FloatArray:
        """Expected energy of each period (ns), NaN where the weather is not known."""
        days = (np.asarray(end, np.int64) - np.asarray(start, np.int64)) / DAY
        a_day = np.where(weather.known(start, end), self.base, np.nan)
        if self.heating:
            a_day = a_day + self.heating * excess(weather, np.array([self.heating_balance]), Side.HEATING, start, end)[0]
        if self.cooling:
            a_day = a_day + self.cooling * excess(weather, np.array([self.cooling_balance]), Side.COOLING, start, end)[0]
        return np.asarray(a_day * days, np.float64)

    def curve(self, degc: FloatArray) -> FloatArray:
        """Energy a day at constant temperatures, for drawing."""
        below = 0.0 if isnan(self.heating_balance) else self.heating * np.maximum(self.heating_balance - degc, 0)
        above = 0.0 if isnan(self.cooling_balance) else self.cooling * np.maximum(degc - self.cooling_balance, 0)
        return np.asarray(self.base + below + above + 0.0 * degc, np.float64)

    def parameters(self) -> tuple[Parameter, ...]:
        """Every parameter that the model has, with its unit."""
        found = [Parameter("base", self.base, f"{self.unit}/d")]
        if self.heating:
            found += [
                Parameter("heating", self.heating, f"{self.unit}/(K d)"),
                Parameter("heating_balance", self.heating_balance, "degC"),
            ]
        if self.cooling:
            found += [
                Parameter("cooling", self.cooling, f"{self.unit}/(K d)"),
                Parameter("cooling_balance", self.cooling_balance, "degC"),
            ]
        return tuple(found)


@dataclass(frozen=True, slots=True)
class _Best:
    """The model of a grid: its least weighted sum of squares, and slopes and balance points at the mean of the likelihood."""

    sse: float = np.inf
    heating: float = 0.0
    heating_balance: float = nan
    cooling: float = 0.0
    cooling_balance: float = nan
    heating_spread: float = nan
    cooling_spread: float = nan


class _Search:
    """Weighted, centred sums of one meter, from which every balance point and pair is solved without another pass."""

    def __init__(self, weather: Weather, start: IntArray, end: IntArray, value: FloatArray) -> None:
        self.weather, self.start, self.end = weather, start, end
        days = (end - start) / DAY
        a_day = value / days
        self.weight = days / days.mean()
        self.mean = float(np.average(a_day, weights=days))
        self.y = a_day - self.mean
        self.yy = float(np.sum(self.weight * self.y**2))
        self.noise = max(1e-12 * float(np.sum(self.weight * a_day**2)), 1e-300)  # below a CV of 1e-6 all is rounding

    def columns(self, balance: FloatArray, side: Side) -> FloatArray:
        """Centred mean excess (balance points, periods)."""
        if len(balance) == 1:
            found = excess(self.weather, balance, side, self.start, self.end)
        else:
            found = heating_grid(self.weather, float(balance[0]), STEP, len(balance), self.start, self.end)
            if side is Side.COOLING:
                found = found + mean_temperature(self.weather, self.start, self.end) - balance[:, None]
        centred: FloatArray = found - np.average(found, axis=1, weights=self.weight)[:, None]
        return centred

    def one(self, balance: FloatArray, x: FloatArray, side: Side) -> _Best:
        """Best model of three parameters: on one side, with a positive slope."""
        xx, xy = (self.weight * x**2).sum(axis=1), x @ (self.weight * self.y)
        slope = np.divide(xy, xx, out=np.zeros_like(xy), where=xx > 1e-9 * len(self.y))
        sse = np.where(slope > 0, self.yy - slope * xy, np.inf)
        least = float(sse.min())
        if not np.isfinite(least):
            return _Best()
        middle, spread = _moments(self.likelihood(sse, 3), balance)
        row = int(np.argmin(np.abs(balance - middle) + np.where(slope > 0, 0, np.inf)))
        if side is Side.HEATING:
            return _Best(least, heating=float(slope[row]), heating_balance=float(balance[row]), heating_spread=spread)
        return _Best(least, cooling=float(slope[row]), cooling_balance=float(balance[row]), cooling_spread=spread)

    def likelihood(self, sse: FloatArray, fitted: int) -> FloatArray:
        """Weight of each point of the grid, exp(-(SSE - least) / 2 s2), s2 the residual variance of the best; sums to 1."""
        least = float(sse.min())
        variance = max(least, self.noise) / max(len(self.y) - fitted, 1)
        weight = np.exp(np.maximum((least - sse) / (2 * variance), -700.0)) * np.isfinite(sse)
        normed: FloatArray = weight / weight.sum()
        return normed

    def two(self, below: FloatArray, h: FloatArray, above: FloatArray, c: FloatArray) -> _Best:
        """Best model of five parameters: heating balance points `below`, cooling ones `above`, with their columns."""
        wy = self.weight * self.y
        hh, cc = (self.weight * h**2).sum(axis=1)[:, None], (self.weight * c**2).sum(axis=1)[None, :]
        hc, hy, cy = (h * self.weight) @ c.T, (h @ wy)[:, None], (c @ wy)[None, :]
        determinant = hh * cc - hc**2
        usable = (determinant > 1e-9 * hh * cc) & (below[:, None] <= above[None, :] + 1e-9)
        safe = np.where(usable, determinant, 1.0)
        heating, cooling = (cc * hy - hc * cy) / safe, (hh * cy - hc * hy) / safe
        sse = np.where(usable & (heating > 0) & (cooling > 0), self.yy - heating * hy - cooling * cy, np.inf)
        least = float(sse.min())
        if not np.isfinite(least):
            return _Best()
        weight = self.likelihood(sse, 5)
        first, first_spread = _moments(weight.sum(axis=1), below)
        second, second_spread = _moments(weight.sum(axis=0), above)
        away = (below[:, None] - first) ** 2 + (above[None, :] - second) ** 2
        row, column = divmod(int(np.argmin(np.where(np.isfinite(sse), away, np.inf))), len(above))
        slopes = float(heating[row, column]), float(cooling[row, column])
        sides = float(below[row]), float(above[column])
        return _Best(least, slopes[0], sides[0], slopes[1], sides[1], first_spread, second_spread)


def _moments(weight: FloatArray, balance: FloatArray) -> tuple[float, float]:
    """Mean and standard deviation of the balance point under a likelihood that sums to 1."""
    mean = float(weight @ balance)
    return mean, max(float(weight @ (balance - mean) ** 2), 0.0) ** 0.5


def fit(
    weather: Weather,
    start: IntArray,
    end: IntArray,
    value: FloatArray,
    *,
    heating_at: float | None = None,
    cooling_at: float | None = None,
    unit: str = "Wh",
) -> ChangePoint:
    """The change-point model of periods (ns) with energy `value`, all of them with known weather and none overlapping.

    heating_at, cooling_at: balance points in degC that are known and not to be searched (each counts one parameter less).
    """
    search, n = _Search(weather, start, end, value), len(value)
    low, high = np.quantile(weather.within(start, end), (0.05, 0.95))
    free = np.floor(low) + STEP * np.arange(round((high - np.floor(low)) / STEP) + 1)
    below = free if heating_at is None else np.array([heating_at])
    above = free if cooling_at is None else np.array([cooling_at])
    h, c = search.columns(below, Side.HEATING), search.columns(above, Side.COOLING)
    sides = (heating_at, cooling_at)
    models = [(_Best(search.yy), 1)]
    for best, given in (
        (search.one(below, h, Side.HEATING), sides[:1]),
        (search.one(above, c, Side.COOLING), sides[1:]),
        (search.two(below, h, above, c), sides),
    ):
        fitted = 1 + sum(2 if balance is None else 1 for balance in given)
        if np.isfinite(best.sse) and n > fitted:
            models.append((best, fitted))

    def cost(model: tuple[_Best, int]) -> float:
        return float(n * np.log(max(model[0].sse, search.noise) / n) + PENALTY * model[1] * np.log(n))

    chosen, count = min(models, key=cost)
    return _model(search, chosen, count, unit)


def _model(search: _Search, best: _Best, fitted: int, unit: str) -> ChangePoint:
    """The model of a best fit; its base follows from the means."""
    base = search.mean
    for slope, balance, side in (
        (best.heating, best.heating_balance, Side.HEATING),
        (best.cooling, best.cooling_balance, Side.COOLING),
    ):
        if slope:
            column = excess(search.weather, np.array([balance]), side, search.start, search.end)[0]
            base -= slope * float(np.average(column, weights=search.weight))
    return ChangePoint(
        base,
        best.heating,
        best.heating_balance,
        best.cooling,
        best.cooling_balance,
        best.heating_spread,
        best.cooling_spread,
        fitted,
        unit,
    )
