"""Two months of the campus under the packs energy and quality: what a quiet campus must not fire, what waste must.

The physics of the simulated campus are sampled every five minutes and judged by the real engine, as a backtest would; the way
over devices, collectors and store is the matter of `test_week`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pytest

from rules.engine import Engine
from rules.load import load
from simulators.campus import Campus
from simulators.facility import campus_toml
from simulators.faults import Fault
from simulators.week import MONDAY
from steward.app.checking import read
from steward.model import Batch, Condition, FloatArray, PointIndex
from steward.units import DAY, HOUR, MINUTE, SECOND

STEP = 5 * MINUTE
Change = Callable[[str, int, FloatArray], FloatArray]
"""(point, day since the start, its values of the day) -> values: what no physical fault of the campus makes."""


@dataclass(frozen=True)
class Fired:
    """An alert that fired; days since the start."""

    rule: str
    target: str
    since: float


def play(folder: Path, days: int, faults: Iterable[Fault] = (), change: Change | None = None) -> list[Fired]:
    """Feeds the gauges and states that the two packs watch."""
    file = folder / "campus.toml"
    file.write_text(campus_toml(data=".", packs=("energy", "quality"), rules=""), encoding="utf-8")
    facility = read(file).facility
    slow = {id: replace(point, interval=max(point.interval, STEP)) for id, point in facility.points.items()}
    facility = replace(facility, points=slow)  # else each sample would be the end of a gap
    rules = load(facility.rules, facility, ("energy", "quality")).rules
    index = PointIndex()
    engine = Engine(rules, facility, index)
    engine.resume(MONDAY)
    campus = Campus(1, MONDAY, faults)
    watched = sorted({point.id for bank in engine.banks for target in bank.targets for point in target.points if point})
    fired: list[Fired] = []
    for day in range(days):
        block = campus.day(campus.first_day + day)
        at = MONDAY + day * DAY + np.arange(0, DAY, STEP)
        known = [id for id in watched if id in block.columns]
        columns = [block.at(id, at / SECOND) for id in known]
        if change is not None:
            columns = [change(id, day, column.copy()) for id, column in zip(known, columns, strict=True)]
        numbers = np.array([index.add(id) for id in known], np.int32)
        batch = Batch.of(np.tile(numbers, len(at)), np.repeat(at, len(known)), np.stack(columns, axis=1).reshape(-1))
        stated = engine.feed(batch, MONDAY + (day + 1) * DAY) + engine.tick(MONDAY + (day + 1) * DAY)
        fired += [
            Fired(alert.rule, alert.target, (alert.since - MONDAY) / DAY)
            for alert in stated
            if alert.condition is Condition.FIRING
        ]
    return fired


@pytest.mark.slow
def test_two_quiet_months_fire_nothing(tmp_path: Path) -> None:
    assert play(tmp_path, 63) == []


def _fault(kind: str, target: str, day: int, begin: float, hours: float, size: float = float("nan")) -> Fault:
    at = MONDAY + day * DAY + round(begin * HOUR)
    return Fault(kind, target, at, at + round(hours * HOUR), size)


PHYSICAL = (
    _fault("phase_imbalance", "em-b", 29, 9.0, 8.0, 0.3),
    _fault("chiller_on_at_night", "chiller-2", 36, 21.5, 8.0, 0.6),
    _fault("lights_left_on", "a-light", 39, 20.2, 10.5),
)


def _spoil(id: str, day: int, values: FloatArray) -> FloatArray:
    """What goes wrong besides; a slot is five minutes, twelve an hour."""
    if day >= 43 and id in ("c-kitchen.power", "em-c.power", "em-t1.power"):
        values += 20e3  # an oven that is never switched off
    if day == 26 and id == "em-t1.power":
        values[120:126] = 1.5e6  # half an hour beyond nine tenths of 1.6 MW
    if day in (22, 23) and id == "em-d.power":
        values *= 0.8  # a current transformer is changed for one of another ratio
    if day == 19 and id.startswith("em-t2.voltage"):
        values[96:168] *= 1.06
    if day == 15 and id == "room-301.humidity":
        values[100:140] = 1.05
    return values


EXPECTED = {
    # what: (rules that may fire for it, of which the first must; targets; first and last day on which it may begin)
    "humidity": (["quality-range-humidity"], {"room-301.humidity"}, 15, 16),
    "voltage": (["energy-voltage"], {f"em-t2.voltage_{phase}" for phase in (1, 2, 3)}, 19, 20),
    "ratio": (["energy-balance"], {"em-d.power", "em-t2.power"}, 22, 24),
    "demand": (["energy-demand", "energy-balance"], {"em-t1.power"}, 26, 27),  # nothing below the transformer drew it
    "imbalance": (["energy-current-imbalance"], {"em-b.current_1"}, 29, 30),
    "chiller": (["energy-night", "energy-profile"], {"em-a.power", "em-t1.power"}, 36, 38),
    "lights": (["energy-profile", "energy-night"], {"em-a.power", "em-t1.power"}, 39, 41),
    "oven": (["energy-night", "energy-level", "energy-rest-day", "energy-profile"], {"em-c.power", "em-t1.power"}, 43, 63),
}


@pytest.mark.slow
def test_each_waste_and_each_defect_fires_its_rule_and_nothing_else_fires(tmp_path: Path) -> None:
    fired = play(tmp_path, 63, PHYSICAL, _spoil)
    explained: set[Fired] = set()
    for what, (rules, targets, first, last) in EXPECTED.items():
        own = [one for one in fired if one.rule in rules and one.target in targets and first <= one.since <= last]
        assert any(one.rule == rules[0] for one in own), f"{what} was not found"
        assert what != "oven" or {one.rule for one in own} == set(rules)
        explained |= set(own)
    assert [one for one in fired if one not in explained] == []
