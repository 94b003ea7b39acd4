"""Judging across restarts: nothing fires twice, nothing loses its start, nothing is lost between verdict and record."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest
from prometheus_client import CollectorRegistry

from steward.app.alerts.judge import Judge, rules_of
from steward.config import Settings, parse
from steward.errors import ConfigError
from steward.model import Batch, Condition, PointIndex
from steward.records import AlertRecord, Records
from steward.store.embedded import EmbeddedStore
from steward.units import MINUTE, SECOND

FILE = """
[[site]]
id = "a"
name = "A"
[[point]]
id = "p"
site = "a"
metric = "power"
unit = "kW"
interval = "1m"
[[rule]]
id = "high"
kind = "threshold"
severity = "high"
match = { point = "p" }
above = "5kW"
for = "5m"
"""
T0 = 1_780_000_000 * SECOND


class World:
    """A judge with a real store and real records that outlive it."""

    def __init__(self, folder: Path, text: str = FILE) -> None:
        self.folder = folder
        self.settings: Settings = parse([("f.toml", text)])
        self.now = T0
        self.records = Records(f"sqlite:///{folder}/records.db")
        self.records.open()
        self.index = PointIndex(self.settings.facility.points)
        self.store = EmbeddedStore(folder / "s.duckdb", self.index)
        self.told: list[AlertRecord] = []

    def judge(self) -> Judge:
        facility = self.settings.facility
        rules = rules_of(self.settings, facility)
        return Judge(rules, facility, self.index, self.records, lambda: self.now, self._tell, CollectorRegistry())

    def _tell(self, changed: Sequence[AlertRecord]) -> None:
        self.told += changed

    async def sample(self, judge: Judge | None, minute: int, kilowatts: float) -> None:
        """A sample that is stored, and judged unless the judge is down."""
        self.now = T0 + minute * MINUTE
        batch = Batch.of([0], [self.now], [kilowatts * 1000])
        await self.store.write(batch)
        if judge is not None:
            await judge.commit(batch, (), ())

    def episodes(self) -> list[tuple[str, int, Condition]]:
        return [
            (record.alert.rule, (record.alert.since - T0) // MINUTE, record.alert.condition)
            for record in self.records.alerts().alerts
        ]


async def test_a_restart_in_the_middle_of_an_episode_neither_fires_again_nor_loses_its_start(tmp_path: Path) -> None:
    world = World(tmp_path)
    await world.store.open()
    judge = world.judge()
    await judge.start(world.store)
    for minute in range(8):
        await world.sample(judge, minute, 6 if minute >= 1 else 4)
    assert world.episodes() == [("high", 1, Condition.FIRING)]
    await judge.stop()
    again = world.judge()
    await again.start(world.store)
    await world.sample(again, 8, 6)
    assert world.episodes() == [("high", 1, Condition.FIRING)]
    await world.sample(again, 9, 4)
    assert world.episodes() == [("high", 1, Condition.RESOLVED)]
    await again.stop()
    await world.store.close()


async def test_what_arrived_after_the_last_saved_state_is_replayed_after_a_crash(tmp_path: Path) -> None:
    world = World(tmp_path)
    await world.store.open()
    judge = world.judge()
    await judge.start(world.store)
    await world.sample(judge, 0, 6)
    await judge.save()
    for minute in range(1, 5):
        await world.sample(judge, minute, 6)
    del judge  # killed: nothing saved since minute 0
    for minute in range(5, 8):
        await world.sample(None, minute, 6)  # stored, never judged
    again = world.judge()
    await again.start(world.store)
    assert world.episodes() == [("high", 0, Condition.FIRING)]
    await again.stop()
    await world.store.close()


async def test_without_a_saved_state_an_open_alert_that_nobody_knows_any_more_is_closed_with_the_reason(tmp_path: Path) -> None:
    world = World(tmp_path)
    await world.store.open()
    judge = world.judge()
    await judge.start(world.store)
    for minute in range(8):
        await world.sample(judge, minute, 6)
    world.records.save_state("rules", b"\0" * 20, world.now)  # garbage in the place of the state
    again = world.judge()
    await again.start(world.store)
    record = world.records.alerts().alerts[0]
    assert record.alert.condition is Condition.RESOLVED
    assert record.alert.evidence["ended"] == "the state of the rules was lost"
    await again.stop()
    await world.store.close()


async def test_statements_that_cannot_be_recorded_now_are_recorded_with_the_next_and_no_state_is_saved_before(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    world = World(tmp_path)
    await world.store.open()
    judge = world.judge()
    await judge.start(world.store)
    record = world.records.record_alerts

    def refuse(alerts: object, now: int) -> list[AlertRecord]:
        raise OSError("disk full")

    monkeypatch.setattr(world.records, "record_alerts", refuse)
    for minute in range(7):
        await world.sample(judge, minute, 6)
    await judge.save()
    assert world.records.load_state("rules") is None
    monkeypatch.setattr(world.records, "record_alerts", record)
    await judge.tick()
    assert world.episodes() == [("high", 0, Condition.FIRING)]
    assert [told.alert.condition for told in world.told][-1] is Condition.FIRING
    await judge.stop()
    await world.store.close()


def test_rules_that_are_wrong_are_all_named() -> None:
    settings = parse(
        [("f.toml", FILE.replace('"threshold"', '"treshold"') + '[[rule]]\nid = "x"\nkind = "threshold"\nabov = 1\n')]
    )
    with pytest.raises(ConfigError) as caught:
        rules_of(settings, settings.facility)
    text = str(caught.value)
    assert "rule[high].kind" in text
    assert "rule[x].abov" in text
