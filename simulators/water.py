"""Water and gas of the campus: flows by minute in m3/s.

People draw water in bursts, cleaners in the early morning, the kitchen at meals, the cooling tower what it evaporates; at
night almost nothing runs, so that a leak shows in the minimum. The campus main is the sum of the buildings and of its own
leak. Gas follows the boiler's heat and the kitchen.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from simulators.electricity import Scene
from simulators.noise import key, normal, uniform
from simulators.occupancy import fall, rise, worked
from steward.model import FloatArray

LITRES_PER_PERSON_HOUR = 5.2
GAS_HEAT = 36.0e6  # J/m3
BOILER_EFFICIENCY = 0.92
METERS = ("water-a", "water-b", "water-c")


def water_flows(scene: Scene, people: Mapping[str, float], cold: FloatArray) -> dict[str, FloatArray]:
    """Flow of each water meter; `cold` W is what the tower rejects."""
    flows: dict[str, FloatArray] = {}
    minute = scene.t // 60
    for id in METERS:
        site = f"block-{id[-1]}"
        stream = key(scene.seed, "water", id)
        burst = np.exp(0.55 * normal(stream, minute) - 0.15)
        drawn = LITRES_PER_PERSON_HOUR * people[site] * scene.present[site] * burst
        flush = np.where(uniform(stream ^ 7, minute) < 0.03, 120.0, 0.0)
        cleaning = 260.0 * rise(scene.hour, 6.0, 0.08) * fall(scene.hour, 7.3, 0.1) * worked(scene.day)
        litres = np.where(drawn > 40.0, drawn, 0.0) + flush + cleaning * burst
        if id == "water-a":
            litres = litres + 1.55 * cold / 2.45e6 * 3600.0
        if id == "water-c":
            litres = litres + 1500.0 * meals(scene) * burst
        flows[id] = (litres + scene.schedule.level("leak", id, scene.t)) / 3.6e6
    total = flows["water-a"] + flows["water-b"] + flows["water-c"]
    flows["water-main"] = total + scene.schedule.level("leak", "water-main", scene.t) / 3.6e6
    return flows


def meals(scene: Scene) -> FloatArray:
    """Activity of the kitchen, 0-1."""
    activity = np.zeros(len(scene.t))
    for start, end, size in ((6.3, 8.6, 0.5), (9.6, 13.6, 1.0), (16.2, 18.6, 0.45)):
        activity = np.maximum(activity, size * rise(scene.hour, start, 0.12) * fall(scene.hour, end, 0.15))
    return activity * worked(scene.day)


def gas_flows(scene: Scene, heat: FloatArray, boiler: FloatArray) -> dict[str, FloatArray]:
    """Gas of boiler and kitchen; `heat` W delivered, `boiler` 1 while it burns."""
    burned = boiler * (heat + 9e3) / (GAS_HEAT * BOILER_EFFICIENCY)
    burner = 1.0 + 0.06 * normal(key(scene.seed, "gas"), scene.t // 60)
    return {"gas-boiler": burned, "gas-kitchen": 7.5 / 3600.0 * meals(scene) * np.clip(burner, 0.7, 1.3)}
