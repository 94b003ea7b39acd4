"""Expected values and paces: which points they are, models from the ledger, samples that the shipped rules can judge."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from metering.degree_days import Weather
from rules.engine import Engine
from rules.load import load
from simulators.facility import campus_toml
from steward.app.checking import read
from steward.app.consumption.expected import Expectations, modelled, paced, with_expected
from steward.app.ledger.model import Consumption
from steward.app.ledger.registers import with_derived
from steward.config import parse
from steward.config.derived import Derived
from steward.model import Batch, PointIndex
from steward.units import DAY, HOUR, MINUTE

FILE = """
[[site]]
id = "a"
name = "A"
time_zone = "Asia/Shanghai"
[[equip]]
id = "board"
name = "Board"
type = "switchboard"
site = "a"
[[point]]
id = "m"
equip = "board"
metric = "energy"
unit = "kWh"
interval = "15m"
[[quota]]
id = "q"
site = "a"
metric = "energy"
limit = 100
"""
MONDAY = 20_601 * DAY - 8 * HOUR
NOW = MONDAY + 70 * DAY


def load_of(start: np.ndarray) -> np.ndarray:
    """Wh of hours: working hours, and more when it is warm."""
    local = (start + 8 * HOUR) // HOUR
    work = ((local % 24 >= 8) & (local % 24 < 18) & (((local // 24) + 3) % 7 < 5)).astype(float)
    return 4000.0 + 9000.0 * work + 200.0 * np.maximum(temperature(start) - 18.0, 0.0)


def temperature(start: np.ndarray) -> np.ndarray:
    hours = start / HOUR
    return 20.0 + 5.0 * np.sin(hours / 24 * 2 * np.pi) + 4.0 * np.sin(hours / 24 / 11 * 2 * np.pi)


class Books:
    """A ledger of one register since `since`."""

    def __init__(self, since: int) -> None:
        self.since = since

    def consumption(self, point: str, start: int, end: int, period: str = "quarter") -> Consumption:
        assert (point, period) == ("m", "hour")
        begin = np.arange(start // HOUR, end // HOUR, dtype=np.int64) * HOUR
        value = np.where(begin >= self.since, load_of(begin), np.nan)
        size = len(begin)
        return Consumption(
            point, "Wh", begin, begin + HOUR, value, value, value, np.zeros(size, np.uint8), np.zeros(size, np.uint16),
            np.ones(size, np.float32), np.ones(size, np.float32), np.zeros(size, np.int32),
        )  # fmt: skip


class Yardsticks:
    """Weather, and a quota whose pace is what it is told to be."""

    async def weather(self, site: str, start: int, end: int) -> Weather:
        hours = np.arange(start // HOUR, min(end, NOW) // HOUR, dtype=np.int64) * HOUR
        return Weather(int(start // HOUR), temperature(hours))

    async def quota(self, site: str) -> Any:
        return SimpleNamespace(rows=[SimpleNamespace(metric="energy", pace=SimpleNamespace(pace=1.25))])


@dataclass
class State:
    """The records, as far as they are used."""

    kept: dict[str, bytes] = field(default_factory=dict)

    def load_state(self, name: str) -> bytes | None:
        return self.kept.get(name)

    def save_state(self, name: str, payload: bytes, now: int) -> None:
        self.kept[name] = payload


def made(since: int, state: State) -> tuple[Expectations, list[Batch], PointIndex]:
    settings = parse([("f.toml", FILE)])
    facility = with_expected(with_derived(settings.facility, ()), settings.derived)
    index, told = PointIndex(facility.points), []

    async def emit(batch: Batch) -> None:
        told.append(batch)

    yardsticks: Any = Yardsticks()
    records: Any = state
    parts = Expectations(
        lambda: facility, lambda: settings.derived, lambda: Books(since), yardsticks, records, index, lambda: NOW, emit
    )
    return parts, told, index


def test_shipped_rules_for_deviation_quota_and_meter_faults_bind_in_the_campus(tmp_path: Path) -> None:
    (tmp_path / "campus.toml").write_text(campus_toml(data=".", packs=("energy",)), encoding="utf-8")
    settings = read(tmp_path / "campus.toml")
    facility = with_expected(with_derived(settings.facility, settings.meters), settings.derived)
    assert facility.points["em-a.power.expected"].equip == ""
    rules = load(facility.rules, facility, ["energy"]).rules
    engine = Engine(rules, facility, PointIndex(facility.points))
    bound = engine.bindings()
    assert bound["energy-deviation-day"] == bound["energy-deviation-drift"] == len(modelled(facility)) == 6
    assert bound["energy-quota"] == len(paced(facility, settings.derived)) > 0
    assert bound["energy-meter-fault"] == sum(point.metric == "fault" for point in facility.points.values()) > 0
    watched = {target.id for bank in engine.banks for target in bank.targets}
    assert not [id for id in watched if id.endswith(".expected")], "an expected value is judged by no rule of its own"


async def test_a_model_of_eight_weeks_tells_what_a_register_should_take() -> None:
    parts, told, index = made(MONDAY, State())
    assert await parts.fit() == 1, parts.refused
    await parts.run()
    await parts.run()
    assert len(told) == 1, "once for a quarter-hour"
    batch = told[0]
    assert (batch.point[0], batch.at[0]) == (index.get("m.demand.expected"), NOW // (15 * MINUTE) * 15 * MINUTE)
    hour = np.array([(NOW - 1) // HOUR * HOUR])
    assert batch.value[0] == pytest.approx(load_of(hour)[0], rel=0.05)


async def test_a_model_stays_over_its_own_period_when_the_service_starts_again() -> None:
    state = State()
    first, _, _ = made(MONDAY, state)
    await first.fit()
    again, told, _ = made(MONDAY - 30 * DAY, state)  # more history has come in
    await again.run()
    assert again.models["m"].start == first.models["m"].start
    assert len(told) == 1


async def test_too_little_history_gives_no_model_and_says_why() -> None:
    parts, told, _ = made(NOW - 20 * DAY, State())
    assert await parts.fit() == 0
    assert parts.refused == {"m": "too_short"}
    await parts.run()
    assert told == []


async def test_the_pace_of_a_quota_is_a_point() -> None:
    parts, told, index = made(MONDAY, State())
    await asyncio.wait_for(parts.pace(), 60)
    assert [(index.ids[one], value) for one, value in zip(told[0].point, told[0].value, strict=True)] == [
        ("a.energy.pace", 1.25)
    ]


def test_a_facility_without_quotas_has_no_pace() -> None:
    settings = parse([("f.toml", FILE)])
    assert paced(settings.facility, Derived()) == {}
