"""Level: the daily mean has moved to another level and stays there."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar, Literal

import numpy as np

from rules import bins, local
from rules.contract import UNSEEN, Column, Findings, Kind, NotApplicable, State, Target
from rules.quantity import Limit
from rules.robust import SCALE
from rules.waste import How, Waste
from steward.model import Alert, ByteArray, FloatArray, IntArray, Nature
from steward.units import DAY, HOUR

RECENT, WEEKS = 7, 4
KEPT = RECENT * (WEEKS + 1)
AGREE = 6
"""So many of the last seven days must have moved the same way."""


class Level(Kind, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The last seven days lie on another level than the four weeks before: a step in consumption that lasts.

    Fields: `share`: by which share of the level before the days must have moved (default "20%"); `z`: and by how many
    spreads (default 3); `at_least`: and by which difference ("2kW", default 0); `direction`: "both" (default), "up", "down".

    Each of the last seven daily means is compared with the median of the same weekday of the four weeks before; the step is
    the median of the differences, and six of the seven must have moved the same way. The spread is 1.48 times the median
    deviation of the days before from their weekday. Holidays and make-up workdays are left out; a day counts when half of
    its hours are known; at least five days of the seven and two weeks before must be there. Judged when a day is over; the
    condition ends by itself when the new level has become the one before. Gauges only. The alert's value is the median of the
    last seven days, its limit the edge of the band around the level before. Warm-up: 21 days.

    Example: `kind = "level", match = { metric = "power", equip_type = "switchboard" }, at_least = "2kW"`.
    Source: two-window test on medians (robust form of Page's change detection); whole weeks, so that weekdays cancel; a
    daily CUSUM gave 6 to 7 false alerts a year on autocorrelated days.
    """

    NAME: ClassVar[str] = "level"

    share: Limit = Limit("20%")
    z: float = 3.0
    at_least: Limit = Limit("0")
    direction: Literal["both", "up", "down"] = "both"

    def warm_up(self) -> int:
        return 21 * DAY

    def look_back(self) -> int:
        return (KEPT + 1) * DAY

    def parameters(self, target: Target) -> Mapping[str, float | int | bool]:
        point = target.point
        if point.nature is not Nature.GAUGE:
            raise NotApplicable("a level is of a gauge; of a register take its derived power or flow")
        return {
            "width": HOUR,
            "local": local.number(target),
            "share": self.share.value("ratio"),
            "z": self.z,
            "at_least": self.at_least.difference(point.unit),
            "up": self.direction != "down",
            "down": self.direction != "up",
        }

    def waste(self, alert: Alert, evidence: Mapping[str, Any], target: Target) -> Waste | None:
        step = float(evidence.get("step_value", 0.0))
        return Waste(How.RATE, step, lead=RECENT * DAY) if step > 0 and target.point.unit in ("W", "m3/s") else None

    def state(self) -> Mapping[str, Column]:
        return {
            **bins.COLUMNS,
            **bins.DAYS,
            "days": Column(np.float64, np.nan, (KEPT,)),
            "newest": Column(np.int64, UNSEEN),
            "moved": Column(np.bool_, False),
            "ready": Column(np.bool_, False),
            "shown": Column(np.float64, np.nan),
            "expected": Column(np.float64, np.nan),
            "limit": Column(np.float64, np.nan),
            "step": Column(np.float64, np.nan),
        }

    @classmethod
    def step(cls, state: State, rows: IntArray, at: IntArray, value: FloatArray, quality: ByteArray) -> Findings:
        for closed in bins.collect(state, rows, at, value):
            whole = closed.share >= 0.5
            here, mean = rows[closed.where[whole]], closed.mean[whole]
            if not len(here):
                continue
            numbers = state.get("local", here)
            day = local.shift(numbers, closed.start[whole]) // DAY
            told, ended, level = bins.day_over(state, here, day, 12)
            if len(told):
                cls._day(state, here[told], ended, level, local.kind(numbers[told], ended))
            bins.day_add(state, here, mean)
        return Findings(state.get("moved", rows), state.get("shown", rows), state.get("limit", rows), state.get("ready", rows))

    @classmethod
    def _day(cls, state: State, rows: IntArray, day: IntArray, mean: FloatArray, kind: IntArray) -> None:
        """Puts a day to the front of the memory (days that are missing stay empty) and compares."""
        plain = kind == (day + 3) % 7
        newest = state.get("newest", rows)
        gap = np.where(newest == UNSEEN, KEPT, np.clip(day - newest, 1, KEPT))
        place = np.arange(KEPT)[None, :] - gap[:, None]
        old = state["days"][rows]
        days = np.where(place >= 0, np.take_along_axis(old, np.maximum(place, 0), axis=1), np.nan)
        days[:, 0] = np.where(plain, mean, np.nan)
        state["days"][rows] = days
        state.put("newest", rows, day)
        cls._compare(state, rows, days)

    @classmethod
    def _compare(cls, state: State, rows: IntArray, days: FloatArray) -> None:
        recent, before = days[:, :RECENT], days[:, RECENT:].reshape(len(days), WEEKS, RECENT)
        weekday = _median(before, 1)
        steps = recent - weekday
        step = _median(steps, 1)
        same = np.count_nonzero(np.sign(steps) == np.sign(step)[:, None], axis=1)
        spread = SCALE * _median(np.abs(before - weekday[:, None, :]).reshape(len(days), -1), 1)
        level = _median(before.reshape(len(days), -1), 1)
        known = np.count_nonzero(~np.isnan(steps), axis=1)
        ready = (known >= 5) & (np.count_nonzero(~np.isnan(before), axis=(1, 2)) >= 2 * RECENT - 2)
        band = np.maximum(state.get("share", rows) * np.abs(level), state.get("z", rows) * spread)
        band = np.maximum(band, state.get("at_least", rows))
        allowed = np.where(step > 0, state.get("up", rows), state.get("down", rows))
        moved = ready & allowed & (np.abs(step) > band) & (same >= np.minimum(AGREE, known))
        shown = level + step
        limit = np.where(step < 0, level - band, level + band)
        for name, column in (("moved", moved), ("ready", ready), ("shown", shown), ("expected", level), ("limit", limit),
                             ("step", step)):  # fmt: skip
            state.put(name, rows, column)

    @classmethod
    def evidence(cls, state: State, row: int) -> dict[str, Any]:
        expected, step = float(state["expected"][row]), float(state["step"][row])
        reach = abs(float(state["limit"][row]) - expected)
        return {
            "expected_value": expected,
            "expected_low": expected - reach,
            "expected_high": expected + reach,
            "step_value": step,
            "step_percent": round(100 * step / expected) if expected and np.isfinite(step / expected) else None,
        }


def _median(values: FloatArray, axis: int) -> FloatArray:
    """Median without NaN along an axis; NaN, and no warning, where there is nothing."""
    ordered = np.sort(values, axis=axis)
    number = np.count_nonzero(~np.isnan(values), axis=axis)
    low, high = np.expand_dims(np.maximum(number - 1, 0) // 2, axis), np.expand_dims(number // 2, axis)
    high = np.minimum(high, values.shape[axis] - 1)
    both = np.take_along_axis(ordered, low, axis) + np.take_along_axis(ordered, high, axis)
    middle: FloatArray = np.squeeze(both, axis) / 2.0
    return middle
