"""The HVAC pack on the campus: quiet seasons stay quiet; each labelled fault is named, and nothing else fires."""

from __future__ import annotations

import pytest

from rules.engine import Engine
from rules.load import load as load_rules
from simulators.campus import Campus
from simulators.devices import Feed
from simulators.facility import campus_toml
from simulators.faults import Fault
from simulators.week import DAY, HOUR, MONDAY
from simulators.wire import Wire
from steward.config import load
from steward.model import Alert, Batch, Facility, PointIndex

APRIL, JANUARY = MONDAY - 8 * 7 * DAY, MONDAY - 21 * 7 * DAY
FAULTY = 8
"""The Tuesday of the second week: six working days are known."""

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def facility(tmp_path_factory: pytest.TempPathFactory) -> Facility:
    path = tmp_path_factory.mktemp("facility") / "campus.toml"
    path.write_text(campus_toml(packs=()), "utf-8")
    return load(path).facility


def judge(facility: Facility, start: int, faults: tuple[Fault, ...], days: int) -> list[Alert]:
    """The statements that began an alert, in order."""
    wire = Wire(Feed(Campus(1, start, faults), None))
    samples = wire.feed.samples(start, start + days * DAY)
    loaded = load_rules([], facility, ["hvac"])
    assert not loaded.problems
    index = PointIndex(wire.feed.campus.plan.points())
    engine = Engine(loaded.rules, facility, index)
    watched = {index.add(point.id) for bank in engine.banks for target in bank.targets for point in target.points if point}
    everything = Batch.of(samples.point, samples.at, samples.value)
    everything = everything.take(everything.at.argsort(kind="stable"))
    engine.resume(start)
    stated: dict[str, Alert] = {}
    assert len(watched) >= 60
    for hour in range(days * 24):
        now = start + (hour + 1) * HOUR
        begin, end = everything.at.searchsorted([now - HOUR, now])
        for alert in (*engine.feed(everything.take(slice(begin, end)), now), *engine.tick(now)):
            stated[alert.id] = alert
    return sorted((alert for alert in stated.values() if alert.fired), key=lambda alert: alert.fired or 0)


def fault(kind: str, target: str, start: int, size: float) -> Fault:
    """From six in the morning of the faulty day, for the rest of the run."""
    at = start + FAULTY * DAY + 6 * HOUR
    return Fault(kind, target, at, at + 42 * HOUR, size)


@pytest.mark.parametrize("start", [MONDAY, JANUARY, APRIL], ids=["june", "january", "april"])
def test_nine_sound_days_are_quiet(facility: Facility, start: int) -> None:
    assert [(alert.rule, alert.target) for alert in judge(facility, start, (), 9)] == []


def test_stuck_parts_and_a_biased_sensor_in_spring_are_named(facility: Facility) -> None:
    faults = (
        fault("stuck_damper", "ahu-a2.oad", APRIL, 0.2),
        fault("stuck_valve", "ahu-c1.cc", APRIL, 0.6),
        fault("sensor_bias", "ahu-a1.mat", APRIL, -4.0),
    )
    alerts = judge(facility, APRIL, faults, 11)
    found = {(alert.target, alert.evidence.get("component")) for alert in alerts}
    assert found == {("ahu-a2", "outdoor_air_damper"), ("ahu-c1", "cooling_valve"), ("ahu-a1", "mixed_air_sensor")}
    assert {alert.rule for alert in alerts} == {"hvac-air-handler"}
    for alert in alerts:
        assert faults[0].start < (alert.fired or 0) <= APRIL + (FAULTY + 1) * DAY + HOUR, alert.target


def test_a_leaking_heating_valve_in_winter_is_named(facility: Facility) -> None:
    faults = (fault("leaking_valve", "ahu-b1.hc", JANUARY, 0.5),)
    alerts = judge(facility, JANUARY, faults, 11)
    assert {(alert.target, alert.evidence.get("component")) for alert in alerts} == {("ahu-b1", "heating_valve")}
