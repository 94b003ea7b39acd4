"""Baselines: what enters a fit, what is said about it, and every reason to refuse it."""

from __future__ import annotations

import numpy as np
import pytest

from bench.baselines.synthetic import UTC, autoregressive, load, weather
from metering.baselines import (
    Baseline,
    Caution,
    Consumption,
    Exclusion,
    Form,
    Limits,
    Purpose,
    Reason,
    Refusal,
    accuracy,
    by_days,
    fit,
)
from metering.degree_days import Weather
from steward.units import DAY, HOUR

AIR = weather(2, 1)


def days(count: int = 365, sd: float = 0.05) -> Consumption:
    return load(AIR, count, sd, 0.3, 7)


def changed(consumption: Consumption, **columns: np.ndarray) -> Consumption:
    kept = {name: getattr(consumption, name) for name in ("start", "end", "value", "eligible", "unit", "people")}
    return Consumption(**(kept | columns))


def fitted(found: Baseline | Refusal) -> Baseline:
    assert isinstance(found, Baseline), str(found)
    return found


def refusal(found: Baseline | Refusal) -> Refusal:
    assert isinstance(found, Refusal)
    return found


def test_a_year_of_days_is_fitted_and_says_how_well() -> None:
    found = fitted(fit(days(), AIR, Form.TOWT, UTC))
    assert found.accuracy.n == 365
    assert 0.03 < found.accuracy.cv < 0.07
    assert abs(found.accuracy.nmbe) < 1e-6
    assert found.accuracy.r2 > 0.8
    assert 0.1 < found.accuracy.rho < 0.5
    assert found.end - found.start == 365 * DAY
    assert len(found.expected) == len(found.degc) == len(found.used.start)
    assert found.excluded == {}


@pytest.mark.parametrize("form", list(Form))
def test_spread_intervals_and_days_without_weather_are_left_out_and_listed(form: Form) -> None:
    consumption = days()
    eligible, value = consumption.eligible.copy(), consumption.value.copy()
    eligible[10:15] = False
    value[10:15] *= 9  # a catch-up that must not be learned
    value[20] = np.nan
    degc = AIR.degc.copy()
    degc[30 * 24 : 31 * 24] = np.nan
    found = fitted(fit(changed(consumption, eligible=eligible, value=value), Weather(AIR.first, degc), form, UTC))
    starts = {reason: list(left) for reason, left in found.excluded.items()}
    assert starts == {
        Exclusion.NOT_ELIGIBLE: list(consumption.start[10:15]),
        Exclusion.NOT_FINITE: [consumption.start[20]],
        Exclusion.NO_WEATHER: [consumption.start[30]],
    }
    assert found.accuracy.n == 358
    clean = fitted(fit(consumption, AIR, form, UTC))
    assert found.accuracy.mean == pytest.approx(clean.accuracy.mean, rel=0.01)


def test_the_figures_follow_guideline_14() -> None:
    start = np.arange(4) * DAY
    found = accuracy(start, start + DAY, np.array([10.0, 12.0, 14.0, 12.0]), np.array([11.0, 11.0, 13.0, 13.0]), 2)
    assert found.mean == 12
    assert found.cv == pytest.approx(np.sqrt(4 / 2) / 12)
    assert found.nmbe == pytest.approx(0.0)
    assert found.r2 == pytest.approx(1 - 4 / 8)
    assert found.rho == pytest.approx((-1 + 1 - 1) / 3)
    assert found.independent == 4, "negative autocorrelation is not taken as more data"


def test_days_apart_are_no_neighbours() -> None:
    start = np.array([0, 1, 5, 6]) * DAY
    found = accuracy(start, start + DAY, np.array([1.0, 2.0, 9.0, 3.0]), np.zeros(4), 1)
    assert found.rho == pytest.approx((1 * 2 + 9 * 3) / np.sqrt((1 + 81) * (4 + 9)))


def test_four_intervals_a_parameter_are_asked_of_the_model_that_was_chosen() -> None:
    edges = AIR.first * HOUR + np.arange(7) * 60 * DAY
    two = days(360)
    value = two.value.reshape(6, 60).sum(axis=1)
    bills = Consumption(edges[:-1], edges[1:], value, np.ones(6, np.bool_))
    found = refusal(fit(bills, AIR, Form.CHANGE_POINT, UTC))
    assert found.reason is Reason.TOO_FEW
    assert found.value == 6
    assert found.baseline is not None
    assert found.limit == 4 * found.baseline.accuracy.p


def test_too_few_days_are_refused_before_anything_is_fitted() -> None:
    found = refusal(fit(days(20), AIR, Form.TOWT, UTC))
    assert (found.reason, found.value, found.limit, found.baseline) == (Reason.TOO_FEW, 20, 28, None)


def test_nothing_eligible_is_refused_with_what_was_left_out() -> None:
    consumption = days(100)
    found = refusal(fit(changed(consumption, eligible=np.zeros(100, np.bool_)), AIR, Form.CHANGE_POINT, UTC))
    assert found.reason is Reason.TOO_FEW
    assert len(found.excluded[Exclusion.NOT_ELIGIBLE]) == 100


def test_less_than_26_weeks_is_refused_for_savings_and_enough_for_monitoring() -> None:
    short = days(25 * 7)
    found = refusal(fit(short, AIR, Form.CHANGE_POINT, UTC))
    assert (found.reason, found.limit) == (Reason.TOO_SHORT, 26)
    watched = fitted(fit(short, AIR, Form.TOWT, UTC, purpose=Purpose.MONITORING))
    assert Caution.NOT_A_YEAR in watched.cautions


def test_a_meter_that_exports_as_much_as_it_imports_is_refused() -> None:
    consumption = days()
    found = refusal(fit(changed(consumption, value=consumption.value - 2e6), AIR, Form.CHANGE_POINT, UTC))
    assert found.reason is Reason.NO_LOAD


def test_scatter_is_refused_by_the_months_to_be_reported() -> None:
    noisy = days(sd=0.24)
    assert isinstance(fit(noisy, AIR, Form.TOWT, UTC, months=12), Baseline)
    found = refusal(fit(noisy, AIR, Form.TOWT, UTC, months=6))
    assert (found.reason, found.limit) == (Reason.SCATTER, 0.20)
    assert found.baseline is not None
    assert found.value == found.baseline.accuracy.cv
    assert [Limits().largest_scatter(months) for months in (6, 12, 59, 60, 200)] == [0.20, 0.25, 0.25, 0.30, 0.30]


def test_monitoring_only_warns_of_scatter() -> None:
    found = fitted(fit(days(sd=0.4), AIR, Form.TOWT, UTC, purpose=Purpose.MONITORING))
    assert Caution.SCATTER in found.cautions


def test_a_fit_that_drops_its_peaks_is_biased_against_the_meter_and_refused() -> None:
    consumption = days()
    value = consumption.value.copy()
    value[::20] *= 2
    found = refusal(fit(changed(consumption, value=value), AIR, Form.TOWT, UTC, trim=5.0))
    assert found.reason is Reason.BIAS
    assert found.value > 0.03
    assert len(found.excluded[Exclusion.OUTLIER]) >= 19


def test_a_load_without_weather_is_warned_of_not_refused() -> None:
    start = AIR.first * HOUR + np.arange(365) * DAY
    flat = 1e6 * (1 + autoregressive(365, 0.03, 0.2, np.random.default_rng(1)))
    found = fitted(fit(Consumption(start, start + DAY, flat, np.ones(365, np.bool_)), AIR, Form.CHANGE_POINT, UTC))
    assert found.cautions == (Caution.NO_WEATHER_LOAD,)
    assert found.accuracy.p == 1


def test_hours_are_judged_by_their_whole_days_too() -> None:
    start = (AIR.first + np.arange(200 * 24)) * HOUR
    value = 100 + np.repeat(10 * np.random.default_rng(3).normal(0, 1, 200), 24)
    hours = Consumption(start, start + HOUR, value, np.ones(len(start), np.bool_))
    kept = np.ones(len(start), np.bool_)
    kept[30] = False
    summed, _ = by_days(hours.take(kept), value[kept], "UTC")
    assert len(summed.start) == 199
    assert summed.value[0] == pytest.approx(24 * value[0])
    found = fitted(fit(hours, AIR, Form.TOWT, UTC))
    assert found.daily.n == 200
    assert found.accuracy.rho > 0.8 > found.daily.rho, "hours of a day share their error; days do not"


def test_occupancy_that_is_not_known_is_left_out() -> None:
    people = np.random.default_rng(2).uniform(0, 100, 365)
    people[5] = np.nan
    consumption = days()
    value = consumption.value + 1e4 * np.nan_to_num(people)
    found = fitted(fit(changed(consumption, value=value, people=people), AIR, Form.TOWT, UTC))
    assert list(found.excluded[Exclusion.NO_OCCUPANCY]) == [consumption.start[5]]
    assert found.model.parameters()[-1].value == pytest.approx(1e4, rel=0.1)


@pytest.mark.parametrize("shift", [0, -1])
def test_intervals_that_overlap_or_are_empty_are_refused_at_once(shift: int) -> None:
    start = np.array([0, DAY])
    end = np.array([DAY + HOUR, 2 * DAY]) if shift else np.array([0, 2 * DAY])
    with pytest.raises(ValueError, match="time order"):
        Consumption(start, end, np.ones(2), np.ones(2, np.bool_))


def test_columns_of_unequal_length_are_refused() -> None:
    with pytest.raises(ValueError, match="unequal"):
        Consumption(np.array([0]), np.array([DAY]), np.ones(2), np.ones(1, np.bool_))
