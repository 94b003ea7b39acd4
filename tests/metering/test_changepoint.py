"""Change-point models against known truth."""

from __future__ import annotations

import numpy as np
import pytest

from bench.baselines.synthetic import weather
from metering import changepoint
from metering.degree_days import Side, Weather, excess
from steward.units import DAY

AIR = weather(2, 3)


def year(count: int = 365, length: int = 1) -> tuple[np.ndarray, np.ndarray]:
    start = AIR.first * 3_600_000_000_000 + np.arange(count) * length * DAY
    return start, start + length * DAY


def energy(start: np.ndarray, end: np.ndarray, base: float, heating: float, cooling: float, sd: float = 0.0) -> np.ndarray:
    below = excess(AIR, np.array([14.0]), Side.HEATING, start, end)[0]
    above = excess(AIR, np.array([19.0]), Side.COOLING, start, end)[0]
    noise = np.random.default_rng(5).normal(0, sd, len(start))
    energy: np.ndarray = (base + heating * below + cooling * above) * (1 + noise) * ((end - start) / DAY)
    return energy


@pytest.mark.parametrize(("heating", "cooling", "fitted"), [(0, 0, 1), (40, 0, 3), (0, 70, 3), (40, 70, 5)])
def test_without_noise_the_generating_model_is_found_exactly(heating: float, cooling: float, fitted: int) -> None:
    start, end = year()
    model = changepoint.fit(AIR, start, end, energy(start, end, 1000, heating, cooling))
    assert model.fitted == fitted
    assert (model.base, model.heating, model.cooling) == pytest.approx((1000, heating, cooling), rel=1e-3, abs=1e-3)
    if heating:
        assert model.heating_balance == pytest.approx(14.0, abs=0.051)
    if cooling:
        assert model.cooling_balance == pytest.approx(19.0, abs=0.051)


def test_with_noise_of_a_tenth_the_sides_are_right_and_the_balance_points_near() -> None:
    start, end = year()
    model = changepoint.fit(AIR, start, end, energy(start, end, 1000, 40, 70, sd=0.1))
    assert model.fitted == 5
    assert model.heating_balance == pytest.approx(14.0, abs=1.5)
    assert model.cooling_balance == pytest.approx(19.0, abs=1.5)
    assert 0.05 < model.heating_spread < 2
    assert 0.05 < model.cooling_spread < 2


def test_noise_alone_gets_no_weather() -> None:
    start, end = year()
    assert changepoint.fit(AIR, start, end, energy(start, end, 1000, 0, 0, sd=0.2)).fitted == 1


def test_consumption_that_falls_with_cold_is_never_fitted_as_heating() -> None:
    start, end = year()
    model = changepoint.fit(AIR, start, end, energy(start, end, 1000, -20, 0))
    assert model.heating == 0
    assert model.cooling >= 0


def test_given_balance_points_are_kept_and_cost_no_parameter() -> None:
    start, end = year()
    model = changepoint.fit(AIR, start, end, energy(start, end, 1000, 40, 70, 0.1), heating_at=14.0, cooling_at=19.0)
    assert (model.heating_balance, model.cooling_balance, model.fitted) == (14.0, 19.0, 3)


def test_bills_of_unequal_length_give_the_same_model_as_their_days() -> None:
    edges = year(1)[0][0] + np.cumsum(np.r_[0, [28, 35, 31, 30, 25, 33, 29, 31, 30, 34, 27, 32] * 2]) * DAY
    start, end = edges[:-1], edges[1:]
    model = changepoint.fit(AIR, start, end, energy(start, end, 1000, 40, 0))
    assert (model.base, model.heating) == pytest.approx((1000, 40), rel=2e-3)


def test_a_day_without_weather_is_predicted_as_not_known() -> None:
    start, end = year(2)
    model = changepoint.ChangePoint(10.0, heating=1.0, heating_balance=15.0)
    hole = Weather(AIR.first, np.r_[AIR.degc[:24], np.full(24, np.nan)])
    assert np.isnan(model.predict(hole, start, end)).tolist() == [False, True]


def test_the_curve_and_the_parameters_say_what_the_model_says() -> None:
    model = changepoint.ChangePoint(10.0, 2.0, 15.0, 3.0, 20.0, fitted=5, unit="kWh")
    assert model.curve(np.array([13.0, 17.0, 22.0])).tolist() == [14.0, 10.0, 16.0]
    assert [(p.name, p.value, p.unit) for p in model.parameters()] == [
        ("base", 10.0, "kWh/d"),
        ("heating", 2.0, "kWh/(K d)"),
        ("heating_balance", 15.0, "degC"),
        ("cooling", 3.0, "kWh/(K d)"),
        ("cooling_balance", 20.0, "degC"),
    ]
