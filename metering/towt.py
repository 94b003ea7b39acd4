"""Time of week and temperature (TOWT) of hours or days: one level a slot of the week, plus pieces of the temperature.

Invariants: temperatures are clipped to the fitted range, so nothing is extrapolated; a slot never seen predicts NaN; columns
are scaled to 1 before a ridge, so that it shrinks but does not bias. The slots are eliminated by their means (Frisch-Waugh),
so a fit solves for the few other columns only. The plain form (six pieces) is for savings; the full form for monitoring has
pieces for each four-hour block, pieces of the mean of the last 24 h (thermal mass), two yearly harmonics from 330 days on.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from math import isnan

import numpy as np

from metering.changepoint import Parameter
from metering.degree_days import Weather, mean_temperature, period_means
from metering.intervals import utc_offsets
from steward.model import FloatArray, IntArray
from steward.units import DAY, HOUR

PIECES = 6
BLOCKS = 6
"""Parts of the day, of four hours, with temperature pieces of their own in the full form."""
HARMONICS_FROM = 330
"""Days of data from which the yearly harmonics are fitted."""
RIDGE_PLAIN, RIDGE_FULL = 1e-9, 1e-5
"""Ridge on columns scaled to 1, per sample."""
YEAR = 365.2425 * DAY


@dataclass(frozen=True, slots=True)
class Week:
    """Where an interval lies in the local week: `zone` an IANA name; `treat_as`: local date as days since 1970 -> weekday 0-6
    (0 = Monday) that it is like, for holidays and make-up workdays."""

    zone: str
    treat_as: Mapping[int, int]

    def place(self, start: IntArray) -> tuple[IntArray, IntArray]:
        """Weekday 0-6 and hour 0-23 of each start (ns, in time order)."""
        local = start + utc_offsets(start, self.zone)
        day = local // DAY
        weekday = (day + 3) % 7
        if self.treat_as:
            known = np.array(sorted(self.treat_as), np.int64)
            row = np.minimum(np.searchsorted(known, day), len(known) - 1)
            like = np.array([self.treat_as[int(number)] for number in known], np.int64)
            weekday = np.where(known[row] == day, like[row], weekday)
        return weekday, (local % DAY) // HOUR


@dataclass(frozen=True, eq=False)
class Towt:
    """A fitted model. `level`: energy of each slot (168 of hours, 7 of days) at all other columns 0, NaN where never seen;
    `slope`: energy per unit of each column of `names`; `knots`, `lag_knots`: degC, ends = fitted range; `unit`: of the energy.

    occupancy: whether a column of people (any measure of use) was fitted, and must be given to predict.
    """

    week: Week
    hourly: bool
    full: bool
    harmonics: bool
    occupancy: bool
    knots: FloatArray
    lag_knots: FloatArray
    level: FloatArray
    slope: FloatArray
    names: tuple[str, ...]
    unit: str = "Wh"

    @property
    def fitted(self) -> int:
        """Number of parameters estimated."""
        return int(np.isfinite(self.level).sum()) + len(self.slope)

    @property
    def fitted_of_days(self) -> int:
        """Parameters that the sum of a day can tell apart: its weekday and the other columns."""
        return min(7, len(self.level)) + len(self.slope)

    def predict(self, weather: Weather, start: IntArray, end: IntArray, people: FloatArray | None = None) -> FloatArray:
        """Expected energy of each interval (ns, in time order), NaN where weather or slot is not known."""
        if not len(start):
            return np.zeros(0)
        columns, _ = _columns(self, weather, start, end, people)
        expected: FloatArray = self.level[_slot(self.week, self.hourly, start)] + columns @ self.slope
        return expected

    def parameters(self) -> tuple[Parameter, ...]:
        """Every parameter, with its unit: the level of each slot, then the slopes."""
        days = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
        slots = [f"{day} {hour:02d}h" for day in days for hour in range(24)] if self.hourly else list(days)
        found = [Parameter(name, float(value), self.unit) for name, value in zip(slots, self.level, strict=True)]
        units = [f"{self.unit}/K" if name.startswith(("temperature", "last")) else self.unit for name in self.names]
        found += [Parameter(*column) for column in zip(self.names, map(float, self.slope), units, strict=True)]
        return tuple(parameter for parameter in found if not isnan(parameter.value))


def _slot(week: Week, hourly: bool, start: IntArray) -> IntArray:
    weekday, hour = week.place(start)
    return weekday * 24 + hour if hourly else weekday


def _pieces(degc: FloatArray, knots: FloatArray) -> FloatArray:
    """Degrees of each temperature (clipped to the knots) within each piece: (pieces, n)."""
    pieces: FloatArray = np.clip(degc[None, :] - knots[:-1, None], 0.0, np.diff(knots)[:, None])
    return pieces


def _columns(
    model: Towt, weather: Weather, start: IntArray, end: IntArray, people: FloatArray | None
) -> tuple[FloatArray, list[str]]:
    """All columns beside the slots, (n, columns), and their names; NaN rows where the weather is not known."""
    pieces = period_means(weather, _pieces(weather.degc, model.knots), start, end)
    labels = [f"temperature {low:.1f}..{high:.1f}" for low, high in zip(model.knots[:-1], model.knots[1:], strict=True)]
    found, names = [pieces], list(labels)
    if model.full and model.hourly:
        block = model.week.place(start)[1] * BLOCKS // 24
        found = [np.where(block == number, pieces, 0.0) for number in range(BLOCKS)]
        found[0] = found[0] + np.where(np.isnan(pieces), np.nan, 0.0)
        names = [f"{label} {number * 4:02d}-{number * 4 + 4:02d}h" for number in range(BLOCKS) for label in labels]
    if model.full:
        found.append(_pieces(_lagged(weather, start, end, model.hourly), model.lag_knots))
        knots = zip(model.lag_knots[:-1], model.lag_knots[1:], strict=True)
        names += [f"last 24 h {low:.1f}..{high:.1f}" for low, high in knots]
    if model.harmonics:
        angle = 2 * np.pi * ((start + end) / 2) / YEAR
        found.append(np.array([wave(k * angle) for k in (1, 2) for wave in (np.sin, np.cos)]))
        names += [f"{wave} {k} a year" for k in (1, 2) for wave in ("sin", "cos")]
    if model.occupancy:
        if people is None or people.shape != start.shape:
            raise ValueError(f"the model was fitted with occupancy: expected one value for each of {len(start)} intervals")
        found.append(people[None, :])
        names.append("occupancy")
    return np.concatenate(found).T, names


def _lagged(weather: Weather, start: IntArray, end: IntArray, hourly: bool) -> FloatArray:
    """Thermal mass: mean temperature of the 24 h up to the end of an hour, or of the day before a day."""
    last = end if hourly else start
    return mean_temperature(weather, last - DAY, last)


def _knots(degc: FloatArray) -> FloatArray:
    """Equally spaced knots over the range of temperatures; a constant temperature gets a range of 1 K."""
    low, high = float(degc.min()), float(degc.max())
    return np.linspace(low, max(high, low + 1.0), PIECES + 1)


def fit(
    week: Week,
    weather: Weather,
    start: IntArray,
    end: IntArray,
    value: FloatArray,
    *,
    full: bool,
    people: FloatArray | None = None,
    unit: str = "Wh",
) -> Towt:
    """The model of hours or days (ns, in time order, all of them with known weather and occupancy) with energy `value`."""
    hourly = bool(np.median(end - start) <= HOUR)
    empty = np.zeros(0)
    lag_knots = _knots(_finite(_lagged(weather, start, end, hourly))) if full else empty
    harmonics = full and int(end[-1] - start[0]) >= HARMONICS_FROM * DAY
    knots = _knots(weather.within(start, end))
    form = Towt(week, hourly, full, harmonics, people is not None, knots, lag_knots, empty, empty, (), unit)
    columns, names = _columns(form, weather, start, end, people)
    known = np.isfinite(columns).all(axis=1)  # the first day has no day before it
    slot, columns, value = _slot(week, hourly, start)[known], columns[known], value[known]
    level, slope = _solve(slot, columns, value, 168 if hourly else 7, RIDGE_FULL if full else RIDGE_PLAIN)
    return Towt(week, hourly, full, harmonics, people is not None, knots, lag_knots, level, slope, tuple(names), unit)


def _finite(degc: FloatArray) -> FloatArray:
    return degc[np.isfinite(degc)]


def _solve(slot: IntArray, columns: FloatArray, value: FloatArray, slots: int, ridge: float) -> tuple[FloatArray, FloatArray]:
    """Least squares of slots and columns: levels (slots) and slopes (columns)."""
    count = np.bincount(slot, minlength=slots)
    seen = np.maximum(count, 1)
    means = np.array([np.bincount(slot, column, slots) for column in columns.T]).T / seen[:, None]
    mean = np.bincount(slot, value, slots) / seen
    centred, target = columns - means[slot], value - mean[slot]
    scale = np.sqrt((centred**2).mean(axis=0))
    used = scale > 1e-9
    scaled = centred[:, used] / scale[used]
    normal = scaled.T @ scaled + ridge * len(value) * np.eye(int(used.sum()))
    slope = np.zeros(columns.shape[1])
    slope[used] = np.linalg.solve(normal, scaled.T @ target) / scale[used]
    level = np.where(count > 0, mean - means @ slope, np.nan)
    return level, slope
