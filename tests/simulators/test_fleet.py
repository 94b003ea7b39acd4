"""The simulated vehicles under the packs basic and fleet: a quiet week stays quiet, each fault gives its alert and no other."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest

from rules.engine import Engine
from rules.load import load as load_rules
from simulators.campus import Campus
from simulators.devices import Feed
from simulators.facility import campus_toml
from simulators.faults import Fault, Label
from simulators.vehicles import journeys
from simulators.weather import ZONE
from simulators.week import DAY, HOUR, MONDAY
from steward.config import load
from steward.model import Alert, Batch, Facility, PointIndex

MINUTE = HOUR // 60
VEHICLES = ("vehicle", "bus")
STEP = 6 * HOUR


def fault(kind: str, target: str, day: int, begin: float, hours: float, size: float = float("nan")) -> Fault:
    at = MONDAY + day * DAY + round(begin * HOUR)
    return Fault(kind, target, at, at + round(hours * HOUR), size)


FAULTS = (
    fault("idling", "car-0312", 0, 18.5, 0.9),
    fault("tyre_leak", "car-0318.tyre_2", 1, 12.0, 90.0),
    fault("dtc", "ev-1105", 2, 10.0, 50.0),
    fault("weak_battery", "bus-0731", 2, 18.0, 100.0),
    fault("coolant_overheating", "car-0312", 3, 8.0, 10.0, 36.0),
    fault("overspeed", "car-0526", 4, 8.0, 10.0),
    fault("unapproved_trip", "car-0526", 4, 22.66, 3.0),
    fault("fuel_theft", "car-0318", 5, 1.33, 1.0, 20.0),
)
EXPECTED = {
    # fault: (rule, target, hours after its start within which it must fire, hours that it may outlast it)
    "idling": ("fleet-idling", "car-0312", 0.5, 0.5),
    "tyre_leak": ("basic-tyre", "car-0318.tyre_2", 16.0, 2.0),
    "dtc": ("basic-dtc", "ev-1105.dtc", 0.5, 1.0),
    "weak_battery": ("basic-battery", "bus-0731.battery", 4.0, 24.0),
    "coolant_overheating": ("basic-coolant", "car-0312.coolant", 6.0, 1.0),
    "overspeed": ("basic-overspeed", "car-0526.speed", 4.0, 1.0),
    "unapproved_trip": ("fleet-trip", "car-0526", 0.25, 0.5),
    "fuel_theft": ("basic-fuel-drop", "car-0318", 0.75, 2.0),
}


@pytest.fixture(scope="module")
def facility(tmp_path_factory: pytest.TempPathFactory) -> Facility:
    path = tmp_path_factory.mktemp("facility") / "campus.toml"
    path.write_text(campus_toml(packs=()), "utf-8")
    return load(path).facility


def judge(
    facility: Facility, faults: tuple[Fault, ...], rule: dict[str, object] | None = None
) -> tuple[list[Alert], list[Label]]:
    """The last statement of every alert that fired in the week, and the labels. The campus's own rule on fuel is left out."""
    campus = Campus(1, MONDAY, faults)
    feed = Feed(campus)
    tables = [(where, table) for where, table in facility.rules if table["id"] != "basic-fuel-drop"]
    loaded = load_rules([*tables, *([("trip", rule)] if rule else [])], facility, ("fleet", "basic"))
    assert not loaded.problems
    index = PointIndex(campus.plan.points())
    engine = Engine(loaded.rules, facility, index)
    engine.resume(MONDAY)
    stated: dict[str, Alert] = {}
    for now in range(MONDAY, MONDAY + 7 * DAY, STEP):
        samples = feed.samples(now, now + STEP)
        order = np.argsort(samples.at, kind="stable")
        batch = Batch.of(samples.point, samples.at, samples.value).take(order)
        for part in minutes(batch):
            for alert in (*engine.feed(part, int(part.at[-1])), *engine.tick(int(part.at[-1]))):
                stated[alert.id] = alert
    return [alert for alert in stated.values() if alert.fired is not None], campus.labels()


def minutes(batch: Batch) -> Iterator[Batch]:
    """In parts of ten minutes."""
    cuts = np.flatnonzero(np.diff(batch.at // (10 * MINUTE))) + 1
    for part in np.split(np.arange(len(batch)), cuts):
        if len(part):
            yield batch.take(part)


def words(alerts: list[Alert]) -> list[tuple[str, str, float]]:
    return [(alert.rule, alert.target, round((alert.since - MONDAY) / HOUR, 2)) for alert in alerts]


@pytest.mark.slow
def test_a_quiet_week_is_quiet_under_the_basic_and_the_fleet_pack(facility: Facility) -> None:
    alerts, _ = judge(facility, ())
    assert words(alerts) == []


@pytest.mark.slow
def test_each_fault_of_a_vehicle_gives_its_alert_in_time_and_nothing_else(facility: Facility) -> None:
    alerts, labels = judge(facility, FAULTS)
    explained = []
    for label in labels:
        rule, target, within, after = EXPECTED[label.fault]
        own = [alert for alert in alerts if (alert.rule, alert.target) == (rule, target)]
        inside = [alert for alert in own if label.start - MINUTE <= alert.since <= label.end + round(after * HOUR)]
        assert inside, f"{label.fault} was not found"
        first = min(alert.fired or 0 for alert in inside)
        assert first <= label.start + round(within * HOUR), f"{label.fault} after {(first - label.start) / HOUR:.1f} h"
        explained += inside
    assert words([alert for alert in alerts if alert not in explained]) == []


@pytest.mark.slow
def test_with_a_trip_book_only_the_trip_that_is_not_in_it_is_told(facility: Facility) -> None:
    book = []
    first = (MONDAY // 10**9 + ZONE) // 86400
    campus = Campus(1, MONDAY, FAULTS)
    cars = [equip.id for equip in facility.equips.values() if equip.type in VEHICLES]
    for car in cars:
        for day in range(first, first + 7):
            for trip in journeys(1, car, day, campus.schedule):
                if trip.start * 10**9 != FAULTS[6].start // 10**9 * 10**9:
                    book.append({"equip": car, "from": stamp(trip.start - 300), "to": stamp(trip.end + 900)})
    alerts, labels = judge(facility, FAULTS, {"id": "fleet-trip", "approved": book, "judge": ["unapproved"]})
    label = next(label for label in labels if label.fault == "unapproved_trip")
    own = [alert for alert in alerts if alert.rule == "fleet-trip"]
    assert [(alert.target, alert.evidence["reason"]) for alert in own] == [("car-0526", "no approved trip")]
    assert own[0].fired is not None
    assert label.start <= own[0].since <= own[0].fired <= label.start + 15 * MINUTE


def stamp(seconds: int) -> str:
    return str(np.datetime64(seconds, "s")) + "+00:00"
