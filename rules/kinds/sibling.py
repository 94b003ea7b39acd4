"""Sibling: a sensor drifts away from its like."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, ClassVar, Literal

import numpy as np

from rules.contract import UNSEEN, Column, Findings, Kind, NotApplicable, State, Target
from rules.quantity import Duration, Limit
from steward.model import ByteArray, FloatArray, IntArray, Point
from steward.units import DAY

MOST = 15
"""Siblings that one point is compared with."""
CLIP = 3.0
"""A single difference moves the slow mean as if it were at most this many limits away."""


class Sibling(Kind, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A value walks away from those of its like: a redundant sensor, or the median of several that measure alike.

    Fields: `drift`: the difference that is too much ("1.5K", needed); `among`: who is alike: of the points that `match`
    names, those of the same metric and role in the same "equip", "space" (default) or "site"; `window`: time constant of
    the slow mean of the difference (default "1d"); `own`: true (default) takes the difference of the first `learn` as
    normal (a sunny room), false judges the difference itself (two sensors in one duct); `learn`: (default "7d").

    Of each point the difference to the median of its siblings is averaged slowly, exponentially in time, so that what passes
    does not count; single differences are clipped to three limits. Of a pair only the first is judged: nobody can tell
    which of two is wrong. At most 15 siblings are compared, stale ones left out; at the moment of the point's own
    sample their last values hold. A point without a sibling: not applicable. The alert's value is the point's own, its limit
    what the siblings let expect. Warm-up: `window`, with `own` also `learn`.

    Example: `kind = "sibling", match = { metric = "temperature", role = "room_temperature" }, drift = "2K", among = "site"`.
    Source: redundancy checks of ISO 17359 and open-fdd's sensor comparison; a day: room sensors differ by the sun for hours.
    """

    NAME: ClassVar[str] = "sibling"
    JOINS: ClassVar[bool] = True

    drift: Limit
    among: Literal["equip", "space", "site"] = "space"
    window: Duration = Duration(DAY)
    own: bool = True
    learn: Duration = Duration(7 * DAY)

    def check(self) -> list[tuple[str, str, str]]:
        return [] if self.window > 0 else [("window", "no time", "a duration above 0")]

    def warm_up(self) -> int:
        return self.window + (self.learn if self.own else 0)

    def look_back(self) -> int:
        return 2 * self.warm_up()

    def bind(self, targets: Sequence[Target]) -> list[Target]:
        """Beside each point its siblings, nearest in the facility's order; of a pair the first alone is judged."""
        groups: dict[tuple[str, str, str], list[Point]] = {}
        for target in targets:
            groups.setdefault(self._place(target.point, target), []).append(target.point)
        joined = []
        for target in targets:
            group = groups[self._place(target.point, target)]
            others = [point for point in group if point.id != target.id][:MOST]
            if len(group) == 2 and group[0].id != target.id:
                continue
            joined.append(replace(target, points=(target.point, *others), shows=(target.id,)))
        return joined

    def _place(self, point: Point, target: Target) -> tuple[str, str, str]:
        equip = target.facility.equips.get(point.equip)
        space = point.space or (equip.space if equip else "")
        where = {"equip": point.equip, "space": space, "site": point.site}[self.among]
        return where or f"only {point.id}", point.metric, point.role

    def parameters(self, target: Target) -> Mapping[str, float | int | bool]:
        drift = self.drift.difference(target.point.unit)
        if drift <= 0:
            raise ValueError(f"drift {self.drift} is not above 0")
        if len(target.points) < 2:
            raise NotApplicable(f"no sibling of metric {target.point.metric} in the same {self.among}")
        learn, warm = int(self.learn), int(self.warm_up())
        return {"drift": drift, "tau": float(self.window), "own": self.own, "learn": learn, "warm": warm}

    def state(self) -> Mapping[str, Column]:
        return {
            "first_at": Column(np.int64, UNSEEN),
            "away": Column(np.float64),
            "weight": Column(np.float64),
            "usual": Column(np.float64),
            "expected": Column(np.float64, np.nan),
            "siblings": Column(np.int64),
        }

    @classmethod
    def step(cls, state: State, rows: IntArray, at: IntArray, value: FloatArray, quality: ByteArray) -> Findings:
        others = np.sort(value[:, 1:], axis=1)
        number = np.count_nonzero(~np.isnan(others), axis=1)
        every = np.arange(len(rows))
        low, high = others[every, np.maximum(number - 1, 0) // 2], others[every, np.minimum(number // 2, others.shape[1] - 1)]
        median, some = (low + high) / 2, number > 0
        first = state.get("first_at", rows)
        first = np.where((first == UNSEEN) & some, at, first)
        age = np.where(first == UNSEEN, 0, at - first)
        passed = np.minimum(at - state.get("last_at", rows), state.get("hold", rows)).astype(np.float64)
        passed = np.where(state.get("last_at", rows) == UNSEEN, 1.0, passed)
        gain = -np.expm1(-passed / state.get("tau", rows)) * some
        away, weight, drift = state.get("away", rows), state.get("weight", rows), state.get("drift", rows)
        usual = state.get("usual", rows)
        difference = np.where(some, value[:, 0] - median, 0.0)
        bound = np.where(weight > 0.5, CLIP * drift, np.inf)
        mean = away / np.maximum(weight, 1e-12)
        away = away * (1 - gain) + gain * np.clip(difference, mean - bound, mean + bound)
        weight = weight * (1 - gain) + gain
        mean = away / np.maximum(weight, 1e-12)
        own = state.get("own", rows)
        usual = np.where(own & (age <= state.get("learn", rows)), mean, usual)
        expected = np.where(some, median + usual, np.nan)
        for name, column in (("first_at", first), ("away", away), ("weight", weight), ("usual", usual), ("expected", expected),
                             ("siblings", number)):  # fmt: skip
            state.put(name, rows, column)
        apart = mean - usual
        true = np.abs(apart) > drift * (1 + 1e-9)
        limit = expected + np.sign(apart) * drift
        return Findings(true, value[:, 0], limit, some & (age >= state.get("warm", rows)))

    @classmethod
    def evidence(cls, state: State, row: int) -> dict[str, Any]:
        mean = float(state["away"][row]) / max(float(state["weight"][row]), 1e-12)
        expected, drift = float(state["expected"][row]), float(state["drift"][row])
        return {
            "expected_value": expected,
            "expected_low": expected - drift,
            "expected_high": expected + drift,
            "drift": round(mean - float(state["usual"][row]), 3),
            "siblings": int(state["siblings"][row]),
        }
