"""The campus as one simulation: a day at a time, every point a column in canonical units.

A `DayBlock` covers one local day. A column of even length holds each value for its share of the day; a column of odd length
holds boundary values of something continuous (registers, places), to be interpolated. All randomness is a function of
time, all state (heat, registers, cars) is carried from day to day, so asking in pieces gives what one long run gives.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from simulators.electricity import RATED, Network, Scene, gains, machine_loads, main_columns, network, people_loads, plug_loads
from simulators.faults import KINDS, SECOND, Fault, Label, Schedule
from simulators.hvac import PLANT_CLOSE, PLANT_OPEN, ZONES, Breaks, Hvac, Weathering
from simulators.hvac import Day as HvacDay
from simulators.layout import HEADCOUNT, MAINS, ROOMS, VEHICLES, campus_plan
from simulators.noise import key, lag, running, smooth, uniform
from simulators.occupancy import present, worked
from simulators.plan import Plan
from simulators.vehicles import CarDay, journeys, new_car, run_day
from simulators.water import gas_flows, water_flows
from simulators.weather import ZONE, weather
from steward.model import FloatArray, IntArray

DAY = 86400
MINUTES = 1440
WARM_UP = 2  # days simulated before the start, so that heat and tanks are settled
CHARGERS = {"charger-1": "ev-1105", "charger-2": "ev-1126"}


@dataclass(frozen=True, slots=True)
class DayBlock:
    """One local day: `start` in s since 1970; columns by point id; the network's true powers for who wants to check."""

    start: int
    columns: dict[str, FloatArray]
    network: Network

    def at(self, point: str, t: FloatArray | IntArray) -> FloatArray:
        """Values of a point at times `t` (s since 1970, within the day)."""
        column = self.columns[point]
        if len(column) % 2:
            step = DAY / (len(column) - 1)
            position = (t - self.start) / step
            before = np.clip(position.astype(np.int64), 0, len(column) - 2)
            reached: FloatArray = column[before] + (column[before + 1] - column[before]) * (position - before)
            return reached
        step = DAY / len(column)
        index = np.clip(((t - self.start) / step).astype(np.int64), 0, len(column) - 1)
        return column[index]


class Campus:
    """A campus from `start` (ns) on, forward only. `season_days` moves the season (180: summer in winter)."""

    def __init__(self, seed: int, start: int, faults: Iterable[Fault] = (), *, season_days: float = 0.0) -> None:
        self.seed, self.start, self.season_days = seed, start, season_days
        self.plan: Plan = campus_plan()
        self.schedule = Schedule(faults)
        self._check()
        self.first_day = (start // SECOND + ZONE) // DAY
        self._next = self.first_day - WARM_UP
        midnight = np.array([self._next * DAY - ZONE])
        self._hvac = Hvac(float(weather(seed, midnight, season_days).temperature[0]))
        self._cars = {row[0]: new_car(seed, row[0], row[4]) for row in VEHICLES}
        self._registers: dict[str, float] = {}
        self._winding = {"em-t1": 50.0, "em-t2": 50.0}
        self._block: DayBlock | None = None

    def _check(self) -> None:
        points = set(self.plan.points())
        devices = {device.id for device in (*self.plan.devices, *self.plan.gateways)}
        for fault in self.schedule.faults:
            known = points if KINDS[fault.kind].target == "point" else devices
            if fault.target not in known:
                raise ValueError(f"fault {fault.kind}: no {KINDS[fault.kind].target} {fault.target!r} on the campus")

    def day(self, number: int) -> DayBlock:
        """The block of a local day (days since 1970); days go forward, the last one may be asked again."""
        if self._block is not None and number == self._next - 1:
            return self._block
        if number < self._next:
            raise ValueError(f"day {number} is over; the next one is {self._next}: a campus goes forward only")
        while self._next <= number:
            self._block = self._simulate(self._next)
            self._next += 1
        assert self._block is not None
        return self._block

    def _simulate(self, number: int) -> DayBlock:
        midnight = number * DAY - ZONE
        t: IntArray = midnight + 60 * np.arange(MINUTES)
        hour = np.arange(MINUTES) / 60.0
        sky = weather(self.seed, t, self.season_days)
        inside = {site: present(self.seed, site, number, hour, t) for site in HEADCOUNT}
        scene = Scene(self.seed, number, t, hour, sky, inside, self.schedule)
        cars = {
            row[0]: run_day(self.seed, row[0], self._cars[row[0]], number, self.schedule, sky.temperature) for row in VEHICLES
        }
        loads = people_loads(scene, HEADCOUNT)
        plugs = plug_loads(scene)
        for id, power in plugs.items():
            owner = "a-socket" if id in ("plug-11", "plug-12") else "b-socket"
            loads[owner] = loads[owner] + power
        hvac = self._hvac.run(
            Weathering(sky.temperature, sky.irradiance, self._plant_hours(number, hour), gains(scene, loads, HEADCOUNT)),
            self._breaks(t),
        )
        loads |= machine_loads(scene, hvac, {id: cars[car].charging for id, car in CHARGERS.items()})
        net = network(loads, scene)
        columns: dict[str, FloatArray] = {}
        self._electric(columns, net, plugs, scene)
        self._plant_columns(columns, hvac, scene)
        self._supply(columns, hvac, scene, loads)
        for id, car in cars.items():
            _car_columns(columns, id, car, t, self.seed)
        for id, car_id in CHARGERS.items():
            columns[f"{id}.charging"] = (cars[car_id].charging > 0).astype(np.float64)
        return DayBlock(midnight, columns, net)

    def _plant_hours(self, number: int, hour: FloatArray) -> np.ndarray[tuple[int], np.dtype[np.bool_]]:
        open_: np.ndarray[tuple[int], np.dtype[np.bool_]] = (hour >= PLANT_OPEN) & (hour < PLANT_CLOSE) & worked(number)
        return open_

    def _breaks(self, t: IntArray) -> Breaks:
        def stuck(kind: str, quantity: str) -> FloatArray:
            columns = []
            for zone in ZONES:
                point = f"{zone.device}.{quantity}"
                level = self.schedule.level(kind, point, t)
                columns.append(np.where(self.schedule.active(kind, point, t), level, np.nan))
            return np.stack(columns, axis=1)

        forced = self.schedule.level("chiller_on_at_night", "chiller-2", t)

        def leak(quantity: str) -> FloatArray:
            return np.nan_to_num(stuck("leaking_valve", quantity))

        valves = stuck("stuck_valve", "hc"), stuck("stuck_valve", "cc")
        return Breaks(valves[0], valves[1], stuck("stuck_damper", "oad"), forced, leak("hc"), leak("cc"))

    def _register(self, columns: dict[str, FloatArray], point: str, rate: FloatArray, most: float) -> None:
        """A register in canonical units, grown by `rate` per s, from a seeded first value below `most`."""
        if point not in self._registers:
            self._registers[point] = most * (0.15 + 0.7 * float(uniform(key(self.seed, "register", point), 0)))
        columns[point] = running(rate * (DAY / len(rate)), self._registers[point])
        self._registers[point] = float(columns[point][-1])

    def _electric(self, columns: dict[str, FloatArray], net: Network, plugs: dict[str, FloatArray], scene: Scene) -> None:
        mains = {row[0] for row in MAINS}
        for id, power in net.active.items():
            if id in mains:
                columns |= {f"{id}.{name}": column for name, column in main_columns(id, net, scene).items()}
                self._register(columns, f"{id}.reactive_energy", net.reactive[id] / 3600.0, 2e9)
            columns[f"{id}.power"] = power
            self._register(columns, f"{id}.energy", power / 3600.0, 8e9 if id in mains else 6e8)
        for id, rated in RATED.items():
            load = np.hypot(net.active[id], net.reactive[id]) / rated
            winding = lag(scene.weather.temperature * 0.5 + 32.0 + 55.0 * load**1.5, self._winding[id], 60.0, 5400.0)
            columns[f"{id}.winding"], self._winding[id] = winding, float(winding[-1])
        for id, power in plugs.items():
            columns[f"{id}.power"] = power
            columns[f"{id}.voltage"] = 231.5 + 1.2 * smooth(key(self.seed, "grid"), scene.t, 3600)
            columns[f"{id}.current"] = power / 0.96 / columns[f"{id}.voltage"]
            self._register(columns, f"{id}.energy", power / 3600.0, 1.2e6)

    def _plant_columns(self, columns: dict[str, FloatArray], hvac: HvacDay, scene: Scene) -> None:
        plant = hvac.plant
        for number in (1, 2):
            id = f"chiller-{number}"
            on = plant[f"on{number}"]
            columns |= {
                f"{id}.on": on,
                f"{id}.chws": plant["chws"],
                f"{id}.chwr": plant["chwr"],
                f"{id}.load": plant[f"load{number}"],
            }
            self._register(columns, f"{id}.runtime", on, 4.5e7)
            columns |= {f"pump-{number}.on": on, f"pump-{number}.speed": 0.85 * on}
        columns |= {"pump-3.on": plant["boiler"], "pump-3.speed": 0.7 * plant["boiler"]}
        columns |= {"tower-1.on": (plant["tower"] > 0).astype(np.float64), "tower-1.speed": plant["tower"]}
        columns["tower-1.leaving"] = 0.75 * scene.weather.temperature + 6.0 + 5.0 * plant["tower"]
        columns |= {"boiler-1.on": plant["boiler"], "boiler-1.hws": plant["hws"], "boiler-1.hwr": plant["hwr"]}
        for number, zone in enumerate(ZONES):
            for name in ("sat", "sat_sp", "mat", "rat", "cc", "hc", "oad", "fan", "spd", "dsp"):
                columns[f"{zone.device}.{name}"] = hvac.air[name][:, number]
            columns[f"{zone.device}.oat"] = scene.weather.temperature
            columns[f"{zone.device}.dsp_sp"] = np.full(MINUTES, 250.0)
            columns[f"{zone.device}.occ"] = hvac.air["fan"][:, number]
        served = {"room-301": 0, "room-612": 1, "room-hall": 2, "room-training": 3}
        for id, site, _ in ROOMS:
            self._room(columns, id, hvac.air["room"][:, served[id]], scene, site)

    def _room(self, columns: dict[str, FloatArray], id: str, zone: FloatArray, scene: Scene, site: str) -> None:
        stream = key(self.seed, "room", id)
        busy = scene.present[site] > 0.18
        seated = busy & (uniform(stream, scene.t // 2700) < 0.88)
        offset = 0.7 * float(uniform(stream, 1)) - 0.35
        columns[f"{id}.temperature"] = zone + offset + 0.25 * smooth(stream, scene.t, 1800)
        columns[f"{id}.humidity"] = np.clip(
            0.48 + 0.25 * (scene.weather.humidity - 0.7) + 0.03 * smooth(stream ^ 2, scene.t, 3600), 0.2, 0.9
        )
        columns[f"{id}.co2"] = lag(425.0 + 420.0 * seated * scene.present[site], 425.0, 60.0, 2400.0)
        columns[f"{id}.light"] = 0.11 * scene.weather.irradiance + 380.0 * (scene.present[site] > 0.12) + 0.5
        columns[f"{id}.occupied"] = seated.astype(np.float64)

    def _supply(self, columns: dict[str, FloatArray], hvac: HvacDay, scene: Scene, loads: dict[str, FloatArray]) -> None:
        for id, flow in water_flows(scene, HEADCOUNT, hvac.plant["cold"]).items():
            columns[f"{id}.flow"] = flow
            self._register(columns, f"{id}.water", flow, 4e5)
        columns["water-main.pressure"] = (
            345e3 - 6e6 * columns["water-main.flow"] + 4e3 * smooth(key(self.seed, "town"), scene.t, 2400)
        )
        for id, flow in gas_flows(scene, hvac.plant["heat"], hvac.plant["boiler"]).items():
            columns[f"{id}.flow"] = flow
            self._register(columns, f"{id}.gas", flow, 3e5)
        sky = scene.weather
        columns |= {
            "weather-1.temperature": sky.temperature,
            "weather-1.humidity": sky.humidity,
            "weather-1.irradiance": sky.irradiance,
        }
        columns["weather-1.wind"] = sky.wind
        hall = 23.2 + 0.5 * smooth(key(self.seed, "hall"), scene.t, 1500) + 0.02 * (sky.temperature - 15.0)
        columns |= {
            "hall-1.temperature": hall,
            "hall-1.humidity": 0.46 + 0.03 * smooth(key(self.seed, "hall h"), scene.t, 4000),
        }
        for number in (1, 2):
            columns[f"crac-{number}.on"] = np.ones(MINUTES)
            columns[f"crac-{number}.return"] = hall + 8.4
            columns[f"crac-{number}.supply"] = hall - 5.2 + 0.4 * smooth(key(self.seed, "crac", number), scene.t, 900)
        columns["ups-1.load"] = (loads["ups-1"] - 1100.0) * 0.952 / 110e3
        columns["ups-1.battery"] = np.full(MINUTES, 1.0)
        columns["ups-1.battery_voltage"] = 540.0 + 0.6 * smooth(key(self.seed, "ups"), scene.t, 3000)
        columns["ups-1.on_battery"] = np.zeros(MINUTES)

    def labels(self) -> list[Label]:
        """The ground truth of every fault, in the order of the schedule."""
        return [self._label(fault) for fault in self.schedule.faults]

    def _label(self, fault: Fault) -> Label:
        kind = KINDS[fault.kind]
        start, end = fault.start, fault.end
        if fault.kind in ("unapproved_trip", "overspeed", "coolant_overheating"):
            start, end = self._driven(fault)
        elif fault.kind == "fuel_theft":
            end = min(end, fault.start + 480 * SECOND)
        equip = self.plan.device(fault.device).equip
        return Label(
            fault.kind, fault.target, equip, seen_at(self.plan, fault), start, end, fault.amount, kind.size, kind.shows
        )

    def _driven(self, fault: Fault) -> tuple[int, int]:
        """The driving within a fault's span that shows it, ns; the span itself where there is none."""
        first, last = ((moment // SECOND + ZONE) // DAY for moment in (fault.start, fault.end - 1))
        trips = [trip for day in range(first, last + 1) for trip in journeys(self.seed, fault.target, day, self.schedule)]
        if fault.kind == "unapproved_trip":
            trips = [trip for trip in trips if trip.start == fault.start // SECOND]
        trips = [trip for trip in trips if fault.start <= trip.start * SECOND < fault.end]
        if not trips:
            return fault.start, fault.end
        return trips[0].start * SECOND, max(trip.end for trip in trips) * SECOND


SEEN: dict[str, tuple[str, ...]] = {
    "chiller_on_at_night": ("power", "on"),
    "lights_left_on": ("power",),
    "leak": ("flow", "water"),
    "power_factor_loss": ("power_factor",),
    "phase_imbalance": ("current_1", "current_2", "current_3"),
    "fuel_theft": ("fuel",),
    "unapproved_trip": ("ignition", "speed", "latitude", "longitude"),
    "weak_battery": ("battery",),
    "coolant_overheating": ("coolant",),
    "dtc": ("dtc",),
    "idling": ("ignition",),
    "overspeed": ("speed",),
}
"""Fault kind -> the quantities of the target device that show it; kinds not named: all of them, or the target point."""


def seen_at(plan: Plan, fault: Fault) -> tuple[str, ...]:
    """The points that a fault is seen at first."""
    if fault.kind in ("stuck_valve", "leaking_valve", "stuck_damper"):
        return (fault.target, f"{fault.device}.sat", f"{fault.device}.mat")
    if KINDS[fault.kind].target == "point":
        return (fault.target,)
    devices = plan.behind(fault.target) or [plan.device(fault.target)]
    wanted = SEEN.get(fault.kind)
    return tuple(
        f"{device.id}.{quantity.id}"
        for device in devices
        for quantity in device.template.quantities
        if wanted is None or quantity.id in wanted
    )


def _car_columns(columns: dict[str, FloatArray], id: str, car: CarDay, t: IntArray, seed: int) -> None:
    """A car's own columns under its points; OwnTracks phones report their own battery instead of the car's."""
    columns |= {f"{id}.{name}": column for name, column in car.columns.items()}
    if id in ("car-0607", "car-0619", "ev-1126"):
        columns[f"{id}.battery"] = np.clip(0.78 + 0.15 * smooth(key(seed, "phone", id), t, 5 * 3600), 0.15, 1.0)
