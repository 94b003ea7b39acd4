"""Trips of a vehicle out of what it said: when its engine ran, how far it went, how long it stood with the engine on. Pure.

Invariants: a trip is a stretch of running engine (where that is not known, of driving), short stops included; what is not
measured is None, never zero; an odometer that falls, or rises faster than anything drives, counts no distance: the fixes do.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from steward.ground import distance, sound
from steward.model import BoolArray, FloatArray, NumberArray
from steward.store import Windows
from steward.units import MINUTE, SECOND

OUT_SPEED = 3 / 3.6
"""m/s: a vehicle that is faster is on its way; receivers of satellites drift below it."""
HELD = 10 * MINUTE
"""How long an engine or a speed is taken to be as it was said last."""
STOP = 5 * MINUTE
"""The engine may be off for so long within one trip."""
FASTEST = 70.0
"""m/s: an odometer that says more was replaced or misread."""
SHORT = 3 * MINUTE
"""An engine that runs for less without a move is no trip."""
Place = tuple[float, float]
"""Latitude and longitude, degrees."""


@dataclass(frozen=True, slots=True)
class Trip:
    """start, end, driving, idling: ns; distance: m; top: m/s; fuel: change of the tank's level, ratio; running: not over."""

    start: int
    end: int
    driving: int
    idling: int
    distance: float | None
    top: float | None
    fuel: float | None
    begun_at: Place | None
    ended_at: Place | None
    running: bool


@dataclass(frozen=True, slots=True)
class Track:
    """What a vehicle said, on a grid of `step` ns from `start` on; NaN where it said nothing. Canonical units."""

    start: int
    step: int
    engine: FloatArray
    speed: FloatArray
    odometer: FloatArray
    latitude: FloatArray
    longitude: FloatArray
    fuel: FloatArray


def track(found: Windows, numbers: dict[str, int], start: int, step: int, size: int) -> Track:
    """The windows of a vehicle's points (name of a column -> number of its point) as a track of `size` steps."""
    columns: dict[str, Any] = {}
    for name in ("engine", "speed", "odometer", "latitude", "longitude", "fuel"):
        column = np.full(size, np.nan)
        if name in numbers:
            part: NumberArray = np.flatnonzero(found.point == numbers[name]).astype(np.int32)
            at = (found.start[part] - start) // step
            inside = (at >= 0) & (at < size)
            value = found.max[part] if name in ("engine", "speed") else found.last[part]
            column[at[inside]] = value[inside]
        columns[name] = column
    return Track(start, step, **columns)


def trips(said: Track) -> list[Trip]:
    """The trips of a track, in order."""
    speed = _held(said.speed, HELD // said.step)
    moving: BoolArray = speed > OUT_SPEED
    known = np.isfinite(said.engine).any()
    on: BoolArray = (_held(said.engine, HELD // said.step) > 0) | moving if known else moving
    return [trip for a, b in _runs(on, STOP // said.step) if (trip := _trip(said, on, moving, a, b)) is not None]


def _trip(said: Track, on: BoolArray, moving: BoolArray, a: int, b: int) -> Trip | None:
    """The trip of the steps a to b, None for one that is none."""
    driving = int((moving[a : b + 1] & on[a : b + 1]).sum()) * said.step
    idling = int((on[a : b + 1] & ~moving[a : b + 1]).sum()) * said.step
    if not driving and idling < SHORT:
        return None
    top = said.speed[a : b + 1]
    return Trip(
        start=said.start + a * said.step,
        end=said.start + (b + 1) * said.step,
        driving=driving,
        idling=idling,
        distance=_distance(said, a, b),
        top=float(np.nanmax(top)) if np.isfinite(top).any() else None,
        fuel=_change(said.fuel, a, b),
        begun_at=_place(said, a),
        ended_at=_place(said, b),
        running=b >= len(on) - 2,
    )


def _held(values: FloatArray, most: int) -> FloatArray:
    """Each value until the next, for at most so many steps; NaN beyond."""
    steps = np.arange(len(values))
    last = np.maximum.accumulate(np.where(np.isfinite(values), steps, -1))
    kept = (last >= 0) & (steps - last <= most)
    return np.where(kept, values[np.maximum(last, 0)], np.nan)


def _runs(on: BoolArray, gap: int) -> list[tuple[int, int]]:
    """First and last step of each run, those joined that lie at most `gap` steps apart."""
    runs: list[tuple[int, int]] = []
    for step in np.flatnonzero(on).tolist():
        if runs and step - runs[-1][1] <= gap + 1:
            runs[-1] = (runs[-1][0], step)
        else:
            runs.append((step, step))
    return runs


def _change(values: FloatArray, a: int, b: int) -> float | None:
    """What a value changed by between the last before step a (else the first after) and the last up to step b."""
    before, within = values[:a], values[a : b + 1]
    kept = within[np.isfinite(within)]
    if not len(kept):
        return None
    earlier = before[np.isfinite(before)]
    return float(kept[-1] - (earlier[-1] if len(earlier) else kept[0]))


def _distance(said: Track, a: int, b: int) -> float | None:
    driven = _change(said.odometer, a, b)
    if driven is not None and 0 <= driven <= FASTEST * (b - a + 1) * said.step / SECOND:
        return driven
    fixed = np.flatnonzero(sound(said.latitude[a : b + 1], said.longitude[a : b + 1])) + a
    if len(fixed) < 2:
        return None
    latitude, longitude = said.latitude[fixed], said.longitude[fixed]
    return float(distance(latitude[1:], longitude[1:], latitude[:-1], longitude[:-1]).sum())


def _place(said: Track, step: int) -> Place | None:
    """The last fix up to a step."""
    fixed = np.flatnonzero(sound(said.latitude[: step + 1], said.longitude[: step + 1]))
    return (float(said.latitude[fixed[-1]]), float(said.longitude[fixed[-1]])) if len(fixed) else None


def place_of(latitude: float | None, longitude: float | None) -> Place | None:
    """A fix in degrees, None for what a receiver without one says."""
    if latitude is None or longitude is None or not sound(np.array([latitude]), np.array([longitude]))[0]:
        return None
    return latitude, longitude


def between(one: Place, other: Place) -> float:
    """m between two places (latitude, longitude in degrees)."""
    return float(distance(np.array([one[0]]), np.array([one[1]]), *other)[0])
