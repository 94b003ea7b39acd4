"""Savings against a baseline, with their uncertainty: avoided (as the weather was) and normalised (in a normal year).

Invariants: only intervals that are eligible and have weather count, on both sides of the difference; the uncertainty is taken
from days (or bills), never from hours, whose errors are not independent; from rho 0.6 on the half width is multiplied by 1.4,
the ratio measured between the spread of the estimate and the stated one. Method: IPMVP option C; ASHRAE Guideline 14-2014:
dS/S = t * 1.26 * CV * sqrt(n/n' (1 + 2/n') / m) / F. Times int64 ns, energy in the meter's unit.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from statistics import NormalDist

import numpy as np

from metering.baselines import Accuracy, Baseline, Caution, Consumption, Exclusion, Limits, Reason, Refusal, usable
from metering.degree_days import Weather
from steward.model import FloatArray, IntArray
from steward.units import DAY, HOUR

MONTH = 365.2425 / 12 * DAY
HIGH_RHO, RHO_FACTOR = 0.6, 1.4
"""From this autocorrelation of days on the formula is too narrow by this factor (measured on synthetic years)."""
GUIDELINE = 1.26
"""Factor of Guideline 14 (Reddy and Claridge 2000) for models of weather."""


class Way(StrEnum):
    """How a saving is stated (IPMVP option C)."""

    AVOIDED = "avoided"
    """Baseline in the weather of the reporting period, less what was used."""
    NORMALISED = "normalised"
    """Baseline less the model of the reporting period, both in the weather of a normal year."""


@dataclass(frozen=True, slots=True)
class Uncertainty:
    """Half width of the interval of a saving, energy, and everything it was made of.

    t: Student's t at `confidence`; cv, rho, n, n_independent (n'): of the baseline by days or bills; m: of those reported;
    factor: 1, or 1.4 where rho is high.
    """

    half_width: float
    confidence: float
    t: float
    cv: float
    rho: float
    n: int
    n_independent: float
    m: float
    factor: float


@dataclass(frozen=True, eq=False)
class Savings:
    """A saving, with what is needed to redraw it and to explain it.

    expected, actual: energy of all counted intervals; saved = expected - actual; fraction of expected; start, end, by_expected,
    by_actual: the intervals; `actual` of a normalised saving is what the model of the reporting period expects.
    """

    way: Way
    baseline: Baseline
    reporting: Baseline | None
    start: IntArray
    end: IntArray
    by_expected: FloatArray
    by_actual: FloatArray
    half_width: float
    uncertainty: tuple[Uncertainty, ...]
    excluded: Mapping[Exclusion, IntArray]
    cautions: tuple[Caution, ...]

    @property
    def expected(self) -> float:
        """Energy that the baseline expects of what is reported, in the consumption's unit."""
        return float(self.by_expected.sum())

    @property
    def actual(self) -> float:
        """Energy that was used, or that the second baseline expects (normalised)."""
        return float(self.by_actual.sum())

    @property
    def saved(self) -> float:
        """Expected less actual; negative where more was used."""
        return self.expected - self.actual

    @property
    def fraction(self) -> float:
        """Saved, as a share of expected."""
        return self.saved / self.expected

    @property
    def interval(self) -> tuple[float, float]:
        """Lowest and highest saving, energy, at the confidence of `uncertainty`."""
        return self.saved - self.half_width, self.saved + self.half_width

    def cumulative(self) -> FloatArray:
        """Running sum of the saving after each interval (CUSUM of energy management)."""
        return np.asarray(np.cumsum(self.by_expected - self.by_actual), np.float64)


@dataclass(frozen=True, eq=False)
class SavingsRefusal(Refusal):
    """A refused saving; `savings` is the figure that must not be reported, for a person to look at (None if there is none)."""

    savings: Savings | None = None


def students_t(confidence: float, freedom: float) -> float:
    """Two-sided quantile of Student's t by its expansion about the normal (Abramowitz and Stegun 26.7.5), within 1 % from 4."""
    z = NormalDist().inv_cdf(0.5 + confidence / 2)
    v = max(freedom, 1.0)
    first = (z**3 + z) / 4
    second = (5 * z**5 + 16 * z**3 + 3 * z) / 96
    third = (3 * z**7 + 19 * z**5 + 17 * z**3 - 15 * z) / 384
    return z + first / v + second / v**2 + third / v**3


def uncertainty(daily: Accuracy, expected: float, m: float, confidence: float = 0.9) -> Uncertainty:
    """Half width of the energy that a model of the given accuracy (by days or bills) expects over m days or bills."""
    n, independent = daily.n, max(daily.independent, 1.0)
    t = students_t(confidence, n - daily.p)
    factor = RHO_FACTOR if daily.rho >= HIGH_RHO else 1.0
    relative = t * GUIDELINE * daily.cv * np.sqrt(n / independent * (1 + 2 / independent) / m) * factor
    return Uncertainty(float(relative * abs(expected)), confidence, t, daily.cv, daily.rho, n, independent, m, factor)


def avoided(
    baseline: Baseline,
    consumption: Consumption,
    weather: Weather,
    *,
    confidence: float = 0.9,
    limits: Limits | None = None,
) -> Savings | SavingsRefusal:
    """The saving of a reporting period (its consumption, of the same interval length as the fit) in its own weather."""
    limits = limits or Limits()
    good, excluded = usable(consumption, weather)
    used = consumption.take(good)
    expected = baseline.predict(used, weather)
    known = np.isfinite(expected)
    used, expected = used.take(known), expected[known]
    if not len(used.start):
        return SavingsRefusal(Reason.NOTHING_REPORTED, 0.0, 1.0, excluded, baseline)
    doubt = uncertainty(baseline.daily, float(expected.sum()), _reported(used.start, used.end), confidence)
    found = Savings(
        Way.AVOIDED,
        baseline,
        None,
        used.start,
        used.end,
        expected,
        used.value,
        doubt.half_width,
        (doubt,),
        excluded,
        baseline.cautions,
    )
    return _judged(found, [baseline], weather, limits)


def normalised(
    baseline: Baseline,
    reporting: Baseline,
    normal: Weather,
    start: IntArray,
    end: IntArray,
    *,
    people: FloatArray | None = None,
    confidence: float = 0.9,
    limits: Limits | None = None,
) -> Savings | SavingsRefusal:
    """The saving in a normal year: both models over the intervals (start, end) in its weather; the doubts of both are added."""
    limits = limits or Limits()
    year = Consumption(start, end, np.zeros(len(start)), np.ones(len(start), np.bool_), baseline.used.unit, people)
    before, after = baseline.predict(year, normal), reporting.predict(year, normal)
    good, excluded = usable(year, normal)
    good &= np.isfinite(before) & np.isfinite(after)
    if not good.any():
        return SavingsRefusal(Reason.NOTHING_REPORTED, 0.0, 1.0, excluded, baseline)
    before, after = before[good], after[good]
    m = _reported(start[good], end[good])
    doubts = (
        uncertainty(baseline.daily, float(before.sum()), m, confidence),
        uncertainty(reporting.daily, float(after.sum()), m, confidence),
    )
    half = float(np.hypot(doubts[0].half_width, doubts[1].half_width))
    cautions = tuple(dict.fromkeys(baseline.cautions + reporting.cautions))
    found = Savings(
        Way.NORMALISED, baseline, reporting, start[good], end[good], before, after, half, doubts, excluded, cautions
    )
    return _judged(found, [baseline, reporting], normal, limits)


def _reported(start: IntArray, end: IntArray) -> float:
    """Number of days (of hours or days) or bills reported."""
    if np.median(end - start) <= HOUR:
        return float((end - start).sum() / DAY)
    return float(len(start))


def _judged(found: Savings, models: list[Baseline], weather: Weather, limits: Limits) -> Savings | SavingsRefusal:
    """The saving, or its refusal by the first limit that it does not keep."""

    def refusal(reason: Reason, value: float, limit: float, model: Baseline) -> SavingsRefusal:
        return SavingsRefusal(reason, value, limit, found.excluded, model, found)

    months = round(float((found.end[-1] - found.start[0]) / MONTH), 1)  # 365 days are 12 months
    hours = weather.within(found.start, found.end)
    for model in models:
        outside = float(np.mean((hours < model.range[0]) | (hours > model.range[1])))
        if outside > limits.outside:
            return refusal(Reason.OUTSIDE, outside, limits.outside, model)
        largest = limits.largest_scatter(months)
        if model.accuracy.cv > largest:
            return refusal(Reason.SCATTER, model.accuracy.cv, largest, model)
    if found.half_width > limits.half_width * abs(found.saved):
        share = found.half_width / abs(found.saved) if found.saved else float("inf")
        return refusal(Reason.UNCERTAIN, share, limits.half_width, found.baseline)
    return found
