"""What a person says of an episode reaches the rule that learns: a real fault does not become normal."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from prometheus_client import CollectorRegistry

from steward.app.alerts.desk import AlertDesk
from steward.app.alerts.judge import Judge, rules_of
from steward.config import parse
from steward.model import Batch, PointIndex
from steward.records import AlertRecord, Records
from steward.units import DAY, MINUTE

FILE = """
[[site]]
id = "a"
name = "A"
[[point]]
id = "p"
site = "a"
metric = "pressure"
interval = "5m"
[[rule]]
id = "odd"
kind = "anomaly"
match = { point = "p" }
at_least = 6
"""
T0 = 20_600 * DAY
STEP = 5 * MINUTE


class Plant:
    """A point with noise, and a bump of an hour on some days; rules, records and a desk."""

    def __init__(self, folder: Path) -> None:
        settings = parse([("f.toml", FILE)])
        self.now, self.day = T0, 0
        self.records = Records(f"sqlite:///{folder}/records.db")
        self.records.open()
        index, registry = PointIndex(settings.facility.points), CollectorRegistry()
        rules = rules_of(settings, settings.facility)
        self.judge = Judge(rules, settings.facility, index, self.records, lambda: self.now, self.told, registry)
        self.desk = AlertDesk(
            self.records, settings.facility, settings.desk, self.judge.masks, lambda: self.now, lambda shown: None,
            lambda told: None, registry,
        )  # fmt: skip
        self.desk.on_label = self.judge.learn_from

    def told(self, changed: object) -> None: ...

    async def live(self, days: int, bump: float = 0.0) -> None:
        for _ in range(days):
            at = T0 + self.day * DAY + np.arange(288, dtype=np.int64) * STEP
            value = 100.0 + np.random.default_rng(self.day).normal(0, 1, 288)
            value[120:132] += bump
            self.day += 1
            self.now = int(at[-1]) + MINUTE
            await self.judge.commit(Batch.of([0] * 288, at, value, received=self.now), (), ())

    def alerts(self) -> list[AlertRecord]:
        return [one for one in self.records.alerts(limit=50).alerts if one.alert.fired is not None]

    async def faults(self, label: bool | None) -> int:
        """A fault on each of five days, two days apart; every episode is labelled. How many were told."""
        await self.live(6)
        assert self.alerts() == []
        for _ in range(5):
            before = {one.id for one in self.alerts()}
            await self.live(1, 12.0)
            await self.live(1)
            fresh = [one.id for one in self.alerts() if one.id not in before]
            if fresh and label is not None:
                await self.desk.label(fresh, label, "li", "")
        return len(self.alerts())


@pytest.mark.slow
async def test_a_fault_called_real_alerts_again_and_one_that_nobody_confirms_becomes_normal(
    tmp_path: Path,
) -> None:
    counts = {}
    for label in (True, None, False):
        (tmp_path / str(label)).mkdir()
        plant = Plant(tmp_path / str(label))
        counts[label] = await plant.faults(label)
        plant.records.close()
    assert counts[True] == 5
    assert counts[None] < 5
    assert counts[False] == counts[None], "false means: learn it"


async def test_only_the_newest_episode_of_a_target_can_be_unlearned(tmp_path: Path) -> None:
    plant = Plant(tmp_path)
    await plant.live(6)
    await plant.live(1, 12.0)
    await plant.live(1)
    await plant.live(1, 40.0)
    await plant.live(1)
    newest, older = plant.alerts()
    before = plant.judge.engine.snapshot()
    await plant.desk.label([older.id], True, "li", "")
    assert plant.judge.engine.snapshot() == before
    await plant.desk.label([newest.id], True, "li", "")
    assert plant.judge.engine.snapshot() != before
    plant.records.close()
