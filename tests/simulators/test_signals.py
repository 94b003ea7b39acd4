"""Noise, weather, occupancy and roads: functions of time, seeded, and plausible to an engineer."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from simulators.noise import key, lag, normal, running, smooth, uniform
from simulators.occupancy import HOLIDAYS, day_of, present, worked
from simulators.roads import EDGES, NODES, drive, route
from simulators.weather import ZONE, weather

HOUR = 3600
JULY = 20_640  # 2026-07-06, a Monday
JANUARY = 20_465  # 2026-01-12, a Monday


def minutes(day: int) -> np.ndarray:
    return day * 86400 - ZONE + 60 * np.arange(1440)


def test_uniform_numbers_fill_the_unit_interval_evenly() -> None:
    numbers = uniform(key(1, "x"), np.arange(100_000))
    assert 0.0 <= numbers.min() < 0.001
    assert 0.999 < numbers.max() < 1.0
    counts, _ = np.histogram(numbers, 20)
    assert np.abs(counts - 5000).max() < 350


def test_normal_numbers_have_mean_zero_and_variance_one() -> None:
    numbers = normal(key(1, "y"), np.arange(100_000))
    assert abs(numbers.mean()) < 0.01
    assert abs(numbers.std() - 1.0) < 0.01
    assert abs(np.corrcoef(numbers[1:], numbers[:-1])[0, 1]) < 0.01


def test_a_number_depends_on_seed_stream_and_index_only() -> None:
    index = np.arange(-50, 50)
    assert np.array_equal(uniform(key(3, "a"), index)[20:30], uniform(key(3, "a"), index[20:30]))
    assert not np.array_equal(uniform(key(3, "a"), index), uniform(key(4, "a"), index))
    assert not np.array_equal(uniform(key(3, "a"), index), uniform(key(3, "b"), index))


def test_smooth_noise_does_not_jump() -> None:
    t = np.arange(0, 10 * HOUR)
    assert np.abs(np.diff(smooth(key(1, "z"), t, HOUR))).max() < 5 * 1.6 / HOUR


def test_lag_and_register_continue_over_a_cut() -> None:
    target = np.sin(np.arange(500) / 9.0)
    whole = lag(target, 3.0, 60.0, 900.0)
    first = lag(target[:123], 3.0, 60.0, 900.0)
    assert np.array_equal(whole, np.concatenate((first, lag(target[123:], float(first[-1]), 60.0, 900.0))))
    rate = np.abs(target)
    register = running(rate, 10.0)
    cut = running(rate[:200], 10.0)
    assert np.array_equal(register[200:], running(rate[200:], float(cut[-1])))


def test_summer_is_hot_winter_is_cool_and_afternoons_are_warmer_than_nights() -> None:
    july = np.concatenate([weather(5, minutes(JULY + n)).temperature for n in range(28)]).reshape(-1, 1440)
    january = np.concatenate([weather(5, minutes(JANUARY + n)).temperature for n in range(28)]).reshape(-1, 1440)
    assert 25.0 < july.mean() < 33.0
    assert 2.0 < january.mean() < 13.0
    for month in (july, january):
        assert month[:, 840:900].mean() > month[:, 180:300].mean() + 2.0
    assert july.max() < 45.0
    assert january.min() > -12.0


def test_the_sun_rises_in_the_east_of_noon_and_never_shines_at_night() -> None:
    sun = weather(5, minutes(JULY)).irradiance
    assert sun[:240].max() == 0.0
    assert sun[1260:].max() == 0.0
    assert 200.0 < sun[600:840].max() < 1150.0


def test_moving_the_season_makes_summer_of_winter() -> None:
    t = minutes(JANUARY)
    assert weather(5, t, 180.0).temperature.mean() > weather(5, t).temperature.mean() + 10.0


def test_humidity_wind_and_cloud_stay_within_their_ranges() -> None:
    sky = weather(5, minutes(JULY))
    assert ((sky.humidity > 0.2) & (sky.humidity < 1.0)).all()
    assert ((sky.cloud > 0.0) & (sky.cloud <= 1.0)).all()
    assert ((sky.wind >= 0.0) & (sky.wind <= 25.0)).all()


def test_holidays_are_free_and_make_up_days_are_worked() -> None:
    by_date = {day_of(number).isoformat(): worked(number) for number in range(20_454, 20_819)}
    assert not any(by_date[day] for day in HOLIDAYS)
    assert by_date["2026-10-10"]  # a Saturday worked for the National Day week
    assert not by_date["2026-10-11"]
    assert by_date["2026-06-01"]


def test_people_come_go_and_have_lunch() -> None:
    t = minutes(JULY)
    inside = present(2, "block-a", JULY, np.arange(1440) / 60.0, t)
    assert inside[180] < 0.03
    assert inside[630] > 0.7
    assert inside[630] - inside[750] > 0.2
    assert inside[1380] < 0.03
    assert present(2, "block-a", JULY + 5, np.arange(1440) / 60.0, t + 5 * 86400).max() < 0.06


def test_every_place_can_be_reached_along_the_roads() -> None:
    joined = {frozenset(edge[:2]) for edge in EDGES}
    for node in NODES:
        if node == "campus":
            continue
        way = route("campus", node)
        assert way[0] == "campus"
        assert way[-1] == node
        assert all(frozenset(step) in joined for step in itertools.pairwise(way))


@pytest.mark.parametrize("goal", ["station", "highway-out", "reservoir"])
def test_a_drive_covers_its_road_at_a_speed_that_a_car_can_do(goal: str) -> None:
    leg = drive(1, "campus", goal, 4)
    assert leg.distance[-1] == pytest.approx(leg.line[-1])
    assert (np.diff(leg.distance) >= 0).all()
    assert leg.speed.max() < 100 / 3.6
    assert np.abs(np.diff(leg.speed)).max() < 2.0  # m/s2
    assert drive(1, "campus", goal, 4, 1.5).speed.max() > 1.2 * leg.speed.max()
