"""Alerts on record and saved state that an older release wrote wrongly, or that nothing fits: ended, with the reason."""

from __future__ import annotations

import struct
from dataclasses import replace
from pathlib import Path

import pytest
from prometheus_client import CollectorRegistry

from rules.masking import Masks
from steward.app.alerts.desk import AlertDesk
from steward.app.alerts.judge import Judge, rules_of
from steward.config import parse
from steward.model import Alert, Condition, Severity
from steward.units import DAY, MINUTE
from tests.app.test_judge import FILE, T0, World


def alert(rule: str, target: str, since: int, **other: object) -> Alert:
    """A firing alert as a record holds it."""
    plain = Alert(
        rule, "threshold", Severity.HIGH, target, ("p",), Condition.FIRING, since, since, since, None, 6000.0, 6000.0, 5000.0,
        {"clear_at": 5000.0},
    )  # fmt: skip
    return replace(plain, **other)  # type: ignore[arg-type]


NAN = float("nan")
WRONG = [
    alert("gone", "p", T0 - DAY),
    alert("high", "no such point", T0 - DAY),
    alert("high", "p", T0 - DAY, kind="no such kind"),
    alert("high", "q", T0 + 30 * DAY),
    alert("high", "r", T0 - DAY, fired=None),
    alert("high", "s", T0 - DAY, value=NAN, worst=NAN, limit=NAN, evidence={"x": NAN, "y": None}),
    alert("high", "t", T0 - DAY, fired=T0 - 2 * DAY),
]


async def test_alerts_on_record_that_no_rule_knows_end_with_the_reason_and_keep_what_they_said(tmp_path: Path) -> None:
    world = World(tmp_path)
    await world.store.open()
    world.records.record_alerts(WRONG, T0)
    judge = world.judge()
    await judge.start(world.store)
    found = {record.id: record.alert for record in world.records.alerts().alerts}
    assert set(found) == {one.id for one in WRONG}
    for one in WRONG:
        now = found[one.id]
        assert now.condition is Condition.RESOLVED
        assert now.resolved is not None
        assert now.resolved >= max(one.since, one.fired or 0)
        assert now.evidence["ended"] == "the state of the rules was lost"
        assert (now.severity, now.kind) == (Severity.HIGH, one.kind)
        assert one.evidence.keys() <= now.evidence.keys()
    assert world.records.active() == []
    await judge.stop()
    await world.store.close()


async def test_the_desk_takes_such_alerts_over_and_lets_them_end(tmp_path: Path) -> None:
    world = World(tmp_path)
    await world.store.open()
    world.records.record_alerts(WRONG, T0)
    told: list[str] = []
    facility = world.settings.facility

    def masks(rule: str) -> Masks:
        return ""

    desk = AlertDesk(
        world.records, facility, world.settings.desk, masks, lambda: world.now, lambda changed: None,
        lambda found: told.extend(one.what for one in found), CollectorRegistry(),
    )  # fmt: skip
    await desk.start()
    judge = world.judge()
    await judge.start(world.store)
    desk.take(world.told)
    await desk.tick()
    assert not desk.machine.open
    await desk.stop()
    await judge.stop()
    await world.store.close()


async def firing(world: World) -> Judge:
    """A judge whose alert fires, saved."""
    await world.store.open()
    judge = world.judge()
    await judge.start(world.store)
    for minute in range(8):
        await world.sample(judge, minute, 6)
    await judge.save()
    return judge


async def test_an_alert_of_a_rule_that_is_gone_after_a_restart_keeps_severity_points_and_evidence(tmp_path: Path) -> None:
    world = World(tmp_path)
    await firing(world)
    before = world.records.alerts().alerts[0].alert
    world.settings = parse([("f.toml", FILE.replace('id = "high"', 'id = "other"'))])
    again = world.judge()
    await again.start(world.store)
    after = next(one.alert for one in world.records.alerts().alerts if one.alert.rule == "high")
    assert (after.condition, after.severity, after.points) == (Condition.RESOLVED, Severity.HIGH, ("p",))
    assert after.evidence == {**before.evidence, "ended": "rule or target changed"}
    assert after.value == before.value
    await world.store.close()


async def test_an_alert_of_a_rule_that_a_reload_takes_away_keeps_what_it_said(tmp_path: Path) -> None:
    world = World(tmp_path)
    judge = await firing(world)
    before = world.records.alerts().alerts[0].alert
    settings = parse([("f.toml", FILE.replace('id = "high"', 'id = "other"'))])
    await judge.rebind(rules_of(settings, settings.facility), settings.facility)
    after = next(one.alert for one in world.records.alerts().alerts if one.alert.rule == "high")
    assert after.condition is Condition.RESOLVED
    assert after.evidence == {**before.evidence, "ended": "rule or target changed"}
    await world.store.close()


@pytest.mark.parametrize("damage", ["cut off", "garbage", "head only", "ahead", "empty"])
async def test_a_saved_state_that_cannot_be_used_is_counted_and_the_rules_learn_anew(tmp_path: Path, damage: str) -> None:
    world = World(tmp_path)
    await firing(world)
    saved = world.records.load_state("rules")
    assert saved is not None
    texts = {
        "cut off": saved[:-5],
        "garbage": saved[:8] + bytes(255 - byte for byte in saved[8:]),
        "head only": saved[:8],
        "ahead": struct.pack("<q", world.now + 40 * DAY) + saved[8:],
        "empty": b"",
    }
    world.records.save_state("rules", texts[damage], world.now)
    registry = CollectorRegistry()
    facility = world.settings.facility
    rules = rules_of(world.settings, facility)
    again = Judge(rules, facility, world.index, world.records, lambda: world.now, lambda changed: None, registry)
    await again.start(world.store)
    refused = registry.get_sample_value("steward_rules_state_refused_total", {"of": "all"}) or 0.0
    assert refused == (0.0 if damage == "ahead" else 1.0)
    record = world.records.alerts().alerts[0].alert
    assert record.condition is (Condition.FIRING if damage == "ahead" else Condition.RESOLVED)
    for minute in range(8, 16):
        await world.sample(again, minute, 6)
    assert len(again.engine.active()) == 1, "it goes on judging"
    await again.save()
    head = world.records.load_state("rules")
    assert head is not None
    assert abs(struct.unpack_from("<q", head)[0] - world.now) < MINUTE, "the watermark is of this clock"
    await world.store.close()
