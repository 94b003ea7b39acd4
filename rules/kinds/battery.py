"""Battery: a starter battery that is weak at rest, at the start or not charged; or a state of health that runs out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, ClassVar

import numpy as np

from rules import local
from rules.contract import UNSEEN, Column, Findings, Kind, NotApplicable, State, Target
from rules.fleet import trend, vehicle
from rules.quantity import Duration, Limit
from steward.model import BoolArray, ByteArray, FloatArray, IntArray
from steward.units import DAY, MINUTE

CHARGING = 13.2
"""Volts of a 12 V system from which on something charges it: the engine runs where no ignition is known."""
TRUCK = 18.0
"""A reading above this is of a 24 V system: all limits are doubled."""
RUN_IN = 10 * MINUTE
"""The alternator is judged only when the engine has run for this long."""
CONFIRM = 10 * MINUTE
"""A voltage must be too low for this long: ignition and voltage do not change in the same second."""
REASONS = ("", "low at rest", "not charged", "low at the start", "wears out")
WEAR = {"V": 0.15, "ratio": 0.005}
"""A fall over the days watched that is news, V of a 12 V system or share."""


class Battery(Kind, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A battery is weak: a starter battery low at rest, low at the start, not charged while driving, or falling day by day
    towards its limit; a traction battery whose state of health falls below its limit or will.

    Fields: `rest`: lowest voltage at rest ("11.8V", default); `start`: lowest voltage at the start of the engine ("9.6V",
    default; seen only where a sample falls into it); `charge`: lowest voltage while the engine runs ("13.0V", default);
    `settle`: time after the engine stopped from which on it rests ("30m", default); `health`: lowest state of health
    ("80%", default); `within`: how far the trend looks ahead ("14d" for voltages, "90d" for health); `deadband`: how far
    a voltage must come back ("0.2V", default).

    `match` names voltages of starter batteries (metric battery_voltage) or states of health (soh). Limits are for 12 V; a
    battery above 18 V is judged by twice of them. Rest is known by the ignition (or engine speed) of the same equip, else
    by a voltage below 13.2 V. While the engine runs the verdict on rest stands. A voltage at rest or under way must be
    too low for ten minutes. The trend is the median slope (Theil-Sen) of the daily means of up to 28 days, at least
    seven. The alert's value is the voltage (or health) that is too low, its limit what it should be; the evidence names
    the reason, the slope and the days until the limit. Warm-up: none but for the trend.

    Example: `kind = "battery", match = { metric = "battery_voltage", equip_type = "vehicle" }`.
    Source: 12 V lead-acid at rest: 12.65 V full, 11.8 V about a fifth of the charge (makers' tables); 9.6 V while
    cranking: the usual load test; 13.0 V: an alternator gives 13.5 to 14.7 V; 80 %: end of life of traction batteries in
    makers' warranties.
    """

    NAME: ClassVar[str] = "battery"
    JOINS: ClassVar[bool] = True

    rest: Limit = Limit("11.8V")
    start: Limit = Limit("9.6V")
    charge: Limit = Limit("13.0V")
    settle: Duration = Duration(30 * MINUTE)
    health: Limit = Limit("80%")
    within: Duration | None = None
    deadband: Limit = Limit("0.2V")

    def check(self) -> list[tuple[str, str, str]]:
        problems = []
        for key, unit in (("rest", "V"), ("start", "V"), ("charge", "V"), ("health", "ratio"), ("deadband", "V")):
            try:
                getattr(self, key).difference(unit)
            except ValueError as problem:
                problems.append((key, str(problem), ""))
        return problems

    def look_back(self) -> int:
        return trend.DAYS * DAY

    def bind(self, targets: Sequence[Target]) -> list[Target]:
        return [replace(one, points=(one.point, vehicle.find(one, *vehicle.ENGINE)), shows=(one.id,)) for one in targets]

    def requires(self, target: Target) -> Sequence[bool]:
        return vehicle.present(target)

    def holds(self, target: Target) -> Sequence[int | None]:
        return [None, vehicle.KEPT][: len(target.points)]

    def parameters(self, target: Target) -> Mapping[str, float | int | bool]:
        unit = target.point.unit
        if unit not in ("V", "ratio"):
            raise NotApplicable(f"neither a voltage nor a state of health: in {unit}")
        volts = unit == "V"
        within = (14 if volts else 90) * DAY if self.within is None else int(self.within)
        return {
            "volts": volts,
            "rest": self.rest.value("V") if volts else self.health.value("ratio"),
            "start": self.start.value("V"),
            "charge": self.charge.value("V"),
            "band": self.deadband.difference("V") if volts else 0.005,
            "settle": int(self.settle),
            "within": within,
            "wear": WEAR[unit],
            "asks": len(target.points) > 1 and target.points[1] is not None,
            "local": local.number(target),
        }

    def state(self) -> Mapping[str, Column]:
        number, moment, flag = Column(np.float64, np.nan), Column(np.int64, UNSEEN), Column(np.bool_, False)
        return {
            **trend.COLUMNS, "ran": flag, "run_at": moment, "stop_at": moment, "low": flag, "weak": flag, "flat": flag,
            "low_at": moment, "flat_at": moment, "resting": number, "cranked": number, "charged": number,
            "system": Column(np.float64, 1.0),
        }  # fmt: skip

    @classmethod
    def step(cls, state: State, rows: IntArray, at: IntArray, value: FloatArray, quality: ByteArray) -> Findings:
        seen, engine = value[:, 0], vehicle.column(value, 1)
        volts = state.get("volts", rows)
        system = np.where(volts & ((seen > TRUCK) | (state.get("system", rows) > 1.5)), 2.0, 1.0)
        state.put("system", rows, system)
        normal = seen / system
        runs = np.where(state.get("asks", rows), engine > 0, normal >= CHARGING) & volts
        unsure = state.get("asks", rows) & np.isnan(engine) & volts
        before, stopped = state.get("ran", rows), state.get("stop_at", rows)
        started = runs & ~before & (stopped != UNSEEN)
        run_at = np.where(runs & ~before, at, state.get("run_at", rows))
        stopped = np.where(runs, UNSEEN, np.where(stopped == UNSEEN, at, stopped))
        for name, column in (("ran", runs), ("run_at", run_at), ("stop_at", stopped)):
            state.put(name, rows, column)
        rests = ~runs & ~unsure & ((at - stopped >= state.get("settle", rows)) | ~volts)
        cls._rest(state, rows, at, normal, rests)
        cls._engine(state, rows, at, normal, runs, started)
        return cls._verdict(state, rows)

    @classmethod
    def _rest(cls, state: State, rows: IntArray, at: IntArray, normal: FloatArray, rests: BoolArray) -> None:
        limit = state.get("rest", rows) + np.where(state.get("low", rows), state.get("band", rows), 0.0)
        cls._confirm(state, rows, at, normal < limit, rests, "low")
        state.put("resting", rows, np.where(rests, normal, state.get("resting", rows)))
        if rests.any():
            resting = rows[rests]
            day = local.shift(state.get("local", resting), at[rests]) // DAY
            trend.add(state, resting, day, normal[rests])

    @classmethod
    def _engine(
        cls, state: State, rows: IntArray, at: IntArray, normal: FloatArray, runs: BoolArray, started: BoolArray
    ) -> None:
        """The dip at the start, which stands until the next start, and the alternator."""
        state.put("weak", rows, np.where(started, normal < state.get("start", rows), state.get("weak", rows)))
        state.put("cranked", rows, np.where(started, normal, state.get("cranked", rows)))
        settled = runs & (at - state.get("run_at", rows) >= RUN_IN)
        limit = state.get("charge", rows) + np.where(state.get("flat", rows), state.get("band", rows), 0.0)
        cls._confirm(state, rows, at, normal < limit, settled, "flat")
        state.put("charged", rows, np.where(settled, normal, state.get("charged", rows)))

    @classmethod
    def _confirm(cls, state: State, rows: IntArray, at: IntArray, below: BoolArray, judged: BoolArray, name: str) -> None:
        """Turns the flag on where it has been below for CONFIRM, off where it is not below; elsewhere it stays."""
        flag, since = state.get(name, rows), state.get(f"{name}_at", rows)
        since = np.where(judged & below, np.where(since == UNSEEN, at, since), UNSEEN)
        confirmed = judged & below & (at - since >= np.where(state.get("volts", rows), CONFIRM, 0))
        state.put(name, rows, np.where(judged, (flag & below) | confirmed, flag))
        state.put(f"{name}_at", rows, since)

    @classmethod
    def _verdict(cls, state: State, rows: IntArray) -> Findings:
        reason = cls._reasons(state, rows)
        system = state.get("system", rows)
        shown = np.choose(reason, [state.get("resting", rows), state.get("resting", rows), state.get("charged", rows),
                                   state.get("cranked", rows), state.get("resting", rows)])  # fmt: skip
        limits = [state.get(name, rows) for name in ("rest", "rest", "charge", "start", "rest")]
        return Findings(reason > 0, shown * system, np.choose(reason, limits) * system)

    @classmethod
    def _reasons(cls, state: State, rows: IntArray) -> IntArray:
        slope, level = state.get("slope", rows), state.get("ahead", rows)
        watched = np.minimum(state.get("held_days", rows), trend.DAYS)
        reached = level + slope * state.get("within", rows) / DAY < state.get("rest", rows)
        wears = reached & (-slope * watched > state.get("wear", rows))
        flags = np.stack([state.get("low", rows), state.get("flat", rows), state.get("weak", rows), wears])
        reason: IntArray = np.where(flags.any(axis=0), np.argmax(flags, axis=0) + 1, 0)
        return reason

    @classmethod
    def evidence(cls, state: State, row: int) -> dict[str, Any]:
        rows = np.array([row])
        found: dict[str, Any] = {"reason": REASONS[int(cls._reasons(state, rows)[0])]}
        slope, level, system = (float(state[name][row]) for name in ("slope", "ahead", "system"))
        for name, key in (("resting", "rest_value"), ("cranked", "start_value"), ("charged", "charge_value")):
            if np.isfinite(state[name][row]):
                found[key] = round(float(state[name][row]) * system, 3)
        if np.isfinite(slope):
            found["per_month_value"] = round(30 * slope * system, 4)
            if slope < 0:
                found["days_left"] = max(0, round((level - float(state["rest"][row])) / -slope))
        return found
