"""The campus's own rules on the labelled and the quiet week, judged by the real engine: what fires, when, and nothing else."""

from __future__ import annotations

import pytest

from rules.engine import Engine
from rules.load import load as load_rules
from simulators.facility import campus_rules, campus_toml
from simulators.week import HOUR, MONDAY
from steward.config import load
from steward.model import Alert, Batch, Condition, Facility, PointIndex
from tests.simulators.conftest import Series

MINUTE = HOUR // 60


@pytest.fixture(scope="module")
def facility(tmp_path_factory: pytest.TempPathFactory) -> Facility:
    path = tmp_path_factory.mktemp("facility") / "campus.toml"
    path.write_text(campus_toml(packs=()), "utf-8")
    return load(path).facility


def judge(facility: Facility, series: Series) -> list[Alert]:
    """The last statement of every alert that fired."""
    loaded = load_rules(facility.rules, facility)
    assert not loaded.problems
    assert not loaded.warnings
    index = PointIndex(series.points)
    engine = Engine(loaded.rules, facility, index)
    samples = series.samples
    everything = Batch.of(samples.point, samples.at, samples.value)
    engine.resume(MONDAY)
    stated: dict[str, Alert] = {}
    order = everything.at.argsort(kind="stable")
    everything = everything.take(order)
    cuts = everything.at.searchsorted([MONDAY + number * 6 * HOUR for number in range(1, 29)])
    begin = 0
    for number, end in enumerate(cuts.tolist(), start=1):
        now = MONDAY + number * 6 * HOUR
        for alert in (*engine.feed(everything.take(slice(begin, end)), now), *engine.tick(now)):
            stated[alert.id] = alert
        begin = end
    return [alert for alert in stated.values() if alert.fired is not None]


def test_the_quiet_week_is_quiet(facility: Facility, quiet: Series) -> None:
    assert [(alert.rule, alert.target) for alert in judge(facility, quiet)] == []


def test_each_rule_fires_on_its_fault_in_time_and_on_nothing_else(facility: Facility, labelled: Series) -> None:
    alerts = judge(facility, labelled)
    expected = {
        "basic-lighting-hours": ("lights_left_on", "a-light.power", 60),
        "basic-night-flow": ("leak", "water-b.flow", 60),
        "basic-power-factor": ("power_factor_loss", "em-t1.power_factor", 40),
        "campus-supply-air": ("stuck_valve", "ahu-c1.sat", 180),
        "basic-overspeed": ("overspeed", "car-0526.speed", 200),
        "basic-fuel-drop": ("fuel_theft", "car-0318.fuel", 15),
        "campus-machine-hall": ("sensor_drift", "hall-1.temperature", 110 * 60),
    }
    assert {(alert.rule, alert.points[0]) for alert in alerts} == {(rule, point) for rule, (_, point, _) in expected.items()}
    for alert in alerts:
        kind, _, minutes = expected[alert.rule]
        label = labelled.label(kind)
        assert alert.fired is not None
        assert label.start <= alert.fired, alert.rule
        assert alert.since < label.end + 5 * MINUTE, alert.rule
    for rule, (kind, _, minutes) in expected.items():
        first = min(alert.fired or 0 for alert in alerts if alert.rule == rule)
        assert first <= labelled.label(kind).start + minutes * MINUTE, rule
    assert all(alert.condition is Condition.RESOLVED for alert in alerts)


def test_every_rule_has_words_in_both_languages() -> None:
    import tomllib

    for rule in [rule for rule in tomllib.loads(campus_rules())["rule"] if rule.get("enabled", True)]:
        for key in ("title", "why", "check"):
            assert set(rule[key]) == {"en", "zh"}, rule["id"]
