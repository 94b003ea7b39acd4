"""A small government campus with a week of history, for the page's tests and its screenshots.

Seeded and deterministic given `now`: building load by hour and weekday, weather, meters as registers, four sites, a few
vehicles, one silent gateway, one point of uncertain quality, one gap. All names in English and Chinese.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from steward.model import (
    METRICS,
    Alert,
    Batch,
    Condition,
    Device,
    Equip,
    Facility,
    Organisation,
    Point,
    PointIndex,
    Quality,
    Severity,
    Site,
    Space,
)
from steward.units import DAY, HOUR, MINUTE, SECOND

ZONE = "Asia/Shanghai"
SILENT = 14 * MINUTE
"""How long the gateway of Block B has said nothing."""

HOSTILE = '<img src=x onerror="window.hacked=1">\u202etxt.exe ' + "very long " * 30
"""A device name as nobody should send it: markup, a right-to-left override, three hundred characters."""


@dataclass(frozen=True)
class Campus:
    """The facility and the index that its store and live state share."""

    facility: Facility
    index: PointIndex


def _site(id: str, en: str, zh: str) -> Site:
    return Site(id, {"en": en, "zh": zh}, organisation="campus", time_zone=ZONE, area_m2=12_000.0)


SITES = [
    _site("a", "Block A", "A 座"),
    _site("b", "Block B", "B 座"),
    _site("c", "Block C", "C 座"),
    _site("dc", "Data room", "数据机房"),
]
BASE = {"a": 640e3, "b": 450e3, "c": 330e3, "dc": 104e3}
"""Working-hours power of each site, W."""


class _Builder:
    def __init__(self) -> None:
        self.spaces: dict[str, Space] = {}
        self.equips: dict[str, Equip] = {}
        self.points: dict[str, Point] = {}
        self.devices: dict[str, Device] = {}

    def space(self, id: str, site: str, en: str, zh: str, parent: str = "") -> str:
        self.spaces[id] = Space(id, {"en": en, "zh": zh}, site, parent)
        return id

    def equip(
        self, id: str, type: str, site: str, space: str, en: str, zh: str, plate: str = "", feeds: tuple[str, ...] = ()
    ) -> str:
        self.equips[id] = Equip(id, {"en": en, "zh": zh}, type, site, space, feeds=feeds, plate=plate)
        return id

    def device(self, id: str, site: str, name: str, gateway: str = "") -> str:
        self.devices[id] = Device(id, {"": name}, "native", id, "main", site=site, gateway=gateway)
        return id

    def point(
        self, id: str, metric: str, equip: str, device: str, en: str, zh: str, *, role: str = "", interval: int = 2 * MINUTE,
        low: float = -math.inf, high: float = math.inf,
    ) -> None:  # fmt: skip
        kind, owner = METRICS[metric], self.equips[equip]
        self.points[id] = Point(
            id, {"en": en, "zh": zh}, metric, kind.unit, kind.nature, owner.site, owner.space, equip, device,
            role=role, interval=interval, low=low, high=high,
        )  # fmt: skip


def _building(b: _Builder, site: str, en: str, zh: str) -> None:
    floor = b.space(f"{site}.plant", site, "Plant room", "冷站")
    roof = b.space(f"{site}.roof", site, "Roof", "屋面")
    office = b.space(f"{site}.f2", site, "Floor 2", "二层")
    gateway = b.device(f"gw-{site}", site, f"Gateway {site.upper()}2-03")
    feeds = () if site == "dc" else (f"{site}.ch2", f"{site}.ahu3")
    meter = b.equip(f"{site}.main", "meter", site, "", f"Main meter of {en}", f"{zh}总电表", feeds=feeds)
    device = b.device(f"em-{site}", site, f"Meter E-04{ord(site[0])}")
    b.point(f"{site}.main.power", "power", meter, device, "Active power", "有功功率", role="power", low=0, high=2e6)
    b.point(f"{site}.main.energy", "energy", meter, device, "Energy", "电能", role="energy")
    if site == "dc":
        return
    chiller = b.equip(f"{site}.ch2", "chiller", site, floor, "Chiller 2", "2 号冷机")
    b.point(f"{site}.ch2.power", "power", chiller, gateway, "Active power", "有功功率", role="power")
    b.point(f"{site}.ch2.on", "on", chiller, gateway, "Running", "运行")
    b.point(f"{site}.ch2.supply", "temperature", chiller, gateway, "Supply temperature", "供水温度", low=0, high=60)
    ahu = b.equip(f"{site}.ahu3", "air_handler", site, roof, "AHU-3", "AHU-3 空调箱")
    b.point(f"{site}.ahu3.supply", "temperature", ahu, gateway, "Supply air", "送风温度", low=-20, high=60)
    b.point(f"{site}.ahu3.valve", "valve", ahu, gateway, "Heating valve", "加热阀开度")
    room = b.equip(f"{site}.t218", "sensor", site, office, "Room 2.118", "2.118 室")
    sensor = b.device(f"t-{site}", site, "Sensor T-2.118", gateway=gateway)
    b.point(f"{site}.t218.t", "temperature", room, sensor, "Room temperature", "室内温度", interval=5 * MINUTE)
    b.point(f"{site}.t218.co2", "co2", room, sensor, "CO₂", "二氧化碳", interval=5 * MINUTE)
    water = b.equip(f"{site}.water", "meter", site, floor, "Water main", "总水表")
    flow = b.device(f"w-{site}", site, f"Water meter W-{site}")
    b.point(f"{site}.water.flow", "flow", water, flow, "Flow", "瞬时流量", role="flow")
    b.point(f"{site}.water.volume", "water", water, flow, "Volume", "累计水量", role="volume")


def campus(extra_points: int = 0) -> Campus:
    """The campus; `extra_points` more temperature points hang below Block C (for the virtual list)."""
    b = _Builder()
    for site in SITES:
        _building(b, site.id, site.name["en"], site.name["zh"])
    for number, plate in enumerate(("浙A·0312", "浙A·0177")):
        car = b.equip(f"car{number}", "vehicle", "a", "", f"Car {plate}", f"公务车 {plate}", plate)
        tracker = b.device(f"tr-{number}", "a", f"Tracker 029{number}")
        b.point(f"car{number}.speed", "speed", car, tracker, "Speed", "车速")
        b.point(f"car{number}.battery", "battery_voltage", car, tracker, "Starter battery", "起动电池")
        b.point(f"car{number}.ignition", "ignition", car, tracker, "Ignition", "点火")
    b.device("bad<1>", "b", HOSTILE)
    if extra_points:
        hall = b.equip("c.hall", "sensor", "c", "c.f2", "Sensor hall", "传感器大厅")
        for number in range(extra_points):
            b.point(f"c.hall.t{number}", "temperature", hall, "em-c", f"Sensor {number}", f"传感器 {number}")
    organisations = {
        "province": Organisation("province", {"en": "Province office", "zh": "省机关事务管理局"}, kind="province"),
        "linhai": Organisation("linhai", {"en": "Linhai", "zh": "临海市"}, "province", "city"),
        "campus": Organisation("campus", {"en": "Government campus", "zh": "行政中心"}, "linhai", "agency"),
    }
    sites = {site.id: site for site in SITES}
    name = {"en": "Province office", "zh": "省机关事务管理局"}
    facility = Facility(
        id="campus",
        name=name,
        organisations=organisations,
        sites=sites,
        spaces=b.spaces,
        equips=b.equips,
        devices=b.devices,
        points=b.points,
        channels=(),
        calendars={},
        templates={},
    )
    return Campus(facility, PointIndex(b.points))


def _shape(at: NDArray[np.int64], closed: float) -> NDArray[np.float64]:
    """0-1 over the working day in local time, `closed` at night and at weekends."""
    local = at // SECOND + 8 * 3600  # no daylight saving in Shanghai
    hour = (local % 86400) / 3600
    weekday = (local // 86400 + 3) % 7
    day = np.clip(np.sin((hour - 6.5) / 13.0 * np.pi), 0, None) * (weekday < 5)
    whim = np.sin(local // 86400 * 12.9898) * 0.08  # no two days are alike
    return np.asarray((closed + (1 - closed) * day**0.6) * (1 + whim))


def values(point: Point, at: NDArray[np.int64], seed: int) -> NDArray[np.float64]:
    """What the point says at these moments, canonical units."""
    rng = np.random.default_rng(seed)
    noise = rng.normal(0, 1, len(at))
    size = BASE.get(point.site, 1.0)
    shape = _shape(at, 0.92 if point.site == "dc" else 0.22)
    step = np.diff(at, prepend=at[0] - (at[1] - at[0] if len(at) > 1 else MINUTE)) / HOUR
    match point.metric:
        case "power":
            share = 0.24 if ".ch2." in point.id else 1.0
            night = np.where((shape < 0.3) & (".ch2." in point.id) & (point.site != "a"), 0.02, 1.0)
            return np.asarray(size * share * shape * night * (1 + 0.02 * noise))
        case "energy":
            return 8.1e9 + np.cumsum(size * shape * step)
        case "flow":
            leak = 4.0 if point.site == "c" else 1.0
            return np.clip((0.4 * leak + 6 * (shape - 0.22)) / 3600 * (1 + 0.08 * noise), 0, None)
        case "water":
            return 51_200 + np.cumsum(np.clip((0.4 + 6 * (shape - 0.22)) * step, 0, None))
        case "temperature":
            return np.asarray(
                (6.8 if ".ch2." in point.id else 17.5 if ".ahu3." in point.id else 21.8) + 1.6 * shape + 0.12 * noise
            )
        case "co2":
            return 430 + 420 * shape + 8 * noise
        case "valve":
            return np.clip(0.1 + 0.3 * shape + 0.01 * noise, 0, 1)
        case "speed":
            return np.clip(11 * (rng.random(len(at)) < 0.3) + noise, 0, None)
        case "battery_voltage":
            return 12.4 + 0.05 * noise
        case _:
            return (shape > 0.3).astype(np.float64)


def history(c: Campus, now: int, days: int = 8) -> Batch:
    """A week at two minutes; Block B's gateway silent, a gap in Block A's chiller."""
    times = np.arange(now - days * DAY, now - 5 * SECOND, 2 * MINUTE, dtype=np.int64)
    batches = []
    for number, point in enumerate(c.facility.points.values()):
        if point.equip == "c.hall":
            continue
        at = times - (number * 37 % 50) * SECOND
        if point.device == "gw-b":
            at = at[at < now - SILENT]
        if point.id == "a.ch2.power":
            at = at[(at < now - 9 * HOUR) | (at > now - 7 * HOUR - 10 * MINUTE)]
        if point.id == "dc.main.power":
            at = np.append(at, now - 3 * SECOND)
        quality = np.full(len(at), Quality.UNCERTAIN if point.id == "car1.battery" else Quality.GOOD, np.uint8)
        batches.append(Batch.of(np.full(len(at), c.index.add(point.id)), at, values(point, at, number), quality=quality))
    return Batch.concat(batches)


def newest(batch: Batch) -> Batch:
    """The last sample of each point."""
    last = np.flatnonzero(np.append(batch.point[1:] != batch.point[:-1], True))
    return batch.take(last)


def alerts(now: int) -> list[Alert]:
    """What is wrong: one of each severity, several kinds, one resolved."""
    nan = math.nan
    told = [
        ("water.night_flow", "threshold", Severity.CRITICAL, "c.water.flow", 47 * MINUTE, 1.7e-3, 2.9e-3, 4e-4),
        ("energy.out_of_hours", "schedule", Severity.HIGH, "a.ch2.power", 16 * HOUR, 125e3, 131e3, 25e3),
        ("hvac.sensor_stuck", "stuck", Severity.MEDIUM, "b.t218.t", 2 * DAY, 21.4, 21.4, nan),
        ("net.silent", "stale", Severity.HIGH, "b.ch2.power", SILENT, 14 * 60, 14 * 60, 180),
        ("fleet.battery", "threshold", Severity.LOW, "car1.battery", 5 * DAY, 11.6, 11.4, 12.0),
    ]
    found = []
    for rule, kind, severity, point, age, value, worst, limit in told:
        since, seen = now - age, now - MINUTE
        stated = Alert(rule, kind, severity, point, (point,), Condition.FIRING, since, seen, since + 5 * MINUTE)
        found.append(replace(stated, value=value, worst=worst, limit=limit))
    since, over, point = now - 55 * DAY, now - 55 * DAY + 9 * HOUR, "a.ch2.power"
    night = Alert("energy.out_of_hours", "schedule", Severity.HIGH, point, (point,), Condition.RESOLVED, since, over)
    return [*found, replace(night, fired=since + 10 * MINUTE, resolved=over, value=2e3, worst=121e3, limit=25e3)]
