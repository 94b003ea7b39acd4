"""Cycles: a machine's runs have become longer or cost more energy than its own used to."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar, Literal

import numpy as np

from rules import local
from rules.contract import UNSEEN, Column, Findings, Kind, NotApplicable, State, Target
from rules.machines import runs
from rules.machines.runs import FEATURES, TIMES
from rules.quantity import Limit
from rules.robust import SCALE, push
from steward.model import BoolArray, ByteArray, FloatArray, IntArray, Nature
from steward.units import DAY, MINUTE

KEPT, EVERY, DELAY = 60, 4, 4
"""Days remembered; under an alert only every fourth is learned; a day is learned when it is so many days old."""
CHOSEN = 3
"""The features with the smallest spread are the machine's most repeatable behaviour: only these are judged."""
FLOOR, PART_SD = 0.025, 0.4
"""The least spread; share of the standard deviation that a spread is at least (else 1.48 MAD)."""
BLUR = 0.3
"""By so much of a sampling interval the length of a run is blurred."""
SLACK, CLIP, MOST = 0.75, 1.5, 3.0
"""CUSUM over days: what is allowed a day, the most that a day counts, the ceiling."""
LIMITS = {"persistent": 1.5, "day": 3.0}


class Cycles(Kind, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A machine that starts and stops runs longer at a time, or takes more energy, than it used to: a wearing compressor, a
    furred heater, a clogged filter, a leaking door.

    Fields: `judge`: "persistent" (default): several days together, the alert to send; "day": a single day, a hint; `limit`: the
    height of the CUSUM (default 1.5: three odd days at least), or the z of a day (default 3); `at_least`: the least span
    between off and on ("50W", default 10 W); `learn`: days with runs before it speaks (default 7, better 14).

    On and off are found from power alone: two running means, so nothing is set per machine, ten times the power gives the
    same runs, a signal that hardly varies gives none, and a machine that was off for weeks keeps its levels. Of each local day
    twelve features are taken, as logarithms: length and energy of runs above half power (mean, median, longest, shortest;
    energy mean and largest) and of any activity (length mean, median; energy mean and largest; time in all, duty). Of these the
    three that vary least from day to day are judged, upwards only: z is what a feature has above the median of the last 60
    days in spreads (1.48 MAD, at least 0.4 standard deviations and 2.5 %, and the blur of the sampling). Persistent: z, at
    most 1.5, less 0.75, is summed over days. A day is learned four days later, under an
    alert only every fourth.

    A gauge of power at five minutes or faster. A day without runs says nothing, nor does that on which the two levels were
    found; of a day half must be known; a run over a gap is lost. Judged when a day is over, the verdict stands until the
    next. The alert's value is what the feature has beyond its usual as a share; evidence names the feature, its value and
    usual, since when, and the energy that it costs a day. Warm-up: `learn` days with runs.

    Example: `kind = "cycles", match = { equip_type = ["fridge", "compressor"], metric = "power" }`.
    Source: online two-level clustering and CUSUM of Page (1954); constants from five appliances with injected malfunctions
    (34 kinds), learning on six days, see the benchmarks.
    """

    NAME: ClassVar[str] = "cycles"
    UNIT: ClassVar[str] = "ratio"

    judge: Literal["persistent", "day"] = "persistent"
    limit: float | None = None
    at_least: Limit = Limit("10W")
    learn: int = 7

    def check(self) -> list[tuple[str, str, str]]:
        problems = []
        if not 3 <= self.learn <= KEPT:
            problems.append(("learn", f"{self.learn} days", f"3 to {KEPT}"))
        if self.limit is not None and not 0 < self.limit < (MOST if self.judge == "persistent" else 100):
            problems.append(("limit", f"{self.limit}", f"above 0, below {MOST:g} for persistent faults"))
        return problems

    def warm_up(self) -> int:
        return (self.learn + 1) * DAY

    def look_back(self) -> int:
        return max(self.learn + 1, 28) * DAY

    def parameters(self, target: Target) -> Mapping[str, float | int | bool]:
        point = target.point
        if point.nature is not Nature.GAUGE or point.unit != "W":
            raise NotApplicable("runs are found in a gauge of power")
        if point.interval > 5 * MINUTE:
            raise NotApplicable("a sample each five minutes at least is needed to see runs")
        return {
            "local": local.number(target),
            "at_least": self.at_least.difference("W"),
            "learn": self.learn,
            "daily": self.judge == "day",
            "beyond": LIMITS[self.judge] if self.limit is None else self.limit,
            "blur": BLUR * max(point.interval, MINUTE) / 1e9,
        }

    def state(self) -> Mapping[str, Column]:
        size = len(FEATURES)
        return {
            **runs.COLUMNS,
            "day": Column(np.int64, UNSEEN),
            "days": Column(np.float64, np.nan, (KEPT * size,)),
            "count": Column(np.int64),
            "sums": Column(np.float64, 0.0, (size,)),
            "sums_since": Column(np.int64, UNSEEN, (size,)),
            "careful": Column(np.int64),
            "waiting": Column(np.float64, np.nan, (DELAY * size,)),
            "queued": Column(np.int64),
            "true": Column(np.bool_, False),
            "ready": Column(np.bool_, False),
            "feature": Column(np.int64),
            "shown": Column(np.float64),
            "usual": Column(np.float64, np.nan),
            "band": Column(np.float64, np.nan),
            "since": Column(np.int64, UNSEEN),
            "day_energy": Column(np.float64),
        }

    @classmethod
    def step(cls, state: State, rows: IntArray, at: IntArray, value: FloatArray, quality: ByteArray) -> Findings:
        day = local.shift(state.get("local", rows), at) // DAY
        before = state.get("day", rows)
        over = before != day
        if over.any():
            turned = rows[over]
            told = (before[over] != UNSEEN) & runs.usable(state, turned)
            told &= state["settled"][turned]
            if told.any():
                cls._day(state, turned[told], at[over][told])
            runs.clear(state, turned)
            state["day"][turned] = day[over]
            state["settled"][turned] = state["two"][turned]
        runs.fold(state, rows, at, value)
        shown, band = state.get("shown", rows), state.get("band", rows)
        return Findings(state.get("true", rows), shown, band, state.get("ready", rows))

    @classmethod
    def _day(cls, state: State, rows: IntArray, at: IntArray) -> None:
        """A day is over: judged where it had runs, then learned."""
        found = runs.features(state, rows)
        some = ~np.isnan(found).all(axis=1)
        rows, found, at = rows[some], found[some], at[some]
        if not len(rows):
            return
        usual, spread = cls._history(state, rows)
        ready = state["count"][rows] >= state["learn"][rows]
        chosen = cls._choose(np.where(np.isnan(found), np.nan, spread)) & ready[:, None]
        z = np.where(chosen, (found - usual) / spread, 0.0)
        sums, since = state["sums"][rows], state["sums_since"][rows]
        every = np.nan_to_num(np.where(ready[:, None], (found - usual) / spread, 0.0))
        grown = np.where(chosen, np.clip(sums + np.clip(every, -CLIP, CLIP) - SLACK, 0.0, MOST), 0.0)
        since = np.where((sums <= 0) & (grown > 0), (at - DAY)[:, None], since)
        state["sums"][rows], state["sums_since"][rows] = grown, since
        height = np.where(chosen, np.where(state["daily"][rows][:, None], z, grown), -np.inf)
        cls._verdict(state, rows, found, usual, spread, height, since, ready)
        cls._learn(state, rows, found, ready)

    @classmethod
    def _learn(cls, state: State, rows: IntArray, found: FloatArray, ready: BoolArray) -> None:
        """Learns a day; once ready only when it is four days old, so that a fault is stated before it is usual, and all days
        alike: learning only the good ones would make all others odd. Under an alert only every fourth."""
        size = len(FEATURES)
        ring = state["days"].reshape(-1, KEPT, size)
        waiting = state["waiting"].reshape(-1, DELAY, size)
        place = state["queued"][rows] % DELAY
        aged = waiting[rows, place]
        careful = np.where(state["true"][rows], state["careful"][rows] + 1, 0)
        state["careful"][rows] = careful
        learned = ready & (state["queued"][rows] >= DELAY) & (careful % EVERY == 0)
        push(ring, state["count"], rows[learned], aged[learned])
        push(ring, state["count"], rows[~ready], found[~ready])
        queued = rows[ready]
        waiting[queued, place[ready]] = found[ready]
        state["queued"][queued] += 1

    @classmethod
    def _verdict(
        cls, state: State, rows: IntArray, found: FloatArray, usual: FloatArray, spread: FloatArray, height: FloatArray,
        since: IntArray, ready: BoolArray,
    ) -> None:  # fmt: skip
        """The feature that stands out most, and whether it is beyond the limit."""
        best = height.argmax(axis=1)
        place = np.arange(len(rows))
        more, width = (found - usual)[place, best], spread[place, best]
        told = ready & np.isfinite(more)
        true = told & (height[place, best] > state["beyond"][rows])
        edge = np.where(state["daily"][rows], state["beyond"][rows], SLACK)
        state["true"][rows], state["ready"][rows] = true, ready
        state["feature"][rows] = best
        state["shown"][rows] = np.where(told, np.expm1(np.where(told, more, 0.0)), 0.0)
        state["usual"][rows] = np.where(told, usual[place, best], np.nan)
        state["band"][rows] = np.where(told, np.expm1(np.where(told, edge * width, 0.0)), np.nan)
        state["since"][rows] = np.where(state["daily"][rows], state["last_at"][rows] // DAY * DAY, since[place, best])
        state["day_energy"][rows] = state["energy_sum"][rows, 1]

    @classmethod
    def _history(cls, state: State, rows: IntArray) -> tuple[FloatArray, FloatArray]:
        """Median and spread of each feature over the days learned, [rows, features]."""
        days = state["days"][rows].reshape(len(rows), KEPT, len(FEATURES))
        number = np.count_nonzero(~np.isnan(days), axis=1)
        usual = _median(days)
        mad = SCALE * _median(np.abs(days - usual[:, None, :]))
        some = np.maximum(number, 1)
        mean = np.nansum(days, axis=1) / some
        square = np.nansum((days - mean[:, None, :]) ** 2, axis=1) / np.maximum(some - 1, 1)
        spread = np.maximum(mad, PART_SD * np.sqrt(square)) ** 2 + FLOOR**2
        for feature in TIMES:
            length = np.exp(np.nan_to_num(usual[:, feature]))
            spread[:, feature] += (state["blur"][rows] / length) ** 2
        few = number < np.minimum(state["learn"][rows], 3)[:, None]
        return usual, np.where(few, np.nan, np.sqrt(spread))

    @classmethod
    def _choose(cls, spread: FloatArray) -> BoolArray:
        """The features with the smallest spreads."""
        order = np.argsort(np.where(np.isnan(spread), np.inf, spread), axis=1, kind="stable")[:, :CHOSEN]
        chosen = np.zeros(spread.shape, np.bool_)
        np.put_along_axis(chosen, order, True, axis=1)
        return chosen & ~np.isnan(spread)

    @classmethod
    def evidence(cls, state: State, row: int) -> dict[str, Any]:
        name = FEATURES[int(state["feature"][row])]
        share, usual = float(state["shown"][row]), float(state["usual"][row])
        since = int(state["since"][row])
        known = not np.isnan(usual)
        normal = float(np.exp(usual)) if known else 0.0
        unit, scale = (
            ("kwh", 3.6e6) if name.endswith("energy") else ("percent", 0.01) if name.endswith("duty") else ("minutes", 60.0)
        )
        extra = float(state["day_energy"][row]) * share / (1.0 + share) / 3.6e6
        return {
            "feature": name,
            "more_percent": round(100 * share),
            f"now_{unit}": round(normal * (1 + share) / scale, 3),
            f"usual_{unit}": round(normal / scale, 3),
            "now": _said(normal * (1 + share) / scale, unit),
            "usual": _said(normal / scale, unit),
            "worse_since": since if since > UNSEEN else None,
            "extra_kwh_per_day": round(max(extra, 0.0), 3),
            "off_value_w": round(float(np.nan_to_num(state["lower"][row])), 1),
            "on_value_w": round(float(np.nan_to_num(state["upper"][row])), 1),
        }


def _said(value: float, unit: str) -> str:
    """A value with its unit, for texts."""
    return f"{value:.3g} {({'kwh': 'kWh', 'minutes': 'min', 'percent': '%'})[unit]}"


def _median(values: FloatArray) -> FloatArray:
    """Median over the days of [rows, days, features], NaN left out."""
    ordered = np.sort(values, axis=1)
    number = np.count_nonzero(~np.isnan(ordered), axis=1)
    low, high = np.maximum(number - 1, 0) // 2, np.minimum(number // 2, ordered.shape[1] - 1)
    first = np.take_along_axis(ordered, low[:, None, :], axis=1)
    second = np.take_along_axis(ordered, high[:, None, :], axis=1)
    middle: FloatArray = (first[:, 0] + second[:, 0]) / 2.0
    return middle
