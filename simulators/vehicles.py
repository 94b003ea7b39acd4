"""The fleet: journeys by day, and what a telematics unit reads from each vehicle.

Journeys follow from (seed, vehicle, day) alone: out, a stay, back, within office hours. A day of a vehicle is arrays in
steps of 10 s for what moves and 60 s for what is slow; registers have one value more (boundaries). Carried over days:
odometer, engine hours, fuel or charge, coolant, trips since the last filling. Units are canonical (m, s, Pa, degC, ratio).
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from simulators.faults import SECOND, Schedule
from simulators.noise import key, lag, pick, smooth, uniform
from simulators.occupancy import worked
from simulators.roads import DESTINATIONS, NODES, Drive, drive, place
from simulators.weather import ZONE
from steward.model import FloatArray, IntArray

DAY = 86400
FAST, SLOW = 10, 60
TANK = {"petrol": 60.0, "diesel": 90.0, "electric": 0.0}  # L
PER_KM = {"petrol": 0.082, "diesel": 0.145, "electric": 0.0}  # L
BATTERY_KWH, KWH_PER_KM, CHARGE_KW, CHARGE_EFFICIENCY = 62.0, 0.165, 18.0, 0.92
IDLE_LITRES = 0.9 / 3600.0  # L/s


@dataclass(frozen=True, slots=True)
class Journey:
    """Out and back: start in s since 1970; engine (n,) 1 where it runs; distance (n + 1,) m; the legs with their starts."""

    start: int
    engine: FloatArray
    speed: FloatArray
    distance: FloatArray
    legs: tuple[tuple[int, Drive], ...]

    @property
    def end(self) -> int:
        """When it is back at the campus."""
        return self.start + len(self.engine)


@dataclass(slots=True)
class Car:
    """What a vehicle carries from day to day; odometer m, hours s, fuel L, charge ratio, coolant degC, low: to be filled up."""

    drive: str
    odometer: float
    hours: float
    fuel: float
    charge: float
    coolant: float = 15.0
    low: bool = False


@dataclass(slots=True)
class CarDay:
    """One day of a vehicle: columns by quantity, and the power W that it takes from its charger by minute."""

    columns: dict[str, FloatArray] = field(default_factory=dict)
    charging: FloatArray = field(default_factory=lambda: np.zeros(DAY // SLOW))


def new_car(seed: int, id: str, drive: str) -> Car:
    """A vehicle as it stands before the first day."""
    chance = uniform(key(seed, "car", id), np.arange(4))
    odometer = float(np.round(18e6 + 120e6 * chance[0]))
    return Car(drive, odometer, odometer / 9.5, TANK[drive] * (0.45 + 0.5 * float(chance[1])), 0.7 + 0.25 * float(chance[2]))


def journeys(seed: int, id: str, day: int, schedule: Schedule) -> list[Journey]:
    """The journeys that start on a local day, sorted; unapproved ones of the fault schedule among them."""
    midnight = day * DAY - ZONE
    found: list[Journey] = []
    if worked(day):
        stream = key(seed, "journeys", id)
        wanted = 1 + pick(stream, 64 * day, 3)
        clock = midnight + int(8.55 * 3600) + 600 * pick(stream, 64 * day + 1, 8)
        for number in range(wanted):
            base = 64 * day + 8 * number
            goal = DESTINATIONS[pick(stream, base + 2, len(DESTINATIONS))]
            haste = 1.0 + sum(
                fault.amount - 1.0 for fault in schedule.of("overspeed", id) if fault.start <= clock * SECOND < fault.end
            )
            if haste > 1.0:
                goal = "highway-out"  # where speeding shows
            stay = 900 + 60 * pick(stream, base + 3, 60)
            journey = _journey(seed, id, clock, goal, base, stay, haste)
            if journey.end > midnight + int(17.4 * 3600):
                break
            found.append(journey)
            clock = journey.end + 1500 + 60 * pick(stream, base + 4, 50)
    for fault in schedule.of("unapproved_trip", id):
        start = fault.start // SECOND
        if midnight <= start < midnight + DAY:
            goal = min(DESTINATIONS, key=lambda node: abs(2.4 * float(np.hypot(*NODES[node])) - fault.amount))
            found.append(_journey(seed, id, int(start), goal, 64 * day + 63, 900, 1.0))
    return sorted(found, key=lambda journey: journey.start)


def _journey(seed: int, id: str, start: int, goal: str, number: int, stay: int, haste: float) -> Journey:
    out, back = (drive(key(seed, id), *ends, number, haste) for ends in (("campus", goal), (goal, "campus")))
    warm, cool = 45, 20
    gap, shift = np.zeros(stay), warm + len(out.speed) + cool
    speed = np.concatenate([np.zeros(warm), out.speed, np.zeros(cool), gap, np.zeros(warm), back.speed, np.zeros(cool)])
    engine = np.ones(len(speed))
    engine[shift : shift + stay] = 0.0
    length = out.distance[-1]
    distance = np.concatenate(
        [
            np.zeros(warm),
            out.distance,
            np.full(cool + stay + warm, length),
            length + back.distance,
            np.full(cool - 1, length + back.distance[-1]),
        ]
    )
    distance = distance[: len(speed) + 1]
    return Journey(start, engine, speed, distance, ((warm, out), (shift + stay + warm, back)))


def run_day(seed: int, id: str, car: Car, day: int, schedule: Schedule, outdoor: FloatArray) -> CarDay:
    """Advances a vehicle by one local day; `outdoor` degC by minute."""
    midnight = day * DAY - ZONE
    trips = [trip for d in (day - 1, day) for trip in journeys(seed, id, d, schedule) if trip.end > midnight]
    trips = [trip for trip in trips if trip.start < midnight + DAY]
    seconds_engine, seconds_distance = np.zeros(DAY), np.zeros(DAY + 1)
    edge = midnight + np.arange(DAY + 1)
    for trip in trips:
        begin, end = max(trip.start - midnight, 0), min(trip.end - midnight, DAY)
        seconds_engine[begin:end] = trip.engine[begin + midnight - trip.start : end + midnight - trip.start]
        reached = np.interp(edge, trip.start + np.arange(len(trip.distance)), trip.distance)
        seconds_distance += reached - reached[0]
    idle = schedule.active("idling", id, edge[:-1])
    seconds_engine = np.maximum(seconds_engine, idle)
    out = CarDay()
    _moving(out, car, trips, midnight, seconds_engine, seconds_distance)
    minute = midnight + SLOW * np.arange(DAY // SLOW)
    running = seconds_engine.reshape(-1, SLOW).mean(axis=1)
    litres = PER_KM[car.drive] / 1000.0 * np.diff(seconds_distance[::SLOW]) + (
        IDLE_LITRES * SLOW * running if TANK[car.drive] else 0.0
    )
    if TANK[car.drive]:
        _fuel(out, car, id, litres, trips, midnight, minute, schedule)
    else:
        _charge(out, car, np.diff(seconds_distance[::SLOW]), running, trips, midnight)
    _slow(out, seed, id, car, running, minute, schedule, outdoor)
    return out


def _moving(out: CarDay, car: Car, trips: list[Journey], midnight: int, engine: FloatArray, distance: FloatArray) -> None:
    """Speed, heading, place, odometer, ignition and engine hours in steps of 10 s."""
    columns = out.columns
    columns["odometer"] = car.odometer + distance[::FAST]
    hours = np.concatenate(([0.0], np.cumsum(engine)))
    columns["engine_hours"] = car.hours + hours[::FAST]
    columns["ignition"] = engine[::FAST].copy()
    columns["speed"] = np.diff(distance[::FAST]) / FAST
    home = place("campus")
    latitude, longitude = np.full(DAY // FAST + 1, home[0]), np.full(DAY // FAST + 1, home[1])
    heading = np.zeros(DAY // FAST)
    at = midnight + FAST * np.arange(DAY // FAST + 1)
    for trip in trips:
        for number, (shift, leg) in enumerate(trip.legs):
            begin = trip.start + shift
            until = trip.start + trip.legs[number + 1][0] if number + 1 < len(trip.legs) else begin + len(leg.speed)
            inside = (at >= begin) & (at <= until)
            reached = np.interp(at[inside], begin + np.arange(len(leg.distance)), leg.distance)
            latitude[inside] = np.interp(reached, leg.line, leg.latitude)
            longitude[inside] = np.interp(reached, leg.line, leg.longitude)
    east = np.diff(longitude) * np.cos(np.radians(home[0]))
    moved = (np.abs(east) + np.abs(np.diff(latitude))) > 1e-9
    course = np.degrees(np.arctan2(east, np.diff(latitude))) % 360.0
    last = np.maximum.accumulate(np.where(moved, np.arange(len(moved)), 0))
    heading = np.where(moved[last], course[last], heading)
    columns["latitude"], columns["longitude"], columns["heading"] = latitude, longitude, heading
    car.odometer, car.hours = float(columns["odometer"][-1]), float(car.hours + hours[-1])


def _fuel(
    out: CarDay,
    car: Car,
    id: str,
    litres: FloatArray,
    trips: list[Journey],
    midnight: int,
    minute: IntArray,
    schedule: Schedule,
) -> None:
    """Tank content by minute: used while driving, stolen by fault, filled up on a journey when it was low in the evening."""
    filled = np.zeros(len(litres))
    if car.low and trips and trips[0].start >= midnight:
        legs = trips[0].legs
        stop = min((trips[0].start + legs[1][0] - 60 - midnight) // SLOW, len(litres) - 1)
        filled[stop] = 0.96 * TANK[car.drive] - (car.fuel - litres[: stop + 1].sum())
        car.low = False
    stolen = np.zeros(len(litres))
    for fault in schedule.of("fuel_theft", id):
        span = 8 * SLOW
        start = fault.start / SECOND
        stolen[(minute >= start) & (minute < start + span)] = fault.amount / 8.0
    level = car.fuel + np.cumsum(filled - litres - stolen)
    level = np.clip(level, 0.5, TANK[car.drive])
    out.columns["fuel"] = level / TANK[car.drive]
    car.fuel = float(level[-1])
    car.low = car.low or car.fuel < 0.5 * TANK[car.drive]


def _charge(out: CarDay, car: Car, metres: FloatArray, running: FloatArray, trips: list[Journey], midnight: int) -> None:
    """State of charge by minute; from the last journey's return (or 18:00) it charges until 95 %."""
    back = max([trip.end - midnight for trip in trips if trip.end < midnight + DAY], default=18 * 3600) // SLOW + 12
    soc = np.empty(len(metres))
    used = (KWH_PER_KM * metres / 1000.0 + 1.1 / 60.0 * running) / BATTERY_KWH
    step = CHARGE_KW * CHARGE_EFFICIENCY / 60.0 / BATTERY_KWH
    level, asked = car.charge, False
    for number, use in enumerate(used.tolist()):
        asked = level < 0.88 if number == back else asked
        taper = min(1.0, max((1.0 - level) / 0.15, 0.0))
        if asked and running[number] == 0 and level < 0.955:
            out.charging[number] = 1000.0 * CHARGE_KW * taper
            level = min(level + step * taper, 1.0)
        else:
            asked = asked and level < 0.955
        level = max(level - use, 0.02)
        soc[number] = level
    car.charge = level
    out.columns["soc"] = soc


def _slow(
    out: CarDay, seed: int, id: str, car: Car, running: FloatArray, minute: IntArray, schedule: Schedule, outdoor: FloatArray
) -> None:
    """Coolant, 12 V battery, tyres, trouble codes."""
    columns = out.columns
    target = np.where(running > 0.5, 88.0 + schedule.level("coolant_overheating", id, minute), outdoor)
    warm, value = np.empty(len(target)), car.coolant
    for number, (wanted, on) in enumerate(zip(target.tolist(), (running > 0.5).tolist(), strict=True)):
        value += (wanted - value) * (0.16 if on else 0.012)
        warm[number] = value
    car.coolant = float(value)
    columns["coolant"] = warm
    weak = schedule.level("weak_battery", id, minute)
    started = np.diff(running > 0, prepend=False) & (running > 0)
    rest = 12.68 + 0.04 * smooth(key(seed, "battery", id), minute, 4 * 3600) - weak
    volts = np.where(running > 0.5, 14.15 - 0.35 * (weak > 0), rest)
    columns["battery"] = np.where(started, 10.9 - 1.6 * weak, volts)
    heat = lag(np.where(running > 0.5, 14.0, 0.0), 0.0, 60.0, 900.0)
    for wheel in (1, 2, 3, 4):
        cold = 232e3 + 3e3 * float(uniform(key(seed, "tyre", id), wheel))
        lost = 1e3 * schedule.days_in("tyre_leak", f"{id}.tyre_{wheel}", minute)
        columns[f"tyre_{wheel}"] = np.maximum((cold - lost) * (273.15 + outdoor + heat) / 293.15, 0.0)
    columns["dtc"] = schedule.level("dtc", id, minute)
