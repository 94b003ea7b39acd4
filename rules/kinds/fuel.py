"""Fuel: the tank loses more than the engine can have burnt."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

import numpy as np

from rules.contract import UNSEEN, Column, Findings, Kind, NotApplicable, State, Target
from rules.fleet import vehicle
from rules.quantity import Duration, Limit
from steward import ground
from steward.model import ByteArray, FloatArray, IntArray
from steward.units import HOUR

LAST = 5
"""Samples whose median is the level: a wave in the tank must last for three samples to count."""
RING = 16
"""Earlier levels that are kept, evenly over the window."""
MOVING = 2.0
"""While the vehicle was driven the level sways with hills and bends: twice as much must be missing."""
REFUEL = 0.05
"""A rise by this share of the tank is a refuelling; what was before it is forgotten."""
STANDS = 100.0
"""Metres that an odometer may turn while the vehicle is taken to have stood."""
DRIVEN_M3, IDLE_M3 = 25e-3 / 100e3, 2e-3 / 3600.0
"""Most that is taken to be burnt where nobody measures it: 25 L/100 km and 2 L/h with the engine on."""


class Fuel(Kind, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The tank loses more fuel than was burnt: siphoned off, or a leak.

    Fields: `drop`: how much must be missing ("10%" of the tank, default; or litres, "8L"); `tank`: its size ("60L",
    default), and `tanks` by equip (`{ bus-1 = "90L" }`, globs allowed); `window`: within which time ("1h", default; a gap
    in which the tracker slept counts as if it were no longer); `burn`: factor on what explains a fall where nothing
    measures it (default 1).

    Judged per vehicle at each sample of its fuel level (or fuel volume). The level is the median of five samples, so that
    slosh does not count; it is compared with all earlier ones of the window, less what was burnt in between: the fuel
    rate or the register of fuel used where the vehicle tells them (by a fifth more), else distance and running time at 25
    L/100 km and 2 L/h, more than any car needs. Where the vehicle was driven in between, twice `drop` must be missing. A
    refuelling (a rise by 5 % of the tank) begins anew. A vehicle without a fuel level: not applicable. The alert's value
    is the missing fuel as a share of the tank, its limit `drop`; it is true for `window`, use `keep_firing_for`.

    Example: `kind = "fuel", match = { equip_type = ["vehicle", "bus"] }, drop = "10%", keep_firing_for = "6h"`.
    Source: fall not explained by burn, as fleet platforms detect theft; 10 %: level sensors are good to 1 to 3 % of the
    tank at rest; false alerts from slosh are the chief complaint of users of plain drop rules.
    """

    NAME: ClassVar[str] = "fuel"
    JOINS: ClassVar[bool] = True
    UNIT: ClassVar[str] = "ratio"

    drop: Limit = Limit("10%")
    tank: Limit = Limit("60L")
    tanks: dict[str, Limit] = {}
    window: Duration = Duration(HOUR)
    burn: float = 1.0

    def check(self) -> list[tuple[str, str, str]]:
        problems = []
        for key, limit in [("tank", self.tank), *((f"tanks.{equip}", limit) for equip, limit in self.tanks.items())]:
            try:
                if limit.value("m3") <= 0:
                    problems.append((key, f"no tank: {limit}", "for example 60L"))
            except ValueError as problem:
                problems.append((key, str(problem), "for example 60L"))
        try:
            self._share(1.0)
        except ValueError as problem:
            problems.append(("drop", str(problem), "10% or 8L"))
        if self.window <= 0:
            problems.append(("window", "no time", "a duration above 0"))
        return problems

    def _share(self, tank: float) -> float:
        """`drop` as a share of a tank, m3."""
        try:
            return self.drop.value("ratio")
        except ValueError:
            return self.drop.value("m3") / tank

    def bind(self, targets: Sequence[Target]) -> list[Target]:
        wanted = (("fuel_level", "fuel"), ("odometer",), vehicle.ENGINE, ("fuel_rate",), ("fuel_used",),
                  ("latitude",), ("longitude",))  # fmt: skip
        return vehicle.per_vehicle(targets, *wanted)

    def waits(self, target: Target) -> Sequence[bool]:
        return vehicle.present(target)

    def holds(self, target: Target) -> Sequence[int | None]:
        kept = vehicle.KEPT
        return [None, kept, kept, None, kept, kept, kept][: len(target.points)]

    def parameters(self, target: Target) -> Mapping[str, float | int | bool]:
        vehicle.demand(target, "metric fuel_level or fuel")
        if len(target.points) < 7:
            raise NotApplicable("no vehicle")
        tank = (vehicle.of_vehicle(self.tanks, target) or self.tank).value("m3")
        return {
            "tank": tank,
            "scale": 1.0 if target.point.unit == "ratio" else 1.0 / tank,
            "drop": self._share(tank),
            "window": int(self.window),
            "burn": self.burn,
            "has_used": target.points[4] is not None,
        }

    def state(self) -> Mapping[str, Column]:
        number, moment = Column(np.float64, np.nan), Column(np.int64, UNSEEN)
        ring = Column(np.float64, np.nan, (RING,))
        return {
            "last": Column(np.float64, np.nan, (LAST,)), "turn": Column(np.int64), "ring_at": Column(np.int64, UNSEEN, (RING,)),
            "ring_level": ring, "ring_burnt": ring, "ring_odometer": ring, "burnt": Column(np.float64), "odometer": number,
            "used": number, "rate": number, "ran": Column(np.bool_, False), "level": number, "from": number, "from_at": moment,
            "explained": number, "latitude": number, "longitude": number,
        }  # fmt: skip

    @classmethod
    def step(cls, state: State, rows: IntArray, at: IntArray, value: FloatArray, quality: ByteArray) -> Findings:
        level = cls._level(state, rows, value[:, 0] * state.get("scale", rows))
        burnt, odometer, runs = cls._burn(state, rows, at, value)
        before = state["ring_level"][rows]
        filled = level > np.nan_to_num(np.fmin.reduce(before, axis=1), nan=np.inf) + REFUEL
        if filled.any():
            for name, fill in (("ring_at", UNSEEN), ("ring_level", np.nan)):
                state[name][rows[filled]] = fill
            state["last"][rows[filled]] = np.nan
            state["last"][rows[filled], 0] = value[filled, 0] * state["scale"][rows[filled]]
            level = np.where(filled, value[:, 0] * state.get("scale", rows), level)
        missing = cls._missing(state, rows, level, burnt, odometer, runs)
        cls._push(state, rows, at, level, burnt, odometer)
        latitude, longitude = vehicle.column(value, 5), vehicle.column(value, 6)
        fixed = ground.sound(latitude, longitude)
        for name, column in (("latitude", np.where(fixed, latitude, np.nan)),
                             ("longitude", np.where(fixed, longitude, np.nan))):  # fmt: skip
            state.put(name, rows, column)
        drop = state.get("drop", rows)
        return Findings(missing > drop * (1 + 1e-9), missing, drop)

    @classmethod
    def _level(cls, state: State, rows: IntArray, now: FloatArray) -> FloatArray:
        """Median of the last five levels, the present one among them; shares of the tank."""
        turn = state.get("turn", rows)
        state["last"][rows, turn % LAST] = now
        state.put("turn", rows, turn + 1)
        level: FloatArray = np.nanmedian(state["last"][rows], axis=1)
        return level

    @classmethod
    def _burn(cls, state: State, rows: IntArray, at: IntArray, value: FloatArray) -> tuple[FloatArray, FloatArray, FloatArray]:
        """Shares of the tank burnt since the first sample, the odometer, and whether the engine runs (NaN: not known)."""
        odometer, engine, rate, used = (vehicle.column(value, place) for place in (1, 2, 3, 4))
        held, before, last = state.get("odometer", rows), state.get("used", rows), state.get("rate", rows)
        gap = np.where(state.get("last_at", rows) == UNSEEN, 0, at - state.get("last_at", rows))
        before_on = state.get("ran", rows)
        ran = np.where(before_on | (engine > 0), np.minimum(gap, state.get("hold", rows)), 0)
        driven = np.nan_to_num(np.maximum(odometer - held, 0.0))
        guess = (driven * DRIVEN_M3 + ran / 1e9 * IDLE_M3) * state.get("burn", rows)
        metered = 1.2 * np.nan_to_num(np.maximum(used - before, 0.0))
        rated = 1.2 * gap / 1e9 * np.nan_to_num(np.fmax(last, rate))
        short = gap <= state.get("hold", rows)
        spent = np.where(state.get("has_used", rows) & ~np.isnan(used - before), metered,
                         np.where(short & ~np.isnan(last), rated, guess))  # fmt: skip
        burnt = state.get("burnt", rows) + spent / state.get("tank", rows)
        for name, column in (("odometer", np.where(np.isnan(odometer), held, odometer)), ("rate", rate), ("burnt", burnt),
                             ("used", np.where(np.isnan(used), before, used)), ("ran", engine > 0)):  # fmt: skip
            state.put(name, rows, column)
        return burnt, np.where(np.isnan(odometer), held, odometer), engine

    @classmethod
    def _missing(
        cls, state: State, rows: IntArray, level: FloatArray, burnt: FloatArray, odometer: FloatArray, runs: FloatArray
    ) -> FloatArray:
        """Most that is missing against an earlier level, as a share of the tank; halved where the vehicle was driven."""
        earlier, then = state["ring_level"][rows], state["ring_burnt"][rows]
        explained = burnt[:, None] - then
        driven = np.nan_to_num(odometer[:, None] - state["ring_odometer"][rows], nan=0.0) > STANDS
        doubt = driven | (runs > 0)[:, None]
        lost = (earlier - level[:, None] - explained) / np.where(doubt, MOVING, 1.0)
        lost = np.where(np.isnan(lost), -np.inf, lost)
        place = np.argmax(lost, axis=1)
        here = np.arange(len(rows))
        missing: FloatArray = np.where(np.isfinite(lost[here, place]), np.maximum(lost[here, place], 0.0), 0.0)
        told = missing > state.get("drop", rows)  # what is over is told by what it was
        for name, column in (("from", earlier[here, place]), ("from_at", state["ring_at"][rows, place]),
                             ("explained", explained[here, place]), ("level", level)):  # fmt: skip
            state.put(name, rows, np.where(told, column, state.get(name, rows)))
        return missing

    @classmethod
    def _push(
        cls, state: State, rows: IntArray, at: IntArray, level: FloatArray, burnt: FloatArray, odometer: FloatArray
    ) -> None:
        """Forgets levels older than the window (but for the newest, which bridges a gap) and keeps the present one."""
        window = state.get("window", rows)
        times = state["ring_at"][rows]
        old = (times != UNSEEN) & (at[:, None] - times > window[:, None]) & (times < times.max(axis=1)[:, None])
        state["ring_at"][rows] = np.where(old, UNSEEN, times)
        state["ring_level"][rows] = np.where(old, np.nan, state["ring_level"][rows])
        newest = times.max(axis=1)
        due = (newest == UNSEEN) | (at - newest >= window // (RING - 2))
        push = np.flatnonzero(due)
        place = np.argmin(state["ring_at"][rows[push]], axis=1)
        for name, column in (("ring_at", at), ("ring_level", level), ("ring_burnt", burnt), ("ring_odometer", odometer)):
            state[name][rows[push], place] = column[push]

    @classmethod
    def evidence(cls, state: State, row: int) -> dict[str, Any]:
        tank = 1e3 * float(state["tank"][row])
        start, level, explained = (float(state[name][row]) for name in ("from", "level", "explained"))
        at = int(state["from_at"][row])
        return {
            "litres": vehicle.known(tank * (start - level - explained), 1),
            "from_value": start if np.isfinite(start) else None,
            "to_value": level if np.isfinite(level) else None,
            "from_at": at if at != UNSEEN else None,
            "burnt_litres": vehicle.known(tank * explained, 1),
            "latitude": vehicle.known(state["latitude"][row], 5),
            "longitude": vehicle.known(state["longitude"][row], 5),
        }
