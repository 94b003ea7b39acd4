"""Simulated water meters under the packs basic and water: quiet weeks stay quiet, a leak is also found by what was learned."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from rules.backtest import Episode, Trial
from rules.load import load as load_rules
from simulators.campus import Campus
from simulators.devices import Feed
from simulators.facility import campus_toml
from simulators.faults import Fault
from simulators.week import DAY, HOUR, MONDAY
from steward.config import load
from steward.model import Batch, PointIndex

STEP = 12 * HOUR
LEAK = MONDAY + 33 * DAY + 20 * HOUR
"""After the 28 days that the rule learns."""


def judge(folder: Path, faults: tuple[Fault, ...], days: int) -> list[Episode]:
    """The episodes of the water meters' rules."""
    path = folder / "campus.toml"
    path.write_text(campus_toml(packs=()), "utf-8")
    facility = load(path).facility
    loaded = load_rules(facility.rules, facility, ("basic", "water"))
    assert not loaded.problems
    rules = [rule for rule in loaded.rules if rule.id.startswith("water-") or rule.id == "basic-night-flow"]
    campus = Campus(1, MONDAY, faults)
    feed = Feed(campus)
    index = PointIndex(campus.plan.points())
    trial = Trial(rules, facility, index, MONDAY)
    watched = trial.points()
    for now in range(MONDAY, MONDAY + days * DAY, STEP):
        samples = feed.samples(now, now + STEP)
        batch = Batch.of(samples.point, samples.at, samples.value)
        trial.feed(batch.take(np.isin(batch.point, watched)))
    return trial.outcome(MONDAY + days * DAY).episodes


@pytest.mark.slow
def test_six_quiet_weeks_are_quiet_under_the_water_pack(tmp_path: Path) -> None:
    assert judge(tmp_path, (), 42) == []


@pytest.mark.slow
def test_a_leak_is_found_by_the_limit_and_by_what_was_learned_and_nothing_else_fires(tmp_path: Path) -> None:
    fault = Fault("leak", "water-b", LEAK, LEAK + 7 * DAY)
    episodes = judge(tmp_path, (fault,), 40)
    assert {episode.target.split(".")[0] for episode in episodes} <= {"water-b", "water-main"}, "its meter, and the one above"
    found = {episode.rule: episode for episode in episodes if episode.target.startswith("water-b")}
    assert {"water-leak", "basic-night-flow"} <= set(found)
    assert found["water-leak"].fired <= LEAK + 24 * HOUR
    assert all(episode.fired >= LEAK for episode in episodes)
    told = found["water-leak"].evidence["m3_per_hour"]
    assert told == pytest.approx(0.18, abs=0.02)
