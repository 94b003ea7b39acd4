"""The OpenEEmeter samples: meters with a saving of 10 % and known balance points, under heavy noise."""

from __future__ import annotations

import numpy as np
import pytest

from bench.baselines import recorded
from bench.baselines.recorded import METERS, Sample, celsius
from metering.baselines import Baseline, Consumption, Form, Limits, Reason, Refusal, fit
from metering.changepoint import ChangePoint
from metering.savings import Savings, avoided
from metering.towt import Week

CHICAGO = Week("America/Chicago", {})
ANYTHING = Limits(scatter=((float("inf"), 9.0),), half_width=9.0, outside=1.0)

pytestmark = [
    pytest.mark.data,
    pytest.mark.skipif(
        not (recorded.DATA / "eemeter").is_dir(), reason="no recorded data eemeter: set STEWARD_DATA to its folder"
    ),
]


def model(sample: Sample, given: bool = False) -> Baseline:
    heating, cooling = (celsius(sample.heating), celsius(sample.cooling)) if given else (None, None)
    found = fit(
        sample.before,
        sample.weather,
        Form.CHANGE_POINT,
        CHICAGO,
        limits=Limits(scatter=ANYTHING.scatter, per_parameter=2),
        heating_at=heating,
        cooling_at=cooling,
    )
    assert isinstance(found, Baseline), str(found)
    return found


def saving(sample: Sample, baseline: Baseline) -> float:
    found = avoided(baseline, sample.after, sample.weather, limits=ANYTHING)
    assert isinstance(found, Savings)
    return found.fraction


@pytest.mark.parametrize("frequency", ["daily", "billing_monthly"])
@pytest.mark.parametrize("meter", METERS)
def test_the_saving_is_within_a_point_of_the_one_at_the_generating_balance_points(meter: str, frequency: str) -> None:
    sample = recorded.eemeter(meter, frequency)
    assert saving(sample, model(sample)) == pytest.approx(saving(sample, model(sample, given=True)), abs=0.01)


@pytest.mark.parametrize("meter", METERS)
def test_the_balance_points_are_within_2_degrees_fahrenheit_and_the_sides_are_right(meter: str) -> None:
    sample = recorded.eemeter(meter)
    found = model(sample).model
    assert isinstance(found, ChangePoint)
    for truth, slope, balance in (
        (sample.heating, found.heating, found.heating_balance),
        (sample.cooling, found.cooling, found.cooling_balance),
    ):
        assert bool(slope) == (truth is not None)
        if truth is not None:
            assert balance * 1.8 + 32 == pytest.approx(truth, abs=2)


def test_a_meter_without_weather_gets_no_weather() -> None:
    assert model(recorded.eemeter("il-gas-intercept-only")).accuracy.p == 1


def test_noise_of_a_third_a_day_is_refused_by_default_and_bills_of_the_same_meter_are_not() -> None:
    days, bills = recorded.eemeter("il-electricity-cdd-only"), recorded.eemeter("il-electricity-cdd-only", "billing_monthly")
    found = fit(days.before, days.weather, Form.CHANGE_POINT, CHICAGO)
    assert isinstance(found, Refusal)
    assert found.reason is Reason.SCATTER
    assert isinstance(fit(bills.before, bills.weather, Form.CHANGE_POINT, CHICAGO), Baseline)


def test_bimonthly_bills_are_too_few_for_balance_points() -> None:
    sample = recorded.eemeter("il-electricity-cdd-hdd", "billing_bimonthly")
    found = fit(sample.before, sample.weather, Form.CHANGE_POINT, CHICAGO)
    assert isinstance(found, Refusal)
    assert found.reason is Reason.TOO_FEW


def test_ten_weeks_are_too_short_even_where_they_fit_well() -> None:
    sample = recorded.eemeter("il-electricity-cdd-hdd")
    rows = np.arange(len(sample.before.start)) < 70
    part: Consumption = sample.before.take(rows)
    found = fit(part, sample.weather, Form.CHANGE_POINT, CHICAGO)
    assert isinstance(found, Refusal)
    assert found.reason is Reason.TOO_SHORT
