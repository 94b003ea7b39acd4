"""Time of week and temperature."""

from __future__ import annotations

import numpy as np
import pytest

from bench.baselines.synthetic import weather
from metering import towt
from metering.degree_days import Weather
from metering.towt import Week
from steward.units import DAY, HOUR

AIR = weather(2, 4)
UTC = Week("UTC", {})


def hours(days: int, first: int = 0) -> tuple[np.ndarray, np.ndarray]:
    start = (AIR.first + first * 24 + np.arange(days * 24)) * HOUR
    return start, start + HOUR


def office(start: np.ndarray, week: Week = UTC) -> np.ndarray:
    """Working hours, and cooling above 18 degC that is twice as steep while open."""
    weekday, hour = week.place(start)
    degc = AIR.degc[start // HOUR - AIR.first]
    is_open = (weekday < 5) & (hour >= 8) & (hour < 20)
    energy: np.ndarray = 100.0 + 200.0 * is_open + np.where(is_open, 8.0, 4.0) * np.maximum(degc - 18, 0)
    return energy


def cv(model: towt.Towt, first: int, days: int = 300) -> float:
    start, end = hours(days, first)
    truth = office(start)
    return float(np.sqrt(np.nanmean((model.predict(AIR, start, end) - truth) ** 2)) / truth.mean())


def test_the_next_year_of_an_office_is_predicted_and_better_with_pieces_by_part_of_the_day() -> None:
    start, end = hours(365)
    plain = towt.fit(UTC, AIR, start, end, office(start), full=False)
    full = towt.fit(UTC, AIR, start, end, office(start), full=True)
    assert cv(plain, 365) < 0.08
    assert cv(full, 365) < 0.9 * cv(plain, 365)


def test_a_holiday_and_a_make_up_workday_are_what_the_calendar_treats_them_as() -> None:
    start, end = hours(365)
    monday = AIR.first // 24 + (-(AIR.first // 24 + 3)) % 7 + 70
    week = Week("UTC", {monday: 6, monday + 5: 2})
    assert week.place(np.array([monday, monday + 5]) * DAY)[0].tolist() == [6, 2]
    model = towt.fit(week, AIR, start, end, office(start, week), full=False)
    noon = (np.array([monday, monday + 5]) * 24 + 12) * HOUR
    holiday, workday = model.predict(AIR, noon, noon + HOUR)
    assert holiday < 200 < workday


def test_slots_follow_local_time_through_daylight_saving() -> None:
    week = Week("Europe/Berlin", {})
    sunday = 1_301_184_000_000_000_000  # 2011-03-27 00:00 UTC; clocks go from 02:00 to 03:00 at 01:00 UTC
    weekday, hour = week.place(sunday + np.arange(-1, 3) * HOUR)
    assert weekday.tolist() == [6] * 4
    assert hour.tolist() == [0, 1, 3, 4]


def test_harmonics_come_with_330_days_and_never_into_the_savings_form() -> None:
    for days, full, expected in ((329, True, False), (331, True, True), (365, False, False)):
        start, end = hours(days)
        assert towt.fit(UTC, AIR, start, end, office(start), full=full).harmonics is expected


def test_temperatures_beyond_the_fit_are_clipped_not_extrapolated() -> None:
    start, end = hours(365)
    model = towt.fit(UTC, AIR, start, end, office(start), full=False)
    top = Weather(0, np.full(24, float(model.knots[-1])))
    beyond = Weather(0, np.full(24, 60.0))
    one, hour = np.array([12 * HOUR]), np.array([13 * HOUR])
    assert model.predict(beyond, one, hour) == pytest.approx(model.predict(top, one, hour))


def test_a_slot_never_seen_is_not_predicted() -> None:
    start, end = hours(200)
    weekday, hour = UTC.place(start)
    kept = ~((weekday == 2) & (hour == 5))
    model = towt.fit(UTC, AIR, start[kept], end[kept], office(start[kept]), full=False)
    unknown = np.isnan(model.predict(AIR, start, end))
    assert (unknown == ~kept).all()


def test_days_are_fitted_with_seven_slots_and_the_day_before() -> None:
    start, end = hours(365)
    day_start, day_end = start[::24], end[23::24]
    value = office(start).reshape(-1, 24).sum(axis=1)
    model = towt.fit(UTC, AIR, day_start, day_end, value, full=True)
    assert len(model.level) == 7
    assert model.fitted == 7 + 6 + 6 + 4
    residual = (value - model.predict(AIR, day_start, day_end))[1:]
    assert np.sqrt(np.mean(residual**2)) / value.mean() < 0.05


def test_people_explain_what_the_calendar_cannot() -> None:
    start, end = hours(200)
    people = np.random.default_rng(2).uniform(0, 50, len(start))
    model = towt.fit(UTC, AIR, start, end, office(start) + 3.0 * people, full=False, people=people)
    assert model.slope[-1] == pytest.approx(3.0, rel=0.02)
    with pytest.raises(ValueError, match="occupancy"):
        model.predict(AIR, start, end)


def test_the_sum_of_the_residuals_is_zero_so_that_the_ridge_biases_nothing() -> None:
    start, end = hours(365)
    value = office(start) + np.random.default_rng(3).normal(0, 20, len(start))
    residual = value - towt.fit(UTC, AIR, start, end, value, full=False).predict(AIR, start, end)
    assert abs(residual.sum()) < 1e-6 * value.sum()


def test_parameters_are_named_with_their_units() -> None:
    start, end = hours(200)
    names = {p.name: p.unit for p in towt.fit(UTC, AIR, start, end, office(start), full=True, unit="kWh").parameters()}
    assert names["monday 08h"] == "kWh"
    assert sum(unit == "kWh/K" for unit in names.values()) == 36 + 6
