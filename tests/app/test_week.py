"""The end-to-end test: the simulated campus through decoders, store, rules and records, in simulated time, as its devices send.

What a quiet day and a quiet week must not do, and what the labelled week must: each alert in its time, and nothing else. The
month, with all packs and what needs weeks of history, is `test_month`.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from rules.load import packs
from simulators.faults import Fault, Label
from simulators.week import MONDAY, by_day, week_faults
from steward.units import HOUR
from tests.app.simulated import Fired, World


async def play(
    folder: Path, faults: tuple[Fault, ...], days: float, packs: tuple[str, ...]
) -> tuple[list[Fired], list[Label], dict[str, int]]:
    """What fired, the truth, and what was rejected."""
    world = World(folder, faults, packs)
    await world.start()
    await world.play(days)
    await world.settle()
    found = world.fired(), world.labels(), world.steward.quarantine.counts()
    await world.stop()
    return found


async def test_a_quiet_day_fires_nothing_and_rejects_nothing_but_fields_that_nobody_wants(tmp_path: Path) -> None:
    fired, _, counts = await play(tmp_path, (), 1, ("basic",))
    assert fired == []
    assert set(counts) <= {"unmapped"}


async def test_a_storm_of_duplicates_is_told_through_the_whole_service_and_nothing_else_is(tmp_path: Path) -> None:
    storm = by_day(MONDAY)("duplicate_storm", "weather-1", 0, 3.0, 0.5)
    fired, labels, _ = await play(tmp_path, (storm,), 0.25, ("quality",))
    assert [(one.rule, one.target) for one in fired] == [("quality-duplicates", "weather-1")]
    assert 0 <= fired[0].fired - (labels[0].start - MONDAY) / HOUR <= 0.5


@pytest.mark.slow
async def test_a_quiet_week_fires_nothing(tmp_path: Path) -> None:
    fired, _, _ = await play(tmp_path, (), 7, packs())
    assert fired == []


EXPECTED = {
    # fault: rule -> (targets that may fire for it, hours after its start within which it must fire, hours it may outlast it);
    # the first rule must, the others may
    "chiller_on_at_night": {"basic-chiller-hours": ({"chiller-2.power", "tower-1.power"}, 1.0, 1.0)},
    "lights_left_on": {"basic-lighting-hours": ({"a-light.power"}, 2.0, 1.0)},
    "leak": {"basic-night-flow": ({"water-b.flow"}, 1.5, 24.0)},
    "power_factor_loss": {"basic-power-factor": ({"em-t1.power_factor"}, 1.0, 1.0)},
    "phase_imbalance": {"energy-current-imbalance": ({"em-b.current_1"}, 1.0, 1.0)},
    "overspeed": {"basic-overspeed": ({"car-0526.speed"}, 4.0, 1.0)},
    "fuel_theft": {"basic-fuel-drop": ({"car-0318.fuel"}, 0.5, 1.0)},
    "stuck_valve": {
        "campus-supply-air": ({"ahu-c1.sat"}, 4.0, 2.0),
        "hvac-supply-air": ({"ahu-c1"}, 4.0, 2.0),
        "hvac-air-handler": ({"ahu-c1"}, 24.0, 36.0),
    },
    "dtc": {"basic-dtc": ({"ev-1105.dtc"}, 0.5, 1.0)},
    "weak_battery": {"basic-battery": ({"bus-0731.battery"}, 24.0, 24.0)},
    "tyre_leak": {"basic-tyre": ({"car-0318.tyre_2"}, 60.0, 48.0)},
    "sensor_drift": {"campus-machine-hall": ({"hall-1.temperature"}, 110.0, 1.0)},
    "sensor_freeze": {"basic-stuck-temperature": ({"room-301.temperature"}, 16.0, 1.0)},
    "coolant_overheating": {"basic-coolant": ({"car-0312.coolant"}, 6.0, 1.0)},
    "gateway_outage": {"basic-stale": ({"gw-b"}, 0.5, 0.5)},
    "meter_reset": {"energy-meter-fault": ({"c-light.energy.fault"}, 2.0, 200.0)},
    "meter_swap": {"energy-meter-fault": ({"gas-kitchen.gas.fault"}, 2.0, 200.0)},
    "rollover": {"energy-meter-fault": ({"c-lift.energy.fault"}, 2.0, 200.0)},
    "clock_wrong": {"quality-clock": ({"crac-2"}, 0.75, 0.5)},
    "duplicate_storm": {"quality-duplicates": ({"weather-1"}, 0.5, 1.5)},
    "idling": {"fleet-idling": ({"car-0312"}, 0.5, 0.5)},
    "unapproved_trip": {"fleet-trip": ({"car-0526"}, 0.25, 0.5)},
}
UNSEEN = {
    # fault: why no alert answers to it within the week
    "sensor_bias": "2.5 K for 40 h: not beyond what siblings may differ by, and they are compared after nine days",
    "stuck_damper": "outdoor air is within 3.8 K of return air all day; a share of it is judged from 5.6 K on, history or not",
    "leaking_valve": "it leaks half open, and the command is below a half in 12 minutes a day: the air is what it would be",
}


@pytest.mark.slow
async def test_in_the_labelled_week_each_fault_fires_its_alert_in_time_and_nothing_else_fires(tmp_path: Path) -> None:
    fired, labels, _ = await play(tmp_path, week_faults(MONDAY), 7, packs())
    by_fault = {label.fault: label for label in labels}
    assert set(by_fault) == EXPECTED.keys() | UNSEEN.keys()
    explained: set[Fired] = set()
    for fault, rules in EXPECTED.items():
        start, end = ((moment - MONDAY) / HOUR for moment in (by_fault[fault].start, by_fault[fault].end))
        for number, (rule, (targets, within, after)) in enumerate(rules.items()):
            own = [alert for alert in fired if alert.rule == rule and alert.target in targets]
            inside = [alert for alert in own if start - 0.1 <= alert.since <= end + after]
            assert inside or number, f"{fault} was not found"
            if inside:
                assert inside[0].fired <= start + within, f"{fault} was found after {inside[0].fired - start:.1f} h by {rule}"
            explained |= set(inside)
    assert [alert for alert in fired if alert not in explained] == []
    weak = [alert for alert in fired if alert.rule == "basic-battery"]
    assert len(weak) == 1, "a weak battery is one alert, however often its bus is driven"
