"""Five weeks of the simulated campus through the whole service, with every pack: quiet ones, and ones with every kind of fault.

The way is that of `test_week`: decoders, pipeline, store, ledger with its nightly learning, derived points, rules, desk and
records, in simulated time; the labelled month goes through a restart of the service while alerts are open. To take three
minutes instead of ten, what stands still sends every five minutes (vehicles as they do), and the service hears half an hour
at a time.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from rules.load import packs
from simulators.faults import KINDS, Label
from simulators.month import DAYS, QUIET, START, month_faults
from steward.model import Human
from steward.units import DAY, HOUR
from tests.app.simulated import LONG_STEP, Fired, World

LEAST = 300
"""Shortest interval of what stands still, s."""
RESTART = 22.75
"""Days after the start: a valve is stuck, a battery weak, a sensor frozen."""

pytestmark = pytest.mark.slow

EXPECTED = {
    # fault: rule -> (targets that may fire for it, hours after its start within which it must fire, hours it may outlast it);
    # the first rule must, the others may
    "rollover": {"energy-meter-fault": ({"c-lift.energy.fault"}, 3.0, 3.0)},
    "phase_imbalance": {"energy-current-imbalance": ({"em-b.current_1"}, 1.0, 1.0)},
    "dtc": {"basic-dtc": ({"ev-1105.dtc"}, 0.5, 1.0)},
    "clock_wrong": {"quality-clock": ({"crac-2"}, 0.75, 0.5)},
    "duplicate_storm": {"quality-duplicates": ({"weather-1"}, 0.5, 1.5)},
    "chiller_on_at_night": {
        "basic-chiller-hours": ({"chiller-2.power", "tower-1.power"}, 1.0, 1.0),
        "energy-night": ({"em-a.power", "em-t1.power"}, 24.0, 24.0),
    },
    "tyre_leak": {"basic-tyre": ({"car-0318.tyre_2"}, 16.0, 2.0)},
    "idling": {"fleet-idling": ({"car-0312"}, 0.5, 0.5)},
    "unapproved_trip": {"fleet-trip": ({"car-0526"}, 0.25, 0.5)},
    "stuck_damper": {"hvac-air-handler": ({"ahu-a2"}, 6.0, 2.0)},
    "sensor_bias": {"quality-drift-temperature": ({"room-301.temperature"}, 84.0, 12.0)},
    "coolant_overheating": {"basic-coolant": ({"car-0312.coolant"}, 6.0, 1.0)},
    "power_factor_loss": {"basic-power-factor": ({"em-t1.power_factor"}, 1.0, 1.0)},
    "lights_left_on": {
        "basic-lighting-hours": ({"a-light.power"}, 2.0, 1.0),
        "energy-night": ({"em-a.power", "em-t1.power"}, 24.0, 24.0),
    },
    "overspeed": {"basic-overspeed": ({"car-0526.speed"}, 4.0, 1.0)},
    "meter_swap": {"energy-meter-fault": ({"gas-kitchen.gas.fault"}, 3.0, 3.0)},
    "fuel_theft": {"basic-fuel-drop": ({"car-0318.fuel"}, 0.5, 1.0)},
    "gateway_outage": {"basic-stale": ({"gw-b"}, 0.5, 0.5)},
    "weak_battery": {"basic-battery": ({"bus-0731.battery"}, 4.0, 24.0)},
    "sensor_freeze": {"basic-stuck-temperature": ({"room-612.temperature"}, 16.0, 1.0)},
    "stuck_valve": {
        "hvac-air-handler": ({"ahu-c1"}, 6.0, 36.0),
        "hvac-supply-air": ({"ahu-c1"}, 4.0, 2.0),
        "campus-supply-air": ({"ahu-c1.sat"}, 4.0, 2.0),
    },
    "sensor_drift": {"campus-machine-hall": ({"hall-1.temperature"}, 84.0, 1.0)},
    "leaking_valve": {"hvac-air-handler": ({"ahu-b1"}, 6.0, 2.0)},
    "leak": {
        "basic-night-flow": ({"water-b.flow"}, 1.5, 24.0),
        "water-leak": ({"water-b.water", "water-main.water"}, 30.0, 24.0),
    },
}
ONCE = ("weak_battery", "tyre_leak", "dtc", "clock_wrong", "sensor_bias", "gateway_outage", "leaking_valve", "stuck_damper")
"""Faults that are one condition all the time: their first rule tells of them once."""
UNSEEN = {
    # fault: why no alert answers to it
    "meter_reset": "a fall to zero is beyond doubt once the meter's pace is known: the ledger books it and asks nobody",
}


async def play(folder: Path, *, labelled: bool) -> World:
    """The world after five weeks, with its service still running."""
    world = World(folder, month_faults() if labelled else (), packs(), least=LEAST, step=LONG_STEP, begin=START)
    await world.start()
    if labelled:
        await world.play(RESTART)
        await world.restart()
    await world.play(DAYS)
    await world.settle()
    return world


async def test_a_quiet_month_fires_nothing_and_asks_nobody(tmp_path: Path) -> None:
    world = await play(tmp_path, labelled=False)
    assert world.fired() == []
    assert not any(world.steward.books.core.shelf.questions.values())
    assert set(world.steward.quarantine.counts()) <= {"unmapped"}
    await world.stop()


async def test_in_the_labelled_month_each_fault_fires_its_alert_in_time_and_nothing_else_fires(tmp_path: Path) -> None:
    world = await play(tmp_path, labelled=True)
    fired, by_fault = world.fired(), {label.fault: label for label in world.labels()}
    assert set(by_fault) == EXPECTED.keys() | UNSEEN.keys() == set(KINDS)
    explained: set[Fired] = set()
    for fault, rules in EXPECTED.items():
        start, end = world.hour(by_fault[fault].start), world.hour(by_fault[fault].end)
        for number, (rule, (targets, within, after)) in enumerate(rules.items()):
            inside = [
                one for one in fired if one.rule == rule and one.target in targets and start - 0.1 <= one.since <= end + after
            ]
            assert inside or number, f"{fault} was not found"
            if inside:
                assert inside[0].fired <= start + within, f"{fault} was found after {inside[0].fired - start:.1f} h by {rule}"
            assert number or fault not in ONCE or len(inside) == 1, f"{fault} was told {len(inside)} times"
            explained |= set(inside)
    assert [one for one in fired if one not in explained] == []
    assert min(one.since for one in fired) >= min(QUIET * 24, world.hour(by_fault["rollover"].start))
    named = {record.alert.target: record.alert.evidence["component"] for record in world.records()
             if record.alert.rule == "hvac-air-handler"}  # fmt: skip
    assert named == {"ahu-a2": "outdoor_air_damper", "ahu-c1": "cooling_valve", "ahu-b1": "cooling_valve"}
    assert {record.human for record in world.records()} == {Human.UNACKNOWLEDGED}, "the desk has them all, and nobody acted"
    await _reset_is_booked(world, by_fault["meter_reset"])
    await world.stop()


async def _reset_is_booked(world: World, label: Label) -> None:
    """The day of the reset holds what the power of the same meter says, although nobody was asked."""
    begin = label.start // DAY * DAY
    steward = world.steward
    assert not steward.books.core.shelf.questions.get("c-light.energy")
    found = steward.books.consumption("c-light.energy", begin, begin + DAY)
    power = await steward.store.read([steward.index.add("c-light.power")], begin, begin + DAY)
    assert found.total == pytest.approx(float(np.mean(power.value)) * DAY / HOUR, rel=0.01)
