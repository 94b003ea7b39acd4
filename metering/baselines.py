"""Baselines: expected consumption fitted from a meter's past, with its accuracy, or refused with a typed reason.

Invariants: spread, estimated and open intervals (not `eligible`) and intervals without weather never enter a fit, and every one
left out is listed by reason; accuracy is stated by the model's own intervals and by days, for uncertainty is taken from days
only; a refusal carries the fit that it refuses, so that a person can look at it. Times int64 ns, energy in the meter's unit.
Figures after ASHRAE Guideline 14-2014: CV(RMSE) = sqrt(SSE/(n-p))/mean, NMBE = sum(r)/((n-p) mean), n' = n(1-rho)/(1+rho).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

import numpy as np

from metering import changepoint, towt
from metering.changepoint import ChangePoint
from metering.degree_days import Weather, mean_temperature
from metering.intervals import utc_offsets
from metering.towt import Towt, Week
from steward.model import BoolArray, FloatArray, IntArray
from steward.units import DAY, HOUR

WEEK = 7 * DAY


class Form(StrEnum):
    """Which model."""

    CHANGE_POINT = "change_point"
    """Days or billing periods by heating and cooling balance points."""
    TOWT = "towt"
    """Hours or days by time of week and temperature."""


class Purpose(StrEnum):
    """What the baseline is for; savings are held to Guideline 14, monitoring is refitted weekly and may start earlier."""

    SAVINGS = "savings"
    MONITORING = "monitoring"


class Exclusion(StrEnum):
    """Why an interval is not in the fit."""

    NOT_ELIGIBLE = "not_eligible"
    """Spread over a gap, estimated, held or missing."""
    NOT_FINITE = "not_finite"
    NO_WEATHER = "no_weather"
    """Fewer than 90 % of its hours have a temperature."""
    NO_OCCUPANCY = "no_occupancy"
    OUTLIER = "outlier"
    """Beyond 5 MAD of the first fit (monitoring)."""


class Reason(StrEnum):
    """Why a baseline or a saving is refused."""

    TOO_FEW = "too_few"
    """Fewer than 4 intervals for each parameter."""
    TOO_SHORT = "too_short"
    """Fewer than 26 weeks (7 for monitoring, which begins after 8 less what a gap or the first day costs)."""
    NO_LOAD = "no_load"
    """The mean consumption is not positive: no relative figure means anything."""
    SCATTER = "scatter"
    """CV(RMSE) above the limit of Guideline 14 for the months reported."""
    BIAS = "bias"
    """|NMBE| above 0.5 %, over all eligible intervals."""
    OUTSIDE = "outside"
    """More than 5 % of the reporting temperatures lie outside the fitted range."""
    UNCERTAIN = "uncertain"
    """Half width of the interval larger than half of the saving."""
    NOTHING_REPORTED = "nothing_reported"
    """No interval of the reporting period can be used."""


class Caution(StrEnum):
    """What a person should know about a result that is not refused."""

    NO_WEATHER_LOAD = "no_weather_load"
    """Low R2 with low CV: the load does not follow the weather, which is no fault of the model."""
    AUTOCORRELATED = "autocorrelated"
    """rho of 0.6 or more: the half width was multiplied by 1.4."""
    NOT_A_YEAR = "not_a_year"
    """Less than 330 days: a season may be missing."""
    SCATTER = "scatter"
    """CV(RMSE) above the limit for savings; enough for monitoring."""


@dataclass(frozen=True, slots=True)
class Limits:
    """What a baseline must keep. scatter: (months reported below, largest CV(RMSE)) of Guideline 14-2014, whole building."""

    per_parameter: int = 4
    weeks: Mapping[Purpose, int] = field(default_factory=lambda: {Purpose.SAVINGS: 26, Purpose.MONITORING: 7})
    scatter: tuple[tuple[float, float], ...] = ((12.0, 0.20), (60.0, 0.25), (float("inf"), 0.30))
    bias: float = 0.005
    outside: float = 0.05
    half_width: float = 0.5

    def largest_scatter(self, months: float) -> float:
        """The largest CV(RMSE) that a saving over so many months allows."""
        return next(limit for below, limit in self.scatter if months < below or below == float("inf"))


@dataclass(frozen=True, eq=False)
class Consumption:
    """Energy of hours, days or billing periods as columns of length n, in time order, not overlapping.

    start, end: ns; value: energy in `unit`; eligible: False for spread, estimated, held or missing intervals;
    people: occupancy or any other measure of use that drives the load (TOWT only), None if there is none.
    """

    start: IntArray
    end: IntArray
    value: FloatArray
    eligible: BoolArray
    unit: str = "Wh"
    people: FloatArray | None = None

    def __post_init__(self) -> None:
        """Raises ValueError where the columns do not fit together."""
        if not len(self.start) == len(self.end) == len(self.value) == len(self.eligible):
            raise ValueError("consumption: columns of unequal length")
        if (self.start[1:] < self.end[:-1]).any() or (self.end <= self.start).any():
            raise ValueError("consumption: intervals must be in time order and not overlap")

    def take(self, rows: BoolArray) -> Consumption:
        """The intervals at `rows`: a mask, or row numbers."""
        people = None if self.people is None else self.people[rows]
        return Consumption(self.start[rows], self.end[rows], self.value[rows], self.eligible[rows], self.unit, people)

    def between(self, start: int, end: int) -> Consumption:
        """The intervals that lie wholly in [start, end) ns."""
        return self.take((self.start >= start) & (self.end <= end))


@dataclass(frozen=True, slots=True)
class Accuracy:
    """How well a model describes its own period: n intervals, p parameters, mean energy of an interval (bills: of a day)."""

    n: int
    p: int
    mean: float
    cv: float
    nmbe: float
    r2: float
    rho: float

    @property
    def independent(self) -> float:
        """n', the number of independent intervals that n autocorrelated ones are worth."""
        rho = max(self.rho, 0.0)
        return self.n * (1 - rho) / (1 + rho)


@dataclass(frozen=True, eq=False)
class Baseline:
    """A fitted baseline with everything to redraw and to explain it.

    start, end: fit period, ns; used: the intervals of the fit, `expected` and `degc` (mean temperature) beside them;
    range: lowest and highest hourly temperature fitted, degC; daily: accuracy by days (of bills: by bills);
    excluded: starts of what was left out, by reason.
    """

    form: Form
    purpose: Purpose
    model: ChangePoint | Towt
    used: Consumption
    expected: FloatArray
    degc: FloatArray
    range: tuple[float, float]
    accuracy: Accuracy
    daily: Accuracy
    excluded: Mapping[Exclusion, IntArray]
    cautions: tuple[Caution, ...]

    @property
    def start(self) -> int:
        """Start of the first interval that was fitted, ns UTC."""
        return int(self.used.start[0])

    @property
    def end(self) -> int:
        """End of the last interval that was fitted, ns UTC."""
        return int(self.used.end[-1])

    def predict(self, consumption: Consumption, weather: Weather) -> FloatArray:
        """Expected energy of each interval, NaN where weather (or the slot of the week) is not known."""
        if isinstance(self.model, ChangePoint):
            return self.model.predict(weather, consumption.start, consumption.end)
        return self.model.predict(weather, consumption.start, consumption.end, consumption.people)


@dataclass(frozen=True, eq=False)
class Refusal:
    """Why there is no result: the figure that failed, its limit, and the fit (if one was made) that it concerns."""

    reason: Reason
    value: float
    limit: float
    excluded: Mapping[Exclusion, IntArray]
    baseline: Baseline | None = None

    def __str__(self) -> str:
        return f"{self.reason}: {self.value:.4g}, limit {self.limit:.4g}"


def usable(consumption: Consumption, weather: Weather) -> tuple[BoolArray, dict[Exclusion, IntArray]]:
    """Which intervals can be fitted or reported, and the starts of the others by the first reason that applies."""
    left = np.ones(len(consumption.start), np.bool_)
    excluded: dict[Exclusion, IntArray] = {}
    tests = [
        (Exclusion.NOT_ELIGIBLE, consumption.eligible),
        (Exclusion.NOT_FINITE, np.isfinite(consumption.value)),
        (Exclusion.NO_WEATHER, weather.known(consumption.start, consumption.end)),
    ]
    if consumption.people is not None:
        tests.append((Exclusion.NO_OCCUPANCY, np.isfinite(consumption.people)))
    for reason, good in tests:
        out = left & ~good
        if out.any():
            excluded[reason] = consumption.start[out]
        left &= good
    return left, excluded


def accuracy(start: IntArray, end: IntArray, actual: FloatArray, expected: FloatArray, p: int) -> Accuracy:
    """Accuracy of a model with p parameters; intervals of unequal length are compared by the day and weighted by days."""
    days = (end - start) / DAY
    weight = days / days.mean()
    y, residual = actual / weight, (actual - expected) / weight
    n, mean = len(y), float(np.average(actual / weight, weights=weight))
    free = max(n - p, 1)
    sse, spread = float(weight @ residual**2), float(weight @ (y - mean) ** 2)
    neighbours = start[1:] == end[:-1]
    before, after = residual[:-1][neighbours], residual[1:][neighbours]
    product = float(np.sqrt((before**2).sum() * (after**2).sum()))
    return Accuracy(
        n=n,
        p=p,
        mean=mean,
        cv=float(np.sqrt(sse / free)) / mean,
        nmbe=float(weight @ residual) / (free * mean),
        r2=1 - sse / spread if spread > 0 else 0.0,
        rho=float(before @ after) / product if product > 0 else 0.0,
    )


def by_days(consumption: Consumption, expected: FloatArray, zone: str) -> tuple[Consumption, FloatArray]:
    """Whole local days of hours, actual and expected; days that lack an hour are left out. Longer intervals stay."""
    if not len(consumption.start) or np.median(consumption.end - consumption.start) > HOUR:
        return consumption, expected
    day = (consumption.start + utc_offsets(consumption.start, zone)) // DAY
    first = np.flatnonzero(np.r_[True, day[1:] != day[:-1]])
    count = np.diff(np.r_[first, len(day)])
    start, end = consumption.start[first], consumption.end[first + count - 1]
    whole = (count * HOUR == end - start) & (count >= 23)
    value, model = np.add.reduceat(consumption.value, first), np.add.reduceat(expected, first)
    days = Consumption(start[whole], end[whole], value[whole], np.ones(int(whole.sum()), np.bool_), consumption.unit)
    return days, model[whole]


def fit(
    consumption: Consumption,
    weather: Weather,
    form: Form,
    week: Week,
    *,
    purpose: Purpose = Purpose.SAVINGS,
    limits: Limits | None = None,
    trim: float | None = None,
    heating_at: float | None = None,
    cooling_at: float | None = None,
    months: float = 12.0,
) -> Baseline | Refusal:
    """The baseline of a consumption's whole period, or the first reason to refuse it (see `Reason`).

    trim: leave out what lies beyond so many MAD of a first fit; heating_at, cooling_at: known balance points, degC;
    months: how many are to be reported, which sets the largest CV(RMSE).
    """
    limits = limits or Limits()
    good, excluded = usable(consumption, weather)
    used = consumption.take(good)
    parameters = 1 if form is Form.CHANGE_POINT else (168 if _hourly(used) else 7)
    if len(used.start) < limits.per_parameter * parameters:
        return Refusal(Reason.TOO_FEW, len(used.start), limits.per_parameter * parameters, excluded)
    if float(used.value.mean()) <= 0:
        return Refusal(Reason.NO_LOAD, float(used.value.mean()), 0.0, excluded)
    whole, full = used, purpose is Purpose.MONITORING
    model = _model(used, weather, form, week, full, heating_at, cooling_at)
    if trim is not None:
        kept = _within(used, model, weather, trim)
        excluded[Exclusion.OUTLIER] = used.start[~kept]
        used = used.take(kept)
        model = _model(used, weather, form, week, full, heating_at, cooling_at)
    baseline = _describe(form, purpose, model, used, whole, weather, week, excluded, limits)
    return refused(baseline, limits, months) or baseline


def _hourly(consumption: Consumption) -> bool:
    return bool(len(consumption.start)) and bool(np.median(consumption.end - consumption.start) <= HOUR)


def _model(
    used: Consumption, weather: Weather, form: Form, week: Week, full: bool, heating_at: float | None, cooling_at: float | None
) -> ChangePoint | Towt:
    columns = used.start, used.end, used.value
    if form is Form.TOWT:
        return towt.fit(week, weather, *columns, full=full, people=used.people, unit=used.unit)
    return changepoint.fit(weather, *columns, heating_at=heating_at, cooling_at=cooling_at, unit=used.unit)


def _expected(model: ChangePoint | Towt, weather: Weather, used: Consumption) -> FloatArray:
    if isinstance(model, ChangePoint):
        return model.predict(weather, used.start, used.end)
    return model.predict(weather, used.start, used.end, used.people)


def _within(used: Consumption, model: ChangePoint | Towt, weather: Weather, trim: float) -> BoolArray:
    """Which samples lie within so many MAD (scaled to a standard deviation) of the model."""
    residual = used.value - _expected(model, weather, used)
    scale = 1.4826 * float(np.nanmedian(np.abs(residual - np.nanmedian(residual))))
    return np.asarray(~(np.abs(residual) > trim * scale), np.bool_)


def _describe(
    form: Form,
    purpose: Purpose,
    model: ChangePoint | Towt,
    used: Consumption,
    whole: Consumption,
    weather: Weather,
    week: Week,
    excluded: Mapping[Exclusion, IntArray],
    limits: Limits,
) -> Baseline:
    """The fit with its figures; bias is measured over all eligible intervals (`whole`), trimmed or not."""
    expected = _expected(model, weather, used)
    known = np.isfinite(expected)  # the full form knows no day before the first
    used, expected = used.take(known), expected[known]
    own = accuracy(used.start, used.end, used.value, expected, model.fitted)
    everything = _expected(model, weather, whole)
    bias = float(np.nansum(whole.value - everything)) / (own.mean * max(own.n - own.p, 1))
    own = Accuracy(own.n, own.p, own.mean, own.cv, bias if len(whole.start) > own.n else own.nmbe, own.r2, own.rho)
    days, of_days = by_days(used, expected, week.zone)
    daily = own
    if isinstance(model, Towt) and model.hourly and len(days.start) > model.fitted_of_days:
        daily = accuracy(days.start, days.end, days.value, of_days, model.fitted_of_days)
    hours = weather.within(used.start, used.end)
    span = (float(hours.min()), float(hours.max()))
    found = _cautions(own, daily, used, purpose, limits)
    degc = mean_temperature(weather, used.start, used.end)
    return Baseline(form, purpose, model, used, expected, degc, span, own, daily, excluded, found)


def _cautions(own: Accuracy, daily: Accuracy, used: Consumption, purpose: Purpose, limits: Limits) -> tuple[Caution, ...]:
    found = []
    if own.r2 < 0.5 and own.cv <= limits.largest_scatter(12):
        found.append(Caution.NO_WEATHER_LOAD)
    if daily.rho >= 0.6:
        found.append(Caution.AUTOCORRELATED)
    if used.end[-1] - used.start[0] < towt.HARMONICS_FROM * DAY:
        found.append(Caution.NOT_A_YEAR)
    if purpose is Purpose.MONITORING and own.cv > limits.largest_scatter(12):
        found.append(Caution.SCATTER)
    return tuple(found)


def refused(baseline: Baseline, limits: Limits, months: float) -> Refusal | None:
    """The first limit that a fit does not keep, None if it keeps all; monitoring is held to the first three only."""
    own = baseline.accuracy

    def refusal(reason: Reason, value: float, limit: float) -> Refusal:
        return Refusal(reason, value, limit, baseline.excluded, baseline)

    if own.n < limits.per_parameter * own.p:
        return refusal(Reason.TOO_FEW, own.n, limits.per_parameter * own.p)
    weeks = (baseline.end - baseline.start) / WEEK
    if weeks < limits.weeks[baseline.purpose]:
        return refusal(Reason.TOO_SHORT, weeks, limits.weeks[baseline.purpose])
    if own.mean <= 0:
        return refusal(Reason.NO_LOAD, own.mean, 0.0)
    if baseline.purpose is Purpose.SAVINGS:
        largest = limits.largest_scatter(months)
        if own.cv > largest:
            return refusal(Reason.SCATTER, own.cv, largest)
        if abs(own.nmbe) > limits.bias:
            return refusal(Reason.BIAS, abs(own.nmbe), limits.bias)
    return None
