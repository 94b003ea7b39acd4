"""What the vehicle kinds share: places, fences, trends, approved trips; and what `steward check` says of wrong fields."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rules import testing
from rules.fleet import approvals, fences, trend
from rules.kinds.consumption import Consumption
from rules.kinds.fuel import Fuel
from rules.kinds.geofence import Geofence
from rules.kinds.service import Service, last_service
from rules.kinds.trip import Trip, days
from rules.quantity import Limit
from rules.wording import title
from steward import ground
from tests.rules.conformance import cases

DEGREE = np.radians(1.0) * ground.EARTH


def test_a_degree_north_is_a_hundred_and_eleven_kilometres_everywhere() -> None:
    latitude = np.array([0.0, 40.0, -70.0])
    away = ground.distance(latitude + 1.0, np.full(3, 120.0), latitude, 120.0)
    np.testing.assert_allclose(away, DEGREE)


def test_places_on_both_sides_of_the_antimeridian_are_near() -> None:
    away = ground.distance(np.array([0.0]), np.array([-179.999]), 0.0, 179.999)
    np.testing.assert_allclose(away, 0.002 * DEGREE, rtol=1e-6)


def test_a_fix_of_zero_zero_or_beyond_the_poles_is_none() -> None:
    sound = ground.sound(np.array([0.0, 0.0, 91.0, 30.0, np.nan]), np.array([0.0, 5.0, 5.0, 120.0, 120.0]))
    assert sound.tolist() == [False, True, False, True, False]


@given(st.floats(-60, 60), st.floats(-180, 180), st.floats(-0.02, 0.02), st.floats(-0.02, 0.02))
def test_the_signed_distance_to_a_square_is_that_of_its_sides(lat: float, lon: float, north: float, east: float) -> None:
    """Against the formula for a box, wherever on the globe it stands."""
    half = 0.01
    corners = ((lat - half, lon - half), (lat - half, lon + half), (lat + half, lon + half), (lat + half, lon - half))
    fence = fences.Fence(lat, lon, corners=corners)
    found = fence.beyond(np.array([lat + north]), np.array([lon + east]))[0]
    x, y = abs(east) * DEGREE * np.cos(np.radians(lat)), abs(north) * DEGREE
    over_x, over_y = x - half * DEGREE * np.cos(np.radians(lat)), y - half * DEGREE
    expected = max(over_x, over_y) if max(over_x, over_y) < 0 else np.hypot(max(over_x, 0), max(over_y, 0))
    assert found == pytest.approx(expected, abs=1e-3)


def test_a_slope_is_not_moved_by_outliers_and_needs_a_week() -> None:
    days_ = np.tile(np.arange(trend.DAYS), (2, 1)).astype(np.int64)
    means = np.where(np.arange(trend.DAYS) < 20, 12.7 - 0.01 * np.arange(trend.DAYS), np.nan)
    means = np.stack([means, np.where(np.arange(trend.DAYS) < 6, means, np.nan)])
    means[0, [3, 11]] = 5.0
    slope, level = trend.fit(days_, means, np.array([19, 19]))
    assert slope[0] == pytest.approx(-0.01)
    assert level[0] == pytest.approx(12.51, abs=0.01)
    assert np.isnan(slope[1])


def test_overlapping_approvals_are_one_and_the_end_is_excluded() -> None:
    table = {"from": "2026-06-01T08:00", "to": "2026-06-01T10:00"}
    first = approvals.window(table, "Asia/Shanghai")
    second = approvals.window({"from": "2026-06-01T09:00", "to": "2026-06-01T11:00+08:00"}, "Asia/Shanghai")
    number = approvals.number(tuple(sorted((first, second))))
    at = np.array([first[0] - 1, first[0], first[1], second[1] - 1, second[1]])
    assert approvals.inside(np.full(5, number), at).tolist() == [False, True, True, True, False]


@pytest.mark.parametrize("table", [{"from": "2026-06-01T08:00"}, {"from": "2026-06-01T08:00", "to": "2026-06-01T07:00"},
                                   {"from": "soon", "to": "2026-06-01T07:00"}])  # fmt: skip
def test_a_trip_that_cannot_be_one_is_refused(table: dict[str, str]) -> None:
    with pytest.raises(ValueError, match=r"trip|isoformat|begins"):
        approvals.window(table, "UTC")


def test_the_last_service_is_a_date_with_the_readings_that_are_known() -> None:
    day, metres, seconds = last_service("2026-03-01 45200km 1210h")
    assert day is not None
    assert (day.isoformat(), metres, seconds) == ("2026-03-01", 45_200_000.0, 1210 * 3600.0)


def test_a_span_of_sealed_days_includes_its_last() -> None:
    assert days("2026-10-01/2026-10-03") == ["2026-10-01", "2026-10-02", "2026-10-03"]


WRONG: list[tuple[Any, list[str]]] = [
    (Service(), ["distance"]),
    (
        Service(distance=Limit("5kW"), advance=Limit("3 days"), done={"car-1": "last spring"}),
        ["distance", "advance", "done.car-1"],
    ),
    (Geofence(centre=[95.0, 10.0]), ["radius", "centre"]),
    (Geofence(polygon=[[1.0, 2.0], [3.0, 4.0]], radius=Limit("1km")), ["polygon", "polygon"]),
    (Trip(bays={"car-1": [1.0]}, sealed=["tomorrow"], approved=[{"equip": "car-1"}]), ["bays.car-1", "approved", "sealed"]),
    (Fuel(tank=Limit("60kg"), tanks={"bus-1": Limit("0L")}), ["tank", "tanks.bus-1"]),
    (Consumption(stretch=Limit("0km"), learn=1), ["stretch", "learn"]),
]


@pytest.mark.parametrize(("kind", "keys"), WRONG)
def test_every_wrong_field_is_named_at_once(kind: Any, keys: list[str]) -> None:
    assert [key for key, _, _ in kind.check()] == keys


SENTENCES = [
    ("trip", "en", "car-1 is used since 22:06: out of hours"),
    ("trip", "zh", "car-1自22:06起被使用：非工作时间"),
    ("idling", "en", "car-1 has been idling for 5 min, 0.07 L"),
    ("geofence", "en", "car-1 is 1224 m beyond the border since 00:05"),
    ("service", "en", "car-1: service due, 90% of the interval used"),
    ("battery", "zh", "car-1：蓄电池11.6 V（静置电压低）"),
    ("fuel", "en", "car-1 misses 9.0 L of fuel since 00:00"),
]


@pytest.mark.parametrize(("kind", "language", "sentence"), SENTENCES)
def test_a_fault_of_a_vehicle_is_one_sentence(kind: str, language: str, sentence: str) -> None:
    case = cases(kind)["fault"]
    fired = testing.run(case).statements[0]
    assert title(fired, None, case.facility, language).startswith(sentence)
