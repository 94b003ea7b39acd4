"""Air handlers, zones and the chilled and hot water plant, stepped by the minute with their controls.

Each air handler serves one zone of two heat capacities (air with furniture, structure). Control as built: fan by plant
hours, supply air set point by the zone, one integrator over heating valve, outdoor-air damper and cooling valve in
sequence; valves move with a lag, stuck ones do not. Heat is in W, temperature in degC; the recursion is exact per minute
and its state carries over, so a day in pieces is the same day.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from steward.model import BoolArray, FloatArray

STEP = 60.0
PLANT_OPEN, PLANT_CLOSE = 7.4, 18.25  # hours of the local day in which fans run on worked days
CHILLED, HOT = 7.0, 58.0  # set points of the water, degC
CHILLER_RATED = 600e3  # W of cold each
AIR = 1206.0  # J/(m3 K)


@dataclass(frozen=True, slots=True)
class Zone:
    """What an air handler serves: area m2, full air flow m3/s, rated fan W, solar gain m2 (window area times g)."""

    device: str
    site: str
    area: float
    flow: float
    fan: float
    solar: float


ZONES: tuple[Zone, ...] = (
    Zone("ahu-a1", "block-a", 6400.0, 17.0, 22e3, 120.0),
    Zone("ahu-a2", "block-a", 6400.0, 17.0, 22e3, 150.0),
    Zone("ahu-b1", "block-b", 8600.0, 22.0, 30e3, 190.0),
    Zone("ahu-c1", "block-c", 5200.0, 14.0, 18.5e3, 110.0),
)


@dataclass(slots=True)
class Unit:
    """State of an air handler and its zone."""

    room: float = 22.0
    mass: float = 22.0
    sat: float = 21.0
    mat: float = 21.0
    control: float = 0.0
    set_point: float = 18.0
    heating: float = 0.0
    cooling: float = 0.0
    speed: float = 0.0
    pressure: float = 0.0


@dataclass(slots=True)
class Plant:
    """State of the plant: water temperatures, who runs, and for how many minutes it was (not) wanted."""

    chilled: float = 20.0
    hot: float = 30.0
    chillers: int = 0
    boiler: bool = False
    wanted: int = 0
    unwanted: int = 0
    hot_wanted: int = 0
    hot_unwanted: int = 0


@dataclass(frozen=True, slots=True)
class Weathering:
    """What drives a day, by minute: outdoor degC, sun W/m2, hour of the day, plant hours, gains W per zone (n, zones)."""

    outdoor: FloatArray
    sun: FloatArray
    open: BoolArray
    gains: FloatArray


@dataclass(frozen=True, slots=True)
class Breaks:
    """Faults by minute: position at which a valve or damper is stuck (NaN: free), (n, zones); least load of forced chillers;
    position that a leaking valve keeps although it should be shut (0: tight)."""

    heating: FloatArray
    cooling: FloatArray
    damper: FloatArray
    forced: FloatArray
    heating_leak: FloatArray
    cooling_leak: FloatArray


@dataclass(slots=True)
class Day:
    """What came of it, by minute. Air handlers (n, zones): see `AIR_COLUMNS`; plant (n,): see `PLANT_COLUMNS`."""

    air: dict[str, FloatArray] = field(default_factory=dict)
    plant: dict[str, FloatArray] = field(default_factory=dict)


AIR_COLUMNS = ("sat", "sat_sp", "mat", "rat", "cc", "hc", "oad", "fan", "spd", "dsp", "room", "cold", "heat")
PLANT_COLUMNS = ("chws", "chwr", "on1", "on2", "load1", "load2", "hws", "hwr", "boiler", "cold", "heat", "tower")


class Hvac:
    """The air handlers and the plant; `run` advances them by a day."""

    def __init__(self, outdoor: float) -> None:
        start = min(max(outdoor, 19.0), 26.0)
        self.units = [Unit(room=start, mass=start, sat=start, mat=start) for _ in ZONES]
        self.plant = Plant()

    def run(self, drive: Weathering, breaks: Breaks) -> Day:
        """Advances by as many minutes as `drive` holds."""
        count = len(drive.outdoor)
        air = np.empty((count, len(ZONES), len(AIR_COLUMNS)))
        plant = np.empty((count, len(PLANT_COLUMNS)))
        outdoor, sun, open_ = drive.outdoor.tolist(), drive.sun.tolist(), drive.open.tolist()
        gains, forced = drive.gains.tolist(), breaks.forced.tolist()
        broken = [breaks.heating, breaks.cooling, breaks.damper, breaks.heating_leak, breaks.cooling_leak]
        stuck = np.stack(broken, axis=2).tolist()
        for minute in range(count):
            cold = heat = 0.0
            for number, (zone, unit) in enumerate(zip(ZONES, self.units, strict=True)):
                row = _step_unit(
                    unit,
                    zone,
                    outdoor[minute],
                    sun[minute],
                    gains[minute][number],
                    open_[minute],
                    self.plant,
                    stuck[minute][number],
                )
                air[minute, number] = row
                cold += row[-2]
                heat += row[-1]
            plant[minute] = _step_plant(self.plant, self.units, cold, heat, outdoor[minute], open_[minute], forced[minute])
        return Day(
            {name: air[:, :, column] for column, name in enumerate(AIR_COLUMNS)},
            {name: plant[:, column] for column, name in enumerate(PLANT_COLUMNS)},
        )


def _step_unit(
    unit: Unit, zone: Zone, outdoor: float, sun: float, gain: float, on: bool, plant: Plant, stuck: list[float]
) -> tuple[float, ...]:
    """One minute of an air handler; the row in the order of AIR_COLUMNS."""
    returned = unit.room + 0.4
    heating_cmd, cooling_cmd, damper_cmd = _commands(unit, outdoor, returned, on)
    unit.heating += 0.55 * (max(heating_cmd if np.isnan(stuck[0]) else stuck[0], stuck[3]) - unit.heating)
    unit.cooling += 0.55 * (max(cooling_cmd if np.isnan(stuck[1]) else stuck[1], stuck[4]) - unit.cooling)
    damper = damper_cmd if np.isnan(stuck[2]) else stuck[2]
    target = 0.42 + 0.2 * max(abs(unit.room - 22.8) - 0.8, 0.0) if on else 0.0
    unit.speed += (0.15 if on else 0.6) * (min(target, 1.0) - unit.speed)
    flow = unit.speed if on or unit.speed > 0.05 else 0.0
    unit.pressure += 0.5 * ((250.0 if on else 0.0) - unit.pressure)
    cold = heat = 0.0
    if flow > 0.0:
        share = 0.02 + 0.93 * damper**1.25
        mixed = share * outdoor + (1 - share) * returned
        ease = (0.5 / max(flow, 0.25)) ** 0.35
        warmed = mixed + min(0.62 * ease * _curve(unit.heating), 0.9) * max(plant.hot - mixed, 0.0)
        cooled = warmed - min(0.98 * ease * _curve(unit.cooling), 0.95) * max(warmed - plant.chilled - 1.0, 0.0)
        supplied = cooled + 1.1
        capacity = AIR * zone.flow * flow
        heat, cold = capacity * (warmed - mixed), capacity * (warmed - cooled)
        unit.mat += 0.6 * (mixed - unit.mat)
        unit.sat += 0.5 * (supplied - unit.sat)
        vent = capacity * (unit.sat - unit.room)
    else:
        soak = 9.0 * _curve(unit.heating) * (plant.hot > 40.0)
        unit.mat += 0.02 * (unit.room + soak - unit.mat)
        unit.sat += 0.02 * (unit.room + 1.3 * soak - unit.sat)
        vent = 0.0
    _step_zone(unit, zone, outdoor, sun, gain, vent)
    return (
        unit.sat, unit.set_point, unit.mat, returned, cooling_cmd, heating_cmd, damper_cmd, float(on), unit.speed,
        unit.pressure, unit.room, cold, heat,
    )  # fmt: skip


def _commands(unit: Unit, outdoor: float, returned: float, on: bool) -> tuple[float, float, float]:
    """Heating valve, cooling valve, damper: one integrator in sequence. Off: all shut."""
    if not on:
        unit.control = 0.0
        return 0.0, 0.0, 0.0
    wanted = min(max(19.0 - 4.0 * (unit.room - 22.7), 13.5), 31.0)
    unit.set_point += 0.06 * (wanted - unit.set_point)
    unit.control = min(max(unit.control + 0.011 * (unit.sat - unit.set_point), -1.0), 2.0)
    free = outdoor < returned - 1.0
    least = 0.18
    damper = least + (0.97 - least) * min(max(unit.control, 0.0), 1.0) if free else least
    return max(-unit.control, 0.0), max(unit.control - 1.0, 0.0), damper


def _curve(position: float) -> float:
    """Heat passed by an equal-percentage valve with its coil: nearly straight, tight when shut."""
    return position * (1.25 - 0.25 * position)


def _step_zone(unit: Unit, zone: Zone, outdoor: float, sun: float, gain: float, vent: float) -> None:
    """The heat balance of a zone over one minute."""
    skin = 0.55 * zone.area + 0.12 * zone.area  # W/K: envelope and infiltration
    coupling = 3.2 * zone.area
    heat = gain + 0.55 * zone.solar * sun + skin * (outdoor - unit.room) + coupling * (unit.mass - unit.room) + vent
    into = coupling * (unit.room - unit.mass) + 0.45 * zone.solar * sun
    unit.room += STEP * heat / (48e3 * zone.area)
    unit.mass += STEP * into / (260e3 * zone.area)


def _step_plant(
    plant: Plant, units: list[Unit], cold: float, heat: float, outdoor: float, on: bool, forced: float
) -> tuple[float, ...]:
    """One minute of chillers, boiler and water; the row in the order of PLANT_COLUMNS."""
    _stage_chillers(plant, max(unit.cooling for unit in units), cold, outdoor, on)
    _stage_boiler(plant, max(unit.heating for unit in units), outdoor, on)
    on1 = float(plant.chillers >= 1)
    on2 = float(plant.chillers >= 2 or forced > 0)
    running = on1 + on2
    least = max(forced, 0.12)
    load = min(cold / (CHILLER_RATED * running), 1.05) if running else 0.0
    over = max(cold - running * CHILLER_RATED, 0.0) / CHILLER_RATED
    if running:
        plant.chilled += 0.10 * (CHILLED + 6.0 * over - plant.chilled)
    else:
        plant.chilled += 0.012 * (21.0 - plant.chilled) + 0.05 * min(cold / CHILLER_RATED, 1.0) * (21.0 - plant.chilled)
    plant.hot += 0.07 * (HOT - plant.hot) if plant.boiler else 0.006 * (24.0 - plant.hot)
    rise = min(cold / (4190.0 * 28.0 * max(running, 1.0)), 9.0)
    drop = min(heat / (4190.0 * 12.0), 20.0)
    return (
        plant.chilled, plant.chilled + rise + 0.15 * bool(running), on1, on2, on1 * max(load, 0.12), on2 * max(load, least),
        plant.hot, plant.hot - drop, float(plant.boiler), cold, heat, min(0.25 + 0.7 * load, 1.0) * bool(running),
    )  # fmt: skip


def _stage_chillers(plant: Plant, valve: float, cold: float, outdoor: float, on: bool) -> None:
    """First on after 6 minutes of demand, second above 85 % of one, off after 20 minutes without or at closing."""
    plant.wanted = plant.wanted + 1 if on and valve > 0.12 and outdoor > 14.0 else 0
    plant.unwanted = plant.unwanted + 1 if valve < 0.03 else 0
    if not on or plant.unwanted > 20:
        plant.chillers = 0
    elif plant.wanted > 6 and plant.chillers == 0:
        plant.chillers = 1
    elif plant.chillers == 1 and cold > 0.85 * CHILLER_RATED:
        plant.chillers = 2
    elif plant.chillers == 2 and cold < 0.6 * CHILLER_RATED:
        plant.chillers = 1


def _stage_boiler(plant: Plant, valve: float, outdoor: float, on: bool) -> None:
    """On after 5 minutes of demand, off after 25 without or at closing."""
    plant.hot_wanted = plant.hot_wanted + 1 if on and valve > 0.08 and outdoor < 20.0 else 0
    plant.hot_unwanted = plant.hot_unwanted + 1 if valve < 0.02 else 0
    if not on or plant.hot_unwanted > 25:
        plant.boiler = False
    elif plant.hot_wanted > 5:
        plant.boiler = True
