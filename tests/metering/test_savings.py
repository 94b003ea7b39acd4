"""Savings, their uncertainty, and their refusals."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from bench.baselines.synthetic import UTC, load, weather
from metering.baselines import Accuracy, Baseline, Caution, Consumption, Exclusion, Form, Limits, Reason, fit
from metering.degree_days import Weather
from metering.savings import Savings, SavingsRefusal, Way, avoided, normalised, students_t, uncertainty
from steward.units import DAY, HOUR

AIR = weather(2, 11)


def years(sd: float = 0.03, rho: float = 0.3, seed: int = 5, saved: float = 0.1) -> tuple[Consumption, Consumption]:
    """A year, and the next one with a share saved."""
    both = load(AIR, 730, sd, rho, seed)
    after = both.between(both.start[365], both.end[-1] + 1)
    return both.between(both.start[0], both.start[365]), replace(after, value=after.value * (1 - saved))


def baseline(consumption: Consumption, air: Weather = AIR, form: Form = Form.TOWT) -> Baseline:
    found = fit(consumption, air, form, UTC, limits=Limits(scatter=((float("inf"), 9.0),)))
    assert isinstance(found, Baseline), str(found)
    return found


def refused(found: Savings | SavingsRefusal) -> SavingsRefusal:
    assert isinstance(found, SavingsRefusal)
    return found


def granted(found: Savings | SavingsRefusal) -> Savings:
    assert isinstance(found, Savings), str(found)
    return found


def test_a_saving_of_a_tenth_is_found_with_its_interval_and_can_be_redrawn() -> None:
    before, after = years()
    found = granted(avoided(baseline(before), after, AIR))
    assert found.way is Way.AVOIDED
    assert found.fraction == pytest.approx(0.1, abs=0.015)
    assert found.interval == (found.saved - found.half_width, found.saved + found.half_width)
    assert 0.003 < found.half_width / found.expected < 0.01
    assert found.saved == pytest.approx(found.expected - found.actual)
    assert len(found.start) == len(found.by_expected) == 365
    assert found.cumulative()[-1] == pytest.approx(found.saved)


def test_the_normalised_saving_compares_two_models_in_a_normal_year() -> None:
    before, after = years()
    normal = weather(1, 99, AIR.first // 24)
    start = normal.first * HOUR + np.arange(364) * DAY
    first, second = baseline(before), baseline(after)
    found = granted(
        normalised(first, second, normal, start, start + DAY, limits=Limits(outside=1.0)),
    )
    assert found.way is Way.NORMALISED
    assert found.fraction == pytest.approx(0.1, abs=0.02)
    assert found.reporting is second
    assert found.half_width == pytest.approx(np.hypot(found.uncertainty[0].half_width, found.uncertainty[1].half_width))


def test_the_formula_is_the_one_of_guideline_14() -> None:
    daily = Accuracy(n=365, p=5, mean=10.0, cv=0.1, nmbe=0.0, r2=0.9, rho=0.5)
    found = uncertainty(daily, 1000.0, 365)
    independent = 365 / 3
    expected = students_t(0.9, 360) * 1.26 * 0.1 * np.sqrt(3 * (1 + 2 / independent) / 365) * 1000
    assert found.half_width == pytest.approx(expected)
    assert (found.factor, found.m) == (1.0, 365)
    assert found.n_independent == pytest.approx(independent)


def test_high_autocorrelation_widens_the_interval_by_its_measured_factor_and_is_said() -> None:
    daily = Accuracy(365, 5, 10.0, 0.1, 0.0, 0.9, rho=0.59)
    assert uncertainty(daily, 1.0, 365).factor == 1.0
    assert uncertainty(replace(daily, rho=0.6), 1.0, 365).factor == 1.4
    before, after = years(rho=0.85, saved=0.4)
    assert Caution.AUTOCORRELATED in granted(avoided(baseline(before), after, AIR)).cautions


@pytest.mark.parametrize(("freedom", "table"), [(4, 2.132), (7, 1.895), (30, 1.697), (1e6, 1.645)])
def test_students_t_is_that_of_the_tables(freedom: float, table: float) -> None:
    assert students_t(0.9, freedom) == pytest.approx(table, rel=0.01)


def test_spread_intervals_count_on_neither_side() -> None:
    before, after = years()
    eligible, value = after.eligible.copy(), after.value.copy()
    eligible[100:130] = False
    value[100:130] *= 5
    found = granted(avoided(baseline(before), replace(after, eligible=eligible, value=value), AIR))
    assert len(found.start) == 335
    assert len(found.excluded[Exclusion.NOT_ELIGIBLE]) == 30
    assert found.fraction == pytest.approx(0.1, abs=0.02)


def test_weather_that_the_baseline_never_saw_is_refused() -> None:
    before, after = years()
    hot = Weather(AIR.first, AIR.degc + np.where(np.arange(len(AIR.degc)) >= 365 * 24, 12.0, 0.0))
    found = refused(avoided(baseline(before), after, hot))
    assert found.reason is Reason.OUTSIDE
    assert 0.05 < found.value < 1
    assert found.savings is not None


def test_a_baseline_too_scattered_for_the_months_reported_is_refused() -> None:
    before, after = years(sd=0.3)
    model = baseline(before)
    assert refused(avoided(model, after, AIR)).reason is Reason.SCATTER


def test_a_short_report_is_held_to_the_stricter_limit() -> None:
    before, after = years(sd=0.24, saved=0.6)
    model = baseline(before)
    assert 0.20 < model.accuracy.cv < 0.25
    summer = after.between(after.start[0], after.start[200])
    found = refused(avoided(model, summer, AIR, limits=Limits(outside=1.0)))
    assert (found.reason, found.limit) == (Reason.SCATTER, 0.20)
    assert granted(avoided(model, after, AIR)).fraction == pytest.approx(0.6, abs=0.05), "a year may have 0.25"


def test_a_saving_smaller_than_twice_its_half_width_is_refused_and_still_shown() -> None:
    before, after = years(sd=0.05, rho=0.5, saved=0.003)
    found = refused(avoided(baseline(before), after, AIR))
    assert found.reason is Reason.UNCERTAIN
    assert found.savings is not None
    assert found.savings.half_width > 0.5 * abs(found.savings.saved)
    assert "uncertain" in str(found)


def test_a_reporting_period_without_a_usable_interval_is_refused() -> None:
    before, after = years()
    nothing = replace(after, eligible=np.zeros(365, np.bool_))
    assert refused(avoided(baseline(before), nothing, AIR)).reason is Reason.NOTHING_REPORTED
    start = after.start + 5000 * DAY
    found = normalised(baseline(before), baseline(after), AIR, start, start + DAY)
    assert refused(found).reason is Reason.NOTHING_REPORTED


def test_years_without_a_saving_are_covered_as_often_as_stated_from_days_and_not_from_hours() -> None:
    covered = by_hours = 0
    for seed in range(20):
        air = weather(2, 200 + seed)
        both = load(air, 730, 0.02, 0.5, 300 + seed)
        before, after = both.between(both.start[0], both.start[365]), both.between(both.start[365], both.end[-1] + 1)
        found = avoided(baseline(before, air), after, air, limits=Limits(outside=1.0))
        saving = found if isinstance(found, Savings) else found.savings
        assert saving is not None
        covered += saving.interval[0] <= 0 <= saving.interval[1]
        as_hours = replace(saving.baseline.daily, n=8760, rho=0.0)
        by_hours += abs(saving.saved) <= uncertainty(as_hours, saving.expected, 8760).half_width
    assert covered >= 15
    assert by_hours < covered - 4
