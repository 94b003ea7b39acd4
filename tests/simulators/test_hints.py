"""The two rules that the packs keep off, on the five weeks of the campus: what they find, and how often they are wrong.

`energy-anomaly` on the boards and transformers, `water-network` on the points of the water network; the same kind as the latter
on the data room. A quiet spring bounds how often they speak; that is why somebody must turn them on.
"""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from rules.engine import Engine
from rules.load import load as load_rules
from simulators.campus import Campus
from simulators.devices import Feed
from simulators.facility import campus_toml
from simulators.faults import Fault
from simulators.month import DAYS, START, month_faults
from simulators.week import DAY
from simulators.wire import HOUR
from steward.config import load
from steward.model import Alert, Batch, PointIndex

pytestmark = pytest.mark.slow

LEARN = 14
WATER = ["water-*.flow", "water-main.pressure"]
DATA_ROOM = ["hall-1.temperature", "crac-*.return", "crac-*.supply", "crac-*.power", "ups-1.power", "ups-1.load", "em-d.power"]
RULES: list[tuple[str, dict[str, object]]] = [
    ("anomaly", {"id": "energy-anomaly", "enabled": True}),
    ("water", {"id": "water-network", "enabled": True, "learn": f"{LEARN}d", "match": {"point": WATER}}),
    ("data", {"id": "data-room", "kind": "network", "learn": f"{LEARN}d", "match": {"point": DATA_ROOM}}),
]
BOARDS = 6


def judge(folder: Path, faults: tuple[Fault, ...]) -> list[Alert]:
    """The statements that began an alert and what became of each, in order."""
    path = folder / "campus.toml"
    path.write_text(campus_toml(packs=(), least=300), "utf-8")
    facility = load(path).facility
    loaded = load_rules(RULES, facility, ("energy", "water"))
    assert not loaded.problems
    rules = [rule for rule in loaded.rules if rule.id in {table["id"] for _, table in RULES}]
    index = PointIndex(Campus(1, START).plan.points())
    engine = Engine(rules, facility, index)
    engine.resume(START)
    watched = [index.add(point.id) for bank in engine.banks for target in bank.targets for point in target.points if point]
    feed, stated = Feed(Campus(1, START, faults), least=300), dict[str, Alert]()
    for now in range(START, START + DAYS * DAY, 6 * HOUR):
        samples = feed.samples(now, now + 6 * HOUR)
        mine = np.isin(samples.point, watched)
        order = np.argsort(samples.at[mine], kind="stable")
        batch = Batch.of(samples.point[mine], samples.at[mine], samples.value[mine]).take(order)
        for alert in (*engine.feed(batch, now + 6 * HOUR), *engine.tick(now + 6 * HOUR)):
            stated[alert.id] = alert
    return sorted((alert for alert in stated.values() if alert.fired), key=lambda alert: alert.since)


def test_in_a_quiet_spring_they_speak_so_often_that_they_are_hints(tmp_path: Path) -> None:
    alerts = judge(tmp_path, ())
    told = Counter(alert.rule for alert in alerts)
    assert 0.02 < told["energy-anomaly"] / (BOARDS * (DAYS - 9)) < 0.12, "as the pack's source says: 0.1 a point-day"
    assert told["water-network"] <= 2, "as the pack's source says"
    assert told["data-room"] <= 3


def test_with_faults_the_lights_are_news_at_once_and_the_drifting_sensor_is_named_long_before_its_limit(tmp_path: Path) -> None:
    faults = month_faults()
    alerts = judge(tmp_path, faults)
    begun = {fault.kind: fault.start for fault in faults}
    lights = [alert for alert in alerts if alert.target == "em-a.power" and 0 <= alert.since - begun["lights_left_on"] <= HOUR]
    assert [alert.rule for alert in lights] == ["energy-anomaly"]
    room = [
        alert for alert in alerts if alert.rule == "data-room" and 0 <= alert.since - begun["sensor_drift"] <= 12 * HOUR
    ]  # the limit of the hall, 27 degC, takes three days
    assert len(room) == 1
