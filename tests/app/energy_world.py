"""A small campus for consumption: two blocks, sub-meters, solar, a charger, water; and books that are made of numbers."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from zoneinfo import ZoneInfo

import numpy as np

from metering.degree_days import Weather
from metering.intervals import QUARTER, Flag, Method, grid
from steward.app.consumption.desk import Energy
from steward.app.consumption.energy_desk import Desk
from steward.app.consumption.figures import Money
from steward.app.consumption.scopes import check_derived
from steward.app.consumption.yardsticks import Yardsticks
from steward.app.ledger.model import Consumption
from steward.config import Settings, parse
from steward.errors import NotFound
from steward.model import Facility, FloatArray, IntArray, Nature
from steward.units import DAY, HOUR, SECOND

ZONE = "Asia/Shanghai"
PLACES = """
[facility]
id = "campus"
name = { en = "Campus", zh = "园区" }
[[calendar]]
id = "office"
hours = { mon-fri = "08:00-18:00" }
holidays = ["2026-10-01", "2026-10-02"]
workdays = { 2026-10-10 = "thu" }
[[site]]
id = "a"
name = { en = "Block A", zh = "A座" }
time_zone = "Asia/Shanghai"
calendar = "office"
area_m2 = 10000
headcount = 400
[[site]]
id = "b"
name = { en = "Block B", zh = "B座" }
time_zone = "Asia/Shanghai"
area_m2 = 8000
headcount = 100
[[site]]
id = "c"
name = "Block C"
time_zone = "Asia/Shanghai"
area_m2 = 6000
[[space]]
id = "a.hall"
name = { en = "Hall", zh = "大厅" }
site = "a"
[[building]]
site = "a"
use = "government_office"
grade = "B"
climate = "hot_summer_cold_winter"
[[building]]
site = "b"
use = "government_office"
grade = "B"
climate = "hot_summer_cold_winter"
[[building]]
site = "c"
use = "government_office"
grade = "B"
climate = "hot_summer_cold_winter"
people = 50
[[quota]]
id = "a-water"
site = "a"
metric = "water"
limit = 9000
guide = 8000
source = "letter of the water office, 2026"
[[virtual_meter]]
id = "a.rest"
name = { en = "Rest of A", zh = "A座其余" }
site = "a"
category = "D6"
expression = "a-board.energy - sum(a-light.energy, a-lift.energy, a-charger.energy)"
[[point]]
id = "outdoor"
metric = "temperature"
site = "a"
[energy]
weather = "outdoor"
"""
EQUIPS: tuple[tuple[str, str, str, str, str], ...] = (
    ("transformer", "transformer", "a", '["a-board", "b-board"]', ""),
    ("a-board", "switchboard", "a", '["a-light", "a-lift", "a-charger"]', ""),
    ("b-board", "switchboard", "b", "[]", ""),
    ("c-board", "switchboard", "c", "[]", ""),
    ("a-light", "lighting", "a", '["a.hall"]', "A1"),
    ("a-lift", "lift", "a", "[]", "C1"),
    ("a-charger", "charger", "a", "[]", ""),
    ("b-pv", "pv", "b", '["b-board"]', ""),
)


def places(more: str = "") -> str:
    text = PLACES
    for id, type, site, feeds, category in EQUIPS:
        text += f'[[equip]]\nid = "{id}"\nname = "{id}"\ntype = "{type}"\nsite = "{site}"\nfeeds = {feeds}\n'
        text += f'[[point]]\nid = "{id}.energy"\nmetric = "energy"\nunit = "kWh"\nequip = "{id}"\ncategory = "{category}"\n'
    text += '[[point]]\nid = "b-board.export"\nmetric = "energy_export"\nunit = "kWh"\nequip = "b-board"\n'
    text += '[[point]]\nid = "a.water"\nmetric = "water"\nsite = "a"\n'
    return text + more


def settings(more: str = "") -> Settings:
    return parse([("f.toml", places(more))], check_derived=check_derived)


def at(text: str) -> int:
    return int(datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(ZONE)).timestamp()) * SECOND


NOW = at("2026-11-03T09:00")
BEGUN = at("2024-12-01T00:00")
WATTS: Mapping[str, float] = {
    "transformer.energy": 170e3,
    "a-board.energy": 100e3,
    "b-board.energy": 60e3,
    "c-board.energy": 30e3,
    "a-light.energy": 40e3,
    "a-lift.energy": 10e3,
    "a-charger.energy": 8e3,
    "b-pv.energy": 20e3,
    "b-board.export": 5e3,
}
"""Constant loads, W; water is 1 m3/h."""

Mark = Callable[[IntArray], None]


@dataclass
class FakeBooks:
    """Ledgers.consumption of constant loads in [BEGUN, until); `spoil[point]` may change the columns that are handed out."""

    facility: Facility
    until: int = NOW
    spoil: dict[str, Callable[[Consumption], Consumption]] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)

    def consumption(self, point: str, start: int, end: int, period: str = "quarter") -> Consumption:
        found = self.facility.points.get(point)
        if found is None or found.nature is not Nature.COUNTER:
            raise NotFound("register", point)
        self.asked.append(point)
        starts = grid(start, end)
        size = len(starts)
        value = np.full(size, WATTS.get(point, 1.0) / 4)
        value[(starts < BEGUN) | (starts >= self.until)] = np.nan
        known = np.isfinite(value)
        flags = np.where(known, Flag.PEAK_ELIGIBLE, Flag.MISSING).astype(np.uint16)
        one = np.where(known, 1, 0).astype(np.float32)
        made = Consumption(
            point, found.unit, starts, starts + QUARTER, value, value, value, np.full(size, Method.MEASURED, np.uint8), flags,
            one, one, np.zeros(size, np.int32),
        )  # fmt: skip
        return self.spoil.get(point, lambda same: same)(made)


def winter(start: int, end: int) -> tuple[IntArray, FloatArray]:
    """Hours and an outdoor temperature of 8 degC."""
    hours = np.arange(start // HOUR, end // HOUR) * HOUR
    return hours, np.full(len(hours), 8.0)


async def temperatures(point: str, start: int, end: int) -> Weather:
    assert point == "outdoor"
    return Weather.of(*winter(start, end))


@dataclass
class EnergyWorld:
    """The desk over the campus, and the books behind it."""

    settings: Settings
    books: FakeBooks
    energy: Energy
    yardsticks: Yardsticks
    desk: Desk


def world(more: str = "", money: Money | None = None, now: int = NOW, text: str = "") -> EnergyWorld:
    read = parse([("f.toml", text)], check_derived=check_derived) if text else settings(more)
    books = FakeBooks(read.facility)
    energy = Energy(lambda: read.facility, lambda: read.derived, books, lambda: now, money)
    yardsticks = Yardsticks(energy, temperatures)
    return EnergyWorld(read, books, energy, yardsticks, Desk(energy, yardsticks))


OCTOBER = at("2026-10-01T00:00"), at("2026-11-01T00:00")
HOURS = (OCTOBER[1] - OCTOBER[0]) / HOUR
MONTH_DAYS = (OCTOBER[1] - OCTOBER[0]) // DAY
