"""Deviation: consumption differs from what its baseline expects, on a day or over weeks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, ClassVar, Literal

import numpy as np

from rules import bins, local
from rules.contract import UNSEEN, Column, Findings, Kind, NotApplicable, State, Target
from rules.robust import SCALE, centre, push
from rules.waste import How, Waste
from steward.model import Alert, ByteArray, FloatArray, IntArray
from steward.units import DAY, HOUR

DAYS, WEEKS, YEAR = 56, 8, 52
FEW = 8.0
"""A spread of few weeks is taken for larger: by 8 / their number; measured: false alerts
fall from 2.1 to 0.3-0.7 a year against the deviation of the first eight weeks alone."""
FLOOR = 0.005
"""The least spread of a relative residual."""
SLACK, CLIP = 1.0, 4.0
"""A week counts by what it is beyond one spread, at most four."""


class Deviation(Kind, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What was used differs from what the baseline model expects: an odd day, or a slow drift over weeks.

    Fields: `judge`: "day" (default): the relative residual of a day against the last 56 days; "drift": a weekly CUSUM against
    the first eight weeks; `limit`: for days the robust z beyond which a day is odd, for the drift the height of the CUSUM
    (default 4 for both); `hours`: the hours of a day that count (default "07:00-19:00", local time); `learn`: days
    before it speaks (default 28; a drift needs its eight weeks besides); `expected`: how the id of the point with the
    expected values ends (default ".expected": `meter.demand` is compared with `meter.demand.expected`).

    Relative residual: mean of actual over mean of expected within the hours, minus 1. Day: z is its distance from the median of
    the last 56 days in spreads (1.48 MAD, at least 0.005); a day of which less is expected than of the median day counts by
    its share of that, so that a fifth of a quiet Sunday is no news. Drift: weekly means, minus the median of the first
    eight, in spreads (from the differences of one week to the next, which a drift does not widen), clipped to 4, minus 1,
    summed up and down apart; at the limit the alert is stated and the sum starts at 0. Judged when a day (a week) is
    over. A moment without an expected value, and a day with less than half of its hours, is left out. Without a point of
    expected values: not applicable. The alert's value is the relative residual. The baseline must stay frozen for a drift to
    be seen: one that is fitted again learns it.

    Example: `kind = "deviation", match = { point = "*.demand" }, judge = "day"`.
    Source: residual monitoring as tried on vic_electricity (26 of 30 weekday holidays, 10 other days in 1,040); CUSUM of
    Page (1954), k 1, h 4, weekly: 0.3 to 0.7 false alerts a year on 24 synthetic loads, a daily one 6 to 7.
    """

    NAME: ClassVar[str] = "deviation"
    JOINS: ClassVar[bool] = True
    UNIT: ClassVar[str] = "ratio"

    judge: Literal["day", "drift"] = "day"
    limit: float = 4.0
    hours: str = "07:00-19:00"
    learn: int = 28
    expected: str = ".expected"

    def check(self) -> list[tuple[str, str, str]]:
        problems = []
        try:
            local.of_day(self.hours)
        except ValueError as problem:
            problems.append(("hours", str(problem), ""))
        if not 5 <= self.learn <= DAYS:
            problems.append(("learn", f"{self.learn} days", f"5 to {DAYS}"))
        return problems

    def warm_up(self) -> int:
        return self.learn * DAY if self.judge == "day" else (WEEKS + 1) * 7 * DAY

    def look_back(self) -> int:
        return (DAYS + 7) * DAY

    def bind(self, targets: Sequence[Target]) -> list[Target]:
        """Beside each point the one with its expected values; the latter are no targets themselves."""
        known = targets[0].facility.points if targets else {}
        return [
            replace(target, points=(target.point, known.get(target.id + self.expected)), shows=(target.id,))
            for target in targets
            if not target.id.endswith(self.expected)
        ]

    def requires(self, target: Target) -> Sequence[bool]:
        return (True, True)

    def parameters(self, target: Target) -> Mapping[str, float | int | bool]:
        if len(target.points) < 2 or target.points[1] is None:
            raise NotApplicable(f"no expected values: no point {target.id}{self.expected}")
        first, last = local.of_day(self.hours)
        return {
            "local": local.number(target),
            "begins": first,
            "ends": last,
            "drift": self.judge == "drift",
            "beyond": self.limit,
            "learn": self.learn,
        }

    def waste(self, alert: Alert, evidence: Mapping[str, Any], target: Target) -> Waste | None:
        usual = float(evidence.get("usual_percent", 0.0)) / 100
        more = (1 + alert.worst) / (1 + usual) - 1 if usual > -1 else 0.0
        if not more > 0 or target.point.unit not in ("W", "m3/s"):
            return None
        if self.judge == "drift":
            return Waste(How.SHARE, more, lead=max(0, alert.since - int(evidence.get("drifts_since", alert.since))))
        return Waste(How.SHARE, more, lead=DAY, tail=DAY)

    def judged(self, target: Target, start: int, end: int) -> list[tuple[int, int]]:
        number = np.array([local.number(target)])
        first, last = local.of_day(self.hours)
        spans = []
        for at in range(start // DAY * DAY - DAY, end + DAY, DAY):
            middle = at + DAY // 2
            midnight = middle - int(local.shift(number, np.array([middle], np.int64))[0]) % DAY
            span = (max(start, midnight + first), min(end, midnight + last))
            if span[0] < span[1] and span not in spans:
                spans.append(span)
        return spans

    def state(self) -> Mapping[str, Column]:
        return {
            **bins.DAYS,
            "day_expected": Column(np.float64),
            "residuals": Column(np.float64, np.nan, (DAYS,)),
            "levels": Column(np.float64, np.nan, (DAYS,)),
            "count": Column(np.int64),
            "week": Column(np.int64, UNSEEN),
            "week_sum": Column(np.float64),
            "week_days": Column(np.int64),
            "first_weeks": Column(np.float64, np.nan, (WEEKS,)),
            "weeks": Column(np.int64),
            "week_before": Column(np.float64, np.nan),
            "steps": Column(np.float64, np.nan, (YEAR,)),
            "step_count": Column(np.int64),
            "up": Column(np.float64),
            "down": Column(np.float64),
            "up_since": Column(np.int64, UNSEEN),
            "down_since": Column(np.int64, UNSEEN),
            "odd": Column(np.bool_, False),
            "ready": Column(np.bool_, False),
            "shown": Column(np.float64, np.nan),
            "score": Column(np.float64, np.nan),
            "usual": Column(np.float64, np.nan),
            "spread": Column(np.float64, np.nan),
        }

    @classmethod
    def step(cls, state: State, rows: IntArray, at: IntArray, value: FloatArray, quality: ByteArray) -> Findings:
        shifted = local.shift(state.get("local", rows), at)
        day = shifted // DAY
        within = shifted - day * DAY
        before, spent, weight = state.get("day", rows), state.get("day_expected", rows), state.get("day_time", rows)
        over = before != day
        enough = (state.get("ends", rows) - state.get("begins", rows)) / (2 * HOUR)
        told = np.flatnonzero(over & (before != UNSEEN) & (weight >= enough) & (spent > 0))
        if len(told):
            done = rows[told]
            cls._day(state, done, before[told], state["day_sum"][done] / spent[told] - 1.0, spent[told] / weight[told])
        for name in ("day_sum", "day_time", "day_expected"):
            state[name][rows[over]] = 0.0
        state.put("day", rows, day)
        inside = (within >= state.get("begins", rows)) & (within < state.get("ends", rows))
        passed = np.minimum(at - state.get("last_at", rows), state.get("hold", rows)) / HOUR
        weight = np.where(inside & (state.get("last_at", rows) != UNSEEN), passed, 0.0)
        bins.day_add(state, rows, value[:, 0], weight)
        state["day_expected"][rows] += value[:, 1] * weight
        usual, reach = state.get("usual", rows), state.get("beyond", rows) * state.get("spread", rows)
        limit = np.where(state.get("shown", rows) < usual, usual - reach, usual + reach)
        return Findings(state.get("odd", rows), state.get("shown", rows), limit, state.get("ready", rows))

    @classmethod
    def _day(cls, state: State, rows: IntArray, day: IntArray, residual: FloatArray, level: FloatArray) -> None:
        """A day is over: judged against those before, then remembered; its week is judged when a new one begins.

        level: what was expected of an hour. A residual counts by its share of the usual level."""
        drift = state.get("drift", rows)
        levels = state["levels"][rows]
        median = centre(levels)[0]
        usual_level = np.where(np.isnan(median), level, median)
        small = np.minimum(level / usual_level, 1.0)
        usual, spread = centre(state["residuals"][rows] * np.minimum(levels / usual_level[:, None], 1.0))
        usual, spread = usual / small, np.maximum(spread, FLOOR) / small
        ready = state.get("count", rows) >= state.get("learn", rows)
        score = (residual - usual) / spread
        odd = ready & (np.abs(score) > state.get("beyond", rows))
        for name, column in (("odd", odd), ("ready", ready), ("shown", residual), ("score", score), ("usual", usual),
                             ("spread", spread)):  # fmt: skip
            state.put(name, rows, np.where(drift, state.get(name, rows), column))
        state["levels"][rows, state["count"][rows] % DAYS] = level
        push(state["residuals"], state["count"], rows, residual)
        week = (day + 3) // 7
        over = drift & (state.get("week", rows) != week)
        ended = over & (state.get("week_days", rows) >= 4)
        if ended.any():
            done = rows[ended]
            cls._week(state, done, state.get("week", done), state["week_sum"][done] / state["week_days"][done])
        state["week_sum"][rows[over]], state["week_days"][rows[over]] = 0.0, 0
        state.put("week", rows, week)
        state["week_sum"][rows] += residual
        state["week_days"][rows] += 1

    @classmethod
    def _week(cls, state: State, rows: IntArray, week: IntArray, mean: FloatArray) -> None:
        """CUSUM of weekly means; the first weeks only tell what is usual."""
        before = state.get("week_before", rows)
        known = ~np.isnan(before)
        push(state["steps"], state["step_count"], rows[known], (mean - before)[known])
        state.put("week_before", rows, mean)
        learning = state.get("weeks", rows) < WEEKS
        push(state["first_weeks"], state["weeks"], rows[learning], mean[learning])
        rows, week, mean = rows[~learning], week[~learning], mean[~learning]
        usual, _ = centre(state["first_weeks"][rows])
        steps = np.abs(state["steps"][rows])
        number = np.count_nonzero(~np.isnan(steps), axis=1)
        spread = SCALE / np.sqrt(2) * centre(steps)[0] * (1 + FEW / np.maximum(number, 1))
        spread = np.maximum(np.nan_to_num(spread), FLOOR)
        z = np.clip((mean - usual) / spread, -CLIP, CLIP)
        odd = np.zeros(len(rows), np.bool_)
        score = np.zeros(len(rows))
        for name, size in (("up", z), ("down", -z)):
            height = np.maximum(0.0, state.get(name, rows) + size - SLACK)
            since = state.get(f"{name}_since", rows)
            began = (state.get(name, rows) <= 0) & (height > 0)
            reached = height >= state.get("beyond", rows)
            state.put(f"{name}_since", rows, np.where(began, (week * 7 - 3) * DAY, since))
            state.put(name, rows, np.where(reached, 0.0, height))
            odd |= reached
            score = np.where(height > np.abs(score), height if name == "up" else -height, score)
        for name, column in (("odd", odd), ("ready", np.ones(len(rows), np.bool_)), ("shown", mean), ("score", score),
                             ("usual", usual), ("spread", spread)):  # fmt: skip
            state.put(name, rows, column)

    @classmethod
    def evidence(cls, state: State, row: int) -> dict[str, Any]:
        usual, reach = float(state["usual"][row]), float(state["beyond"][row]) * float(state["spread"][row])
        found: dict[str, Any] = {
            "expected_low": usual - reach,
            "expected_high": usual + reach,
            "deviation_percent": round(100 * float(state["shown"][row]), 1),
            "usual_percent": round(100 * float(state["usual"][row]), 1),
            "score": round(float(state["score"][row]), 1),
        }
        if state["drift"][row]:
            since = int(state["up_since" if state["score"][row] > 0 else "down_since"][row])
            found["drifts_since"] = since
        return found
