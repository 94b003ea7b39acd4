"""Electric loads of the campus, and the tree of meters above them.

Every circuit draws power by minute; a building's main is the sum of its circuits and the loss of its cables, a
transformer's main is the sum of its buildings and its own loss, exactly: the balance holds in every minute. Reactive power
follows from the circuits' power factors and is compensated at the transformers; voltage, current and phases follow from
both. Powers in W, energies in Wh.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from simulators.faults import Schedule
from simulators.hvac import CHILLER_RATED, ZONES
from simulators.hvac import Day as HvacDay
from simulators.layout import PLUGS
from simulators.noise import key, smooth, uniform
from simulators.occupancy import fall, rise, worked
from simulators.weather import Weather
from steward.model import FloatArray, IntArray

TREE: Mapping[str, tuple[str, ...]] = {
    "em-a": (
        "a-light", "a-socket", "a-corridor", "a-outdoor", "a-lift", "a-ahu", "a-vent", "a-pumps", "chiller-1", "chiller-2",
        "charger-1", "charger-2",
    ),
    "em-b": ("b-light", "b-socket", "b-lift", "b-ahu"),
    "em-c": ("c-light", "c-lift", "c-ahu", "c-kitchen"),
    "em-d": ("d-light", "ups-1", "crac-1", "crac-2"),
    "em-t1": ("em-a", "em-c"),
    "em-t2": ("em-b", "em-d"),
}  # fmt: skip
"""A main meter -> what it feeds."""
FACTOR: Mapping[str, float] = {
    "light": 0.96, "corridor": 0.95, "outdoor": 0.92, "socket": 0.95, "lift": 0.74, "ahu": 0.93, "vent": 0.83, "pumps": 0.87,
    "chiller": 0.89, "charger": 0.985, "kitchen": 0.95, "ups": 0.975, "crac": 0.88,
}  # fmt: skip
CABLE = {"em-a": 620e3, "em-b": 330e3, "em-c": 260e3, "em-d": 190e3}  # VA at which a building's cables lose 1 %
RATED = {"em-t1": 1600e3, "em-t2": 1250e3}  # VA
NO_LOAD, LOAD_LOSS, COMPENSATED = 1.7e3, 13e3, 0.972


@dataclass(frozen=True, slots=True)
class Scene:
    """What a day gives to the loads: t (s) and hour by minute, weather, share of people by site, heat and cold."""

    seed: int
    day: int
    t: IntArray
    hour: FloatArray
    weather: Weather
    present: Mapping[str, FloatArray]
    schedule: Schedule


def gains(scene: Scene, loads: Mapping[str, FloatArray], people: Mapping[str, float]) -> FloatArray:
    """Heat inside each zone, W by minute (n, zones): people, light and plugs by floor area."""
    columns = []
    share = {"block-a": 0.5, "block-b": 1.0, "block-c": 1.0}
    for zone in ZONES:
        letter = zone.site[-1]
        electric = loads[f"{letter}-light"] + (loads[f"{letter}-socket"] if letter != "c" else 0.0)
        columns.append(share[zone.site] * (75.0 * people[zone.site] * scene.present[zone.site] + 0.85 * electric))
    return np.stack(columns, axis=1)


def people_loads(scene: Scene, people: Mapping[str, float]) -> dict[str, FloatArray]:
    """Circuits that follow people and daylight."""
    loads: dict[str, FloatArray] = {}
    daylight = np.clip(scene.weather.irradiance / 500.0, 0.0, 1.0)
    for letter, area in (("a", 12800.0), ("b", 8600.0), ("c", 5200.0)):
        site = f"block-{letter}"
        inside = scene.present[site]
        lit = np.clip(1.05 * (1.0 - np.exp(-3.2 * inside)), 0.0, 1.0) * (1.0 - 0.28 * daylight)
        left = scene.schedule.level("lights_left_on", f"{letter}-light", scene.t)
        loads[f"{letter}-light"] = (
            7.6 * area * np.maximum(0.035 + 0.93 * lit, 0.9 * left) * _wander(scene, f"{site} light", 0.012)
        )
        plugs = (105.0 * people[site] * inside + 0.9 * area) * _wander(scene, f"{site} plugs", 0.035)
        if letter == "c":
            loads["c-light"] = loads["c-light"] + 0.6 * plugs
        else:
            loads[f"{letter}-socket"] = plugs
        loads[f"{letter}-lift"] = _lifts(scene, site, {"a": 4, "b": 3, "c": 1}[letter])
    loads["d-light"] = 1150.0 * np.clip(2.0 * scene.present["data-room"], 0.06, 1.0)
    dark = np.clip((18.0 - scene.weather.irradiance) / 14.0, 0.0, 1.0)
    late = np.where((scene.hour > 23.0) | (scene.hour < 5.0), 0.4, 1.0)
    loads["a-outdoor"] = 120.0 + 6400.0 * dark * late
    loads["a-corridor"] = (1600.0 + 3400.0 * np.clip(2.0 * scene.present["block-a"], 0.0, 1.0)) * _wander(
        scene, "corridor", 0.01
    )
    open_ = rise(scene.hour, 6.4, 0.05) * fall(scene.hour, 19.6, 0.05) * worked(scene.day)
    loads["a-vent"] = (1300.0 + 5200.0 * open_) * _wander(scene, "vent", 0.008)
    loads["c-kitchen"] = _kitchen(scene, 34e3, 2600.0)
    return loads


def _wander(scene: Scene, name: str, size: float) -> FloatArray:
    noise: FloatArray = 1.0 + size * smooth(key(scene.seed, "wander", name), scene.t, 420)
    return noise


def _lifts(scene: Scene, site: str, count: int) -> FloatArray:
    """Standby and rides: arrivals and departures are busy, each minute has its own luck."""
    inside = scene.present[site]
    traffic = np.clip(0.16 * inside + 9.0 * np.abs(np.gradient(inside)), 0.0, 1.0)
    luck = uniform(key(scene.seed, "lift", site), scene.t // 60)
    return count * (310.0 + 5200.0 * traffic * (0.25 + 1.5 * luck))


def _kitchen(scene: Scene, peak: float, rest: float) -> FloatArray:
    """Three meals on worked days."""
    meals = np.zeros(len(scene.t))
    for start, end, size in ((6.3, 8.4, 0.55), (9.6, 13.0, 1.0), (16.2, 18.3, 0.5)):
        meals = np.maximum(meals, size * rise(scene.hour, start, 0.12) * fall(scene.hour, end, 0.15))
    return rest + peak * meals * worked(scene.day) * _wander(scene, "kitchen", 0.10)


def plug_loads(scene: Scene) -> dict[str, FloatArray]:
    """The smart plugs: dispensers cycle, printers burst, a display keeps hours. They are part of their building's sockets."""
    loads: dict[str, FloatArray] = {}
    minute = scene.t // 60
    for id, _, _, site, rated in PLUGS:
        stream, inside = key(scene.seed, "plug", id), scene.present[site]
        if rated == 900.0:
            duty = 0.10 + 0.28 * inside
            loads[id] = np.where((minute + int(stream % 17)) % 17 < 17 * duty, 0.97 * rated, 1.6)
        elif rated == 600.0:
            loads[id] = np.where(uniform(stream, minute) < 0.30 * inside, 0.8 * rated, 14.0)
        else:
            loads[id] = np.where((inside > 0.15) & (scene.hour < 18.5), 0.9 * rated, 2.5)
        loads[id] = loads[id] * _wander(scene, id, 0.01)
    return loads


def machine_loads(scene: Scene, hvac: HvacDay, charging: Mapping[str, FloatArray]) -> dict[str, FloatArray]:
    """Circuits that follow the plant, the data room and the cars."""
    loads: dict[str, FloatArray] = {}
    plant, outdoor = hvac.plant, scene.weather.temperature
    fans = {zone.device: zone.fan * hvac.air["spd"][:, number] ** 2.6 + 180.0 for number, zone in enumerate(ZONES)}
    loads["a-ahu"] = fans["ahu-a1"] + fans["ahu-a2"]
    loads["b-ahu"], loads["c-ahu"] = fans["ahu-b1"], fans["ahu-c1"]
    cop = np.clip(5.6 - 0.065 * (outdoor - 20.0), 3.0, 6.5)
    for number in (1, 2):
        on, load = plant[f"on{number}"], plant[f"load{number}"]
        loads[f"chiller-{number}"] = 150.0 + on * (7500.0 + CHILLER_RATED * load / cop)
    pumps = 15e3 * (plant["on1"] + plant["on2"]) + 4e3 * plant["boiler"] + 2.2e3 * plant["boiler"]
    loads["a-pumps"] = 260.0 + pumps * _wander(scene, "pumps", 0.01) + 11e3 * plant["tower"] ** 2.5
    computing = 52e3 + 5e3 * scene.present["block-a"] + 1.6e3 * smooth(key(scene.seed, "computing"), scene.t, 5400)
    computing = computing + 500.0 * smooth(key(scene.seed, "jobs"), scene.t, 300)
    loads["ups-1"] = computing / 0.952 + 1100.0
    heat = loads["ups-1"] + 4e3
    cooling = heat / np.clip(3.9 - 0.045 * (outdoor - 15.0), 2.4, 4.8)
    lead = 0.62 if (scene.day // 7) % 2 else 0.38
    for number, share in ((1, lead), (2, 1.0 - lead)):
        loads[f"crac-{number}"] = 1700.0 + share * cooling * _wander(scene, f"crac {number}", 0.02)
    for id, power in charging.items():
        loads[id] = 28.0 + power
    return loads


@dataclass(frozen=True, slots=True)
class Network:
    """Active and reactive power, W and var by minute, of every circuit and main; loss W of every main."""

    active: dict[str, FloatArray]
    reactive: dict[str, FloatArray]
    loss: dict[str, FloatArray]


def network(loads: Mapping[str, FloatArray], scene: Scene) -> Network:
    """Sums the circuits up to the transformers."""
    active, reactive, loss = dict(loads), dict[str, FloatArray](), dict[str, FloatArray]()
    for id, power in loads.items():
        factor = FACTOR[id.removesuffix("-1").removesuffix("-2").rpartition("-")[2]]
        reactive[id] = power * np.tan(np.arccos(factor))
    for main, parts in TREE.items():
        below, var = np.zeros(len(scene.t)), np.zeros(len(scene.t))
        for part in parts:
            below, var = below + active[part], var + reactive[part]
        if main in CABLE:
            loss[main] = 0.01 * (below**2 + var**2) / CABLE[main]
        else:
            lost = scene.schedule.level("power_factor_loss", main, scene.t)
            var = np.where(lost > 0, below * np.tan(np.arccos(COMPENSATED - lost)), below * np.tan(np.arccos(COMPENSATED)))
            loss[main] = NO_LOAD + LOAD_LOSS * (below**2 + var**2) / RATED[main] ** 2
        active[main], reactive[main] = below + loss[main], var
    return Network(active, reactive, loss)


def main_columns(id: str, net: Network, scene: Scene) -> dict[str, FloatArray]:
    """What a main meter shows besides energy: power, factor, frequency, voltages and currents by phase."""
    power, var = net.active[id], net.reactive[id]
    apparent = np.hypot(power, var)
    moved = scene.schedule.level("phase_imbalance", id, scene.t)
    shares = []
    for phase in (1, 2, 3):
        stream = key(scene.seed, "phase", id, phase)
        own = 0.012 * float(np.tanh(2 * uniform(stream, 0) - 1)) + 0.006 * smooth(stream, scene.t, 1200)
        shares.append(1 / 3 + own + (moved if phase == 1 else -moved / 2))
    whole = shares[0] + shares[1] + shares[2]
    columns = {"power": power, "power_factor": power / np.maximum(apparent, 1.0)}
    columns["frequency"] = 50.0 + 0.018 * smooth(key(scene.seed, "frequency"), scene.t, 240)
    grid = 233.0 + 1.4 * smooth(key(scene.seed, "grid"), scene.t, 3600) + 0.4 * smooth(key(scene.seed, "tap"), scene.t, 300)
    rated = RATED.get(id, CABLE.get(id, 1e6))
    for phase, share in enumerate(shares, start=1):
        part = apparent * share / whole
        columns[f"voltage_{phase}"] = grid - 9.0 * part / rated * 3.0 + 0.3 * (phase - 2)
        columns[f"current_{phase}"] = part / columns[f"voltage_{phase}"]
    return columns
