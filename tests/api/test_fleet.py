"""Vehicles now and their trips, through the API and on tracks of one's own."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pytest

from api.services_ledger import NoLedger
from api.trips import Track, trips
from steward.units import HOUR, MINUTE, SECOND
from tests.api.conftest import Get
from tests.api.world import FILE, World, facility

NAMES = ("engine", "speed", "odometer", "latitude", "longitude", "fuel")
VEHICLE = """
[[point]]
id = "car-1.speed"
metric = "speed"
equip = "car-1"
[[point]]
id = "car-1.odometer"
metric = "odometer"
equip = "car-1"
[[point]]
id = "car-1.latitude"
metric = "latitude"
equip = "car-1"
[[point]]
id = "car-1.longitude"
metric = "longitude"
equip = "car-1"
[[point]]
id = "car-1.trip"
metric = "on"
equip = "car-1"
role = "trip_approved"
"""


def said(**columns: list[float]) -> Track:
    size = max(map(len, columns.values()))
    filled = {name: np.array([*columns.get(name, ()), *([np.nan] * (size - len(columns.get(name, ()))))]) for name in NAMES}
    return Track(0, MINUTE, **filled)


def test_a_trip_holds_its_short_stops_and_ends_at_a_long_one() -> None:
    engine = [0, 1, 1, 0, 0, 0, 1, 1, *[0] * 8, 1, 1, *[0] * 4]
    speed = [0, 10, 10, 0, 0, 0, 12, 9, *[0] * 8, 5, 5, *[0] * 4]
    odometer = [1000 + 100 * float(np.sum(np.array(speed[: i + 1]) > 0)) for i in range(len(speed))]
    first, second = trips(said(engine=engine, speed=speed, odometer=odometer))
    assert (first.start, first.end, first.distance, first.top) == (MINUTE, 8 * MINUTE, 400, 12)
    assert (first.driving, second.distance, second.running) == (4 * MINUTE, 200, False)


def test_an_engine_that_runs_while_the_vehicle_stands_is_idling() -> None:
    (trip,) = trips(said(engine=[1] * 20 + [0] * 5, speed=[0] * 4 + [8] * 6 + [0] * 15))
    assert (trip.driving, trip.idling, trip.distance) == (6 * MINUTE, 14 * MINUTE, None)


def test_an_engine_that_was_only_started_is_no_trip_and_one_that_still_runs_is_not_over() -> None:
    assert not trips(said(engine=[0, 1, 0, 0, 0, 0], speed=[0] * 6))
    assert trips(said(engine=[0, 0, 1, 1, 1, 1], speed=[0, 0, 5, 5, 5, 5]))[0].running


def test_without_an_odometer_the_fixes_tell_the_distance_and_without_either_nothing_does() -> None:
    way = [29.0 + 0.001 * step for step in range(6)]
    (trip,) = trips(said(speed=[10.0] * 6, latitude=way, longitude=[121.0] * 6))
    assert trip.distance == pytest.approx(5 * 111.2, rel=0.01)
    assert trip.begun_at == (29.0, 121.0)
    assert trips(said(speed=[10.0] * 6))[0].distance is None


def test_an_odometer_that_was_replaced_counts_no_distance_and_filling_up_shows() -> None:
    (trip,) = trips(
        said(engine=[1] * 6, speed=[9] * 6, odometer=[90_000, 91_000, 0, 0, 1, 2], fuel=[0.2, 0.2, 0.9, 0.9, 0.9, 0.9])
    )
    assert trip.distance is None
    assert trip.fuel == pytest.approx(0.7)


def test_one_zero_read_of_an_odometer_is_not_all_that_it_ever_drove() -> None:
    way = [29.0 + 0.001 * step for step in range(6)]
    (trip,) = trips(
        said(
            speed=[0, *[9.0] * 5], odometer=[0, *[7e7 + 100.0 * step for step in range(5)]], latitude=way, longitude=[121.0] * 6
        )
    )
    assert trip.distance == pytest.approx(4 * 111.2, rel=0.01)


def test_gaps_are_bridged_for_ten_minutes_and_no_longer() -> None:
    nan = float("nan")
    (trip,) = trips(said(engine=[1, *[nan] * 30], speed=[9, *[nan] * 30]))
    assert trip.end == 11 * MINUTE


def test_a_receiver_that_has_no_fix_yet_says_nought_and_moves_no_vehicle() -> None:
    way = [0.0, 29.0, 29.001, 0.0, 29.002, 0.0]
    (trip,) = trips(said(speed=[10.0] * 6, latitude=way, longitude=[121.0 if north else 0.0 for north in way]))
    assert trip.distance == pytest.approx(2 * 111.2, rel=0.01)
    assert trip.ended_at == (29.002, 121.0)


class Booked(NoLedger):
    """A ledger that has booked nine kilometres of the car today."""

    async def registers(self) -> Sequence[Mapping[str, Any]]:
        return [{"point": "car-1.odometer", "today": 9000.0}, {"point": "main.energy", "today": None}]


@pytest.fixture
async def driven(world: World) -> World:
    """A car that drove ten minutes an hour ago and stands 1.1 km from its site since, its engine running."""
    text = FILE.replace('zh = "车库" }\n', 'zh = "车库" }\nlatitude = 28.85\nlongitude = 121.14\n')
    more = VEHICLE.replace('"\nequip', '"\ninterval = "1m"\nequip')
    world.facility = facility(text.replace('metric = "ignition"\n', 'metric = "ignition"\ninterval = "1m"\n') + more)
    world.live.rebind(world.facility)
    world.build(ledger=Booked())
    for minute in range(70, -1, -1):
        ago = minute * MINUTE + SECOND
        drives = 60 <= minute < 70
        await world.sample("car-1.ignition", 1.0 if drives or minute < 20 else 0.0, ago)
        await world.sample("car-1.speed", 15.0 if drives else 0.0, ago)
        await world.sample("car-1.odometer", 5e6 + 900 * min(max(0, 70 - minute), 10), ago)
        await world.sample("car-1.latitude", 28.86, ago)
        await world.sample("car-1.longitude", 121.14, ago)
    await world.sample("car-1.trip", 0.0, SECOND)
    return world


async def test_a_vehicle_says_what_it_does_how_far_it_is_and_whether_that_is_approved(driven: World, get: Get) -> None:
    alert = driven.alert("car-1", rule="fleet-idling", kind="idling")
    (car,) = (await get("/fleet"))["vehicles"]
    assert (car["id"], car["plate"], car["state"], car["approved"], car["worst"]) == (
        "car-1",
        "浙A·0312",
        "idling",
        False,
        alert.severity,
    )
    assert car["away"] == pytest.approx(1112, abs=2)
    assert car["odometer"] == 5_009_000
    assert car["today"] == 9000
    assert (await get("/fleet", under="block-a"))["vehicles"] == []


async def test_the_trips_of_a_vehicle_are_told_newest_first(driven: World, get: Get) -> None:
    answer = await get("/fleet/car-1/trips")
    now, before = answer["trips"]
    assert (now["running"], now["driving"], before["running"]) == (True, 0, False)
    assert now["idling"] == pytest.approx(20 * 60_000, abs=60_000)
    assert before["distance"] == pytest.approx(9000, abs=900)
    assert before["top"] == 15
    assert before["away"] == pytest.approx(1112, abs=2)


async def test_a_vehicle_that_has_gone_quiet_is_silent(driven: World, get: Get) -> None:
    driven.now += 48 * HOUR
    (car,) = (await get("/fleet"))["vehicles"]
    assert (car["state"], car["today"]) == ("silent", 9000)


async def test_a_vehicle_that_never_spoke_has_no_data_and_no_trip(world: World, get: Get) -> None:
    (car,) = (await get("/fleet"))["vehicles"]
    assert (car["state"], car["newest"], car["today"], car["approved"]) == ("none", None, None, None)
    assert (await get("/fleet/car-1/trips"))["trips"] == []


async def test_trips_are_asked_for_of_a_vehicle_and_of_a_month_at_most(driven: World) -> None:
    for path, status in (
        ("block-a.chiller-2/trips", 404),
        ("car-1/trips?start=2026-01-01T00:00:00Z", 422),
        ("car-1/trips?start=2030-01-01T00:00:00Z&end=2029-01-01T00:00:00Z", 422),
    ):
        assert (await driven.http.get(f"/api/v1/fleet/{path}")).status_code == status
