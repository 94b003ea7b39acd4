"""Tyre: a tyre loses pressure against the other tyres of its vehicle, or is below a limit."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, ClassVar

import numpy as np

from rules.contract import UNSEEN, Column, Findings, Kind, NotApplicable, State, Target
from rules.joining import of_equip
from rules.quantity import Duration, Limit
from steward.model import ByteArray, FloatArray, IntArray
from steward.units import DAY, HOUR, MINUTE

MOST = 7
"""Other tyres that one is compared with."""
SMOOTH = 10 * MINUTE
"""Time constant of the ratio: other tyres' values are of the message before, while all four are warming up."""
INFLATED = 0.04
"""A ratio this far above its normal: the tyre was inflated, its normal is learned anew."""
ATMOSPHERE = 101_325.0


class Tyre(Kind, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A tyre loses pressure against the others of its vehicle: a nail or a valve; or its pressure is below a limit.

    Fields: `loss`: how much lower than the others let expect ("8%", default; over at half of it); `below`: a lowest
    pressure that does not need the others ("180kPa"; default none); `deadband`: how far it must come back above that
    ("10kPa", default); `learn`: time in which the tyre's usual ratio to the others is learned ("1d", default): axles are
    filled differently.

    `match` names the pressures (metric tyre_pressure); each tyre is compared with the median of the others of its equip,
    at absolute pressure, so that driving, sun and frost, which warm and cool them together, cancel. The ratio is smoothed
    over ten minutes. A tyre that was inflated (4 % above its usual ratio) is learned anew; a loss is never learned. With
    fewer than two others that speak nothing is compared, `below` is judged all the same; a vehicle with fewer than three
    tyres: not applicable without `below`. The alert's value is the pressure, its limit the one that was passed; the
    evidence tells the loss, its speed and when `below` will be reached. Warm-up: `learn`.

    Example: `kind = "tyre", match = { metric = "tyre_pressure" }, loss = "8%", below = "180kPa", for = "10m"`.
    Source: GB 26149 and FMVSS 138 warn at 25 % below the recommended pressure, too late for a slow leak; 8 %: above the
    spread of a sunny side and of sensors (1 to 2 %), about 20 kPa of a car's tyre.
    """

    NAME: ClassVar[str] = "tyre"
    JOINS: ClassVar[bool] = True

    loss: Limit = Limit("8%")
    below: Limit | None = None
    deadband: Limit = Limit("10kPa")
    learn: Duration = Duration(DAY)

    def check(self) -> list[tuple[str, str, str]]:
        try:
            if not 0 < self.loss.value("ratio") < 1:
                return [("loss", f"{self.loss}", "a share between 0 and 100%")]
        except ValueError as problem:
            return [("loss", str(problem), "a share, for example 8%")]
        return []

    def warm_up(self) -> int:
        return self.learn

    def look_back(self) -> int:
        return 2 * self.learn

    def bind(self, targets: Sequence[Target]) -> list[Target]:
        joined = []
        for target in targets:
            near = of_equip(target.facility, target.equip)
            others = [point for point in near if point.metric == target.point.metric and point.id != target.id][:MOST]
            joined.append(replace(target, points=(target.point, *others), shows=(target.id,)))
        return joined

    def waits(self, target: Target) -> Sequence[bool]:
        return [True] * len(target.points)

    def parameters(self, target: Target) -> Mapping[str, float | int | bool]:
        unit = target.point.unit
        below = -np.inf if self.below is None else self.below.value(unit)
        band = self.deadband.difference(unit)
        if len(target.points) < 3 and self.below is None:
            raise NotApplicable("fewer than two other tyres to compare with")
        return {"loss": self.loss.value("ratio"), "below": below, "band": band, "learn": int(self.learn)}

    def state(self) -> Mapping[str, Column]:
        return {
            "ratio": Column(np.float64, np.nan),
            "normal": Column(np.float64, np.nan),
            "learned": Column(np.float64),
            "count": Column(np.int64),
            "learn_at": Column(np.int64, UNSEEN),
            "low": Column(np.bool_, False),
            "leaks": Column(np.bool_, False),
            "whole_at": Column(np.int64, UNSEEN),
            "seen_at": Column(np.int64, UNSEEN),
            "own": Column(np.float64, np.nan),
            "others": Column(np.float64, np.nan),
        }

    @classmethod
    def step(cls, state: State, rows: IntArray, at: IntArray, value: FloatArray, quality: ByteArray) -> Findings:
        own, others = value[:, 0], value[:, 1:]
        enough = np.count_nonzero(~np.isnan(others), axis=1) >= 2
        typical = np.full(len(rows), np.nan)
        if enough.any():
            typical[enough] = np.nanmedian(others[enough], axis=1)
        ratio = cls._smooth(state, rows, at, (own + ATMOSPHERE) / (typical + ATMOSPHERE))
        normal = cls._normal(state, rows, at, ratio)
        expected = normal * (typical + ATMOSPHERE) - ATMOSPHERE
        lost = 1.0 - (ratio * (typical + ATMOSPHERE) - ATMOSPHERE) / np.where(expected > 0, expected, np.nan)
        compared = ~np.isnan(lost)
        share = state.get("loss", rows)
        leaks = np.where(compared, lost > np.where(state.get("leaks", rows), share / 2, share), state.get("leaks", rows))
        below = state.get("below", rows)
        low = own < np.where(state.get("low", rows), below + state.get("band", rows), below)
        whole = compared & (lost < share / 4)
        for name, column in (("leaks", leaks), ("low", low), ("own", own), ("others", typical), ("seen_at", at),
                             ("whole_at", np.where(whole, at, state.get("whole_at", rows)))):  # fmt: skip
            state.put(name, rows, column)
        limit = np.where(low, below, expected * (1.0 - share))
        return Findings(low | leaks, own, limit, known=compared | low | (below > -np.inf))

    @classmethod
    def _smooth(cls, state: State, rows: IntArray, at: IntArray, ratio: FloatArray) -> FloatArray:
        """The ratio, averaged exponentially in time; NaN where it is not known now."""
        held = state.get("ratio", rows)
        weight = 1.0 - np.exp(-np.minimum(at - state.get("seen_at", rows), HOUR) / SMOOTH)
        smooth = np.where(np.isnan(held), ratio, held + weight * (ratio - held))
        state.put("ratio", rows, np.where(np.isnan(smooth), held, smooth))
        found: FloatArray = smooth
        return found

    @classmethod
    def _normal(cls, state: State, rows: IntArray, at: IntArray, ratio: FloatArray) -> FloatArray:
        """The usual ratio: mean of the first `learn`, then fixed; NaN while it is being learned."""
        begun, normal = state.get("learn_at", rows), state.get("normal", rows)
        known = ~np.isnan(ratio)
        inflated = known & (ratio > normal * (1.0 + INFLATED))
        start = known & ((begun == UNSEEN) | inflated)
        learned = np.where(start, 0.0, state.get("learned", rows)) + np.nan_to_num(ratio)
        count = np.where(start, 0, state.get("count", rows)) + known
        begun = np.where(start, at, begun)
        ready = known & (at - begun >= state.get("learn", rows))
        normal = np.where(inflated, np.nan, normal)
        normal = np.where(np.isnan(normal) & ready, learned / np.maximum(count, 1), normal)
        for name, column in (("learned", learned), ("count", count), ("learn_at", begun), ("normal", normal)):
            state.put(name, rows, column)
        found: FloatArray = normal
        return found

    @classmethod
    def evidence(cls, state: State, row: int) -> dict[str, Any]:
        own, others, normal = (float(state[name][row]) for name in ("own", "others", "normal"))
        expected = normal * (others + ATMOSPHERE) - ATMOSPHERE
        found: dict[str, Any] = {"reason": "pressure low" if state["low"][row] else "loses against the others"}
        if not np.isfinite(expected):
            return found
        found |= {"expected_value": round(expected), "others_value": round(others)}
        found["lost_percent"] = round(100 * (1 - own / expected), 1) if expected > 0 else None
        whole, seen = int(state["whole_at"][row]), int(state["seen_at"][row])
        if whole != UNSEEN and seen > whole and expected > own:
            found["whole_at"] = whole
            speed = (expected - own) / ((seen - whole) / HOUR)
            found["kpa_per_day"] = round(speed * 24 / 1e3, 1)
            if np.isfinite(state["below"][row]) and own > state["below"][row]:
                found["hours_left"] = round((own - float(state["below"][row])) / speed)
        return found
