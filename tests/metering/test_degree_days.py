"""Degree-days and means of hours."""

from __future__ import annotations

import numpy as np
import pytest

from metering.degree_days import Side, Weather, degree_days, degree_days_of_daily_means, excess, heating_grid, mean_temperature
from steward.units import DAY, HOUR


def days(count: int) -> tuple[np.ndarray, np.ndarray]:
    start = np.arange(count) * DAY
    return start, start + DAY


def test_a_day_half_at_10_and_half_at_20_degrees_has_4_heating_degree_days_at_base_18() -> None:
    start, end = days(1)
    air = Weather(0, np.r_[np.full(12, 10.0), np.full(12, 20.0)])
    assert degree_days(air, 18.0, Side.HEATING, start, end)[0] == pytest.approx(4.0)
    assert degree_days(air, 18.0, Side.COOLING, start, end)[0] == pytest.approx(1.0)


def test_daily_means_lose_what_hours_show() -> None:
    start, end = days(1)
    air = Weather(0, np.r_[np.full(12, 10.0), np.full(12, 20.0)])
    assert degree_days_of_daily_means(air, 18.0, Side.HEATING, start, end)[0] == pytest.approx(3.0)
    assert degree_days_of_daily_means(air, 18.0, Side.COOLING, start, end)[0] == 0.0


def test_a_day_of_23_hours_counts_23_hours() -> None:
    air = Weather(0, np.full(48, 8.0))
    assert degree_days(air, 18.0, Side.HEATING, np.array([0]), np.array([23 * HOUR]))[0] == pytest.approx(10 * 23 / 24)


def test_a_gap_in_the_weather_shows_in_the_result_and_is_never_filled() -> None:
    start, end = days(3)
    degc = np.full(72, 8.0)
    degc[24:27] = np.nan
    degc[48:50] = np.nan
    found = degree_days(Weather(0, degc), 18.0, Side.HEATING, start, end)
    assert found[0] == pytest.approx(10.0)
    assert np.isnan(found[1]), "three of 24 hours missing is more than a tenth"
    assert found[2] == pytest.approx(10.0), "two of 24 are not"


def test_periods_outside_the_weather_are_not_known() -> None:
    start, end = days(3)
    assert np.isnan(mean_temperature(Weather(24, np.full(24, 5.0)), start, end)).tolist() == [True, False, True]


def test_samples_of_an_hour_are_averaged_in_any_order_and_those_not_finite_left_out() -> None:
    air = Weather.of(np.array([HOUR + 5, 5, HOUR + 7, 3 * HOUR]), np.array([2.0, 1.0, 4.0, np.nan]))
    assert air.first == 0
    assert air.degc.tolist() == [1.0, 3.0]


def test_no_sample_at_all_gives_weather_that_knows_nothing() -> None:
    start, end = days(2)
    assert not Weather.of(np.array([5]), np.array([np.nan])).known(start, end).any()


def test_times_and_values_of_unequal_length_are_refused() -> None:
    with pytest.raises(ValueError, match="2 times but 1 values"):
        Weather.of(np.array([1, 2]), np.array([1.0]))


def test_the_grid_of_bases_equals_each_base_alone() -> None:
    rng = np.random.default_rng(1)
    degc = rng.normal(12, 8, 40 * 24)
    degc[rng.integers(0, len(degc), 20)] = np.nan
    air = Weather(0, degc)
    start, end = days(40)
    known = air.known(start, end)
    start, end = start[known], end[known]
    bases = np.linspace(2.0, 21.9, 200)
    assert heating_grid(air, 2.0, 0.1, 200, start, end) == pytest.approx(excess(air, bases, Side.HEATING, start, end), abs=1e-9)


def test_each_hour_is_taken_once_where_periods_touch() -> None:
    air = Weather(0, np.arange(72.0))
    start, end = days(2)
    assert air.within(start, end).tolist() == list(range(48))
