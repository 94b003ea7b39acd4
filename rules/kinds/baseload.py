"""Baseload: the least load of a night is above what the nights usually are."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar, Literal

import numpy as np

from rules import bins, local
from rules.contract import UNSEEN, Column, Findings, Kind, NotApplicable, State, Target
from rules.quantity import Limit
from rules.robust import centre, push
from rules.waste import How, Waste
from steward.model import Alert, BoolArray, ByteArray, FloatArray, IntArray, Nature
from steward.units import DAY, HOUR

KEPT = 28
"""Nights remembered of each type of day: four weeks of working days and more; the memory follows the season."""
EVERY = 4
"""While nights are too high only every fourth is learned: a lasting waste becomes normal in months, not days."""


class Baseload(Kind, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The baseload of a night (or of a closed day) is above that of the nights before: something was left on.

    Fields: `hours`: the hours of least use (default "00:00-05:00", local time); `days`: "all" (default), "work" or "rest":
    which days are judged, a holiday is a rest day; `share`: by which share of the usual one it must be higher (default
    "20%"); `z`: and by how many spreads (default 4); `at_least`: and by which difference ("1kW", default 0); `learn`: nights
    of the same type of day before it speaks (default 8).

    The baseload is the lowest hourly mean within `hours`, of which at least half must be known. Usual is the median of the
    last 28 such nights, of working days and of rest days apart; the spread is 1.48 MAD. Nights that are too high are learned
    only every fourth time. A night is judged when its hours are over, the verdict stands until the next one. Gauges
    only: power, flow. The alert's value is the night's baseload, its limit the highest that would have been usual.
    Warm-up: `learn` nights of a type of day.

    Example: `kind = "baseload", match = { metric = "power", equip_type = "switchboard" }, at_least = "1kW"`.
    Source: lowest quantiles of the night as in the baseload measures of LBNL's and Buildings Alive's load analyses; memory,
    spread and learning as for the leak rule (28 accepted daily minima, every fourth during an episode).
    """

    NAME: ClassVar[str] = "baseload"

    hours: str = "00:00-05:00"
    days: Literal["all", "work", "rest"] = "all"
    share: Limit = Limit("20%")
    z: float = 4.0
    at_least: Limit = Limit("0")
    learn: int = 8

    def check(self) -> list[tuple[str, str, str]]:
        problems = []
        try:
            first, last = local.of_day(self.hours)
            if last - first < HOUR:
                problems.append(("hours", "less than an hour", "at least one whole hour"))
        except ValueError as problem:
            problems.append(("hours", str(problem), ""))
        if not 1 <= self.learn <= KEPT:
            problems.append(("learn", f"{self.learn} nights", f"1 to {KEPT}"))
        return problems

    def warm_up(self) -> int:
        return self.learn * DAY

    def look_back(self) -> int:
        return 2 * KEPT * DAY

    def parameters(self, target: Target) -> Mapping[str, float | int | bool]:
        point = target.point
        if point.nature is not Nature.GAUGE:
            raise NotApplicable("a baseload is of a gauge; of a register take its derived power or flow")
        first, last = local.of_day(self.hours)
        return {
            "width": HOUR,
            "local": local.number(target),
            "begins": first,
            "ends": last,
            "needed": (last - first) // HOUR / 2,
            "work": self.days != "rest",
            "rest": self.days != "work",
            "share": self.share.value("ratio"),
            "z": self.z,
            "at_least": self.at_least.difference(point.unit),
            "learn": self.learn,
            "energy": point.unit == "W",
        }

    def waste(self, alert: Alert, evidence: Mapping[str, Any], target: Target) -> Waste:
        if target.point.unit == "W":
            return Waste(How.TOLD, float(evidence.get("wasted_kwh", 0.0)) * 1e3, "Wh", lead=DAY)
        return Waste(How.TOLD, float(evidence.get("wasted_m3", 0.0)), "m3", lead=DAY)

    def judged(self, target: Target, start: int, end: int) -> list[tuple[int, int]]:
        number = np.array([local.number(target)])
        first, last = local.of_day(self.hours)
        spans = []
        for at in range(start // DAY * DAY - DAY, end + DAY, DAY):
            shifted = int(local.shift(number, np.array([at + DAY // 2], np.int64))[0])
            midnight = at + DAY // 2 - shifted % DAY
            rest = int(local.kind(number, np.array([shifted // DAY]))[0]) >= 5
            begins, ends = max(start, midnight + first), min(end, midnight + last)
            if begins < ends and self.days in ("all", "rest" if rest else "work") and (begins, ends) not in spans:
                spans.append((begins, ends))
        return spans

    def state(self) -> Mapping[str, Column]:
        return {
            **bins.COLUMNS,
            "night": Column(np.int64, UNSEEN),
            "lowest": Column(np.float64, np.inf),
            "hours_seen": Column(np.int64),
            "work_nights": Column(np.float64, np.nan, (KEPT,)),
            "rest_nights": Column(np.float64, np.nan, (KEPT,)),
            "work_count": Column(np.int64),
            "rest_count": Column(np.int64),
            "high": Column(np.bool_, False),
            "high_nights": Column(np.int64),
            "ready": Column(np.bool_, False),
            "shown": Column(np.float64, np.nan),
            "expected": Column(np.float64, np.nan),
            "limit": Column(np.float64, np.nan),
            "excess": Column(np.float64),
        }

    @classmethod
    def step(cls, state: State, rows: IntArray, at: IntArray, value: FloatArray, quality: ByteArray) -> Findings:
        for closed in bins.collect(state, rows, at, value):
            whole = closed.share >= 0.5
            if whole.any():
                cls._hour(state, rows[closed.where[whole]], closed.start[whole], closed.mean[whole])
        return Findings(state.get("high", rows), state.get("shown", rows), state.get("limit", rows), state.get("ready", rows))

    @classmethod
    def _hour(cls, state: State, rows: IntArray, start: IntArray, mean: FloatArray) -> None:
        """Takes an hour into its night; judges the night that it ends."""
        numbers = state.get("local", rows)
        shifted = local.shift(numbers, start)
        day = shifted // DAY
        within = shifted - day * DAY
        inside = (within >= state.get("begins", rows)) & (within + HOUR <= state.get("ends", rows))
        night = state.get("night", rows)
        over = (night != UNSEEN) & ((night != day) | (within >= state.get("ends", rows)))
        if over.any():
            done = rows[over]
            cls._night(state, done, local.kind(numbers[over], night[over]) >= 5)
            state["night"][done], state["lowest"][done], state["hours_seen"][done] = UNSEEN, np.inf, 0
        kept = rows[inside]
        state["night"][kept] = day[inside]
        state["lowest"][kept] = np.minimum(state["lowest"][kept], mean[inside])
        state["hours_seen"][kept] += 1

    @classmethod
    def _night(cls, state: State, rows: IntArray, rest: BoolArray) -> None:
        wanted = np.where(rest, state.get("rest", rows), state.get("work", rows))
        wanted &= state.get("hours_seen", rows) >= state.get("needed", rows)
        for kind, chosen in (("rest", rest), ("work", ~rest)):
            pick = rows[wanted & chosen]
            if len(pick):
                cls._judge(state, pick, kind)

    @classmethod
    def _judge(cls, state: State, rows: IntArray, kind: str) -> None:
        nights, count = state[f"{kind}_nights"], state[f"{kind}_count"]
        usual, spread = centre(nights[rows])
        base = state.get("lowest", rows)
        ready = count[rows] >= state.get("learn", rows)
        margin = np.maximum(state.get("share", rows) * np.abs(usual), state.get("z", rows) * spread)
        limit = usual + np.maximum(margin, state.get("at_least", rows))
        high = ready & (base > limit)
        run = np.where(high, state.get("high_nights", rows) + 1, np.where(ready, 0, state.get("high_nights", rows)))
        span = (state.get("ends", rows) - state.get("begins", rows)) / 1e9
        before = np.where(run > 1, state.get("excess", rows), 0.0)
        kept = state.get("excess", rows)  # what the nights before made, told until the next run begins
        excess = np.where(high, before + (base - np.nan_to_num(usual)) * span, kept)
        for name, column in (("high", high), ("high_nights", run), ("ready", ready), ("shown", base), ("expected", usual),
                             ("limit", limit), ("excess", excess)):  # fmt: skip
            state.put(name, rows, column)
        learned = rows[~high | (run % EVERY == 0)]
        push(nights, count, learned, state["lowest"][learned])

    @classmethod
    def evidence(cls, state: State, row: int) -> dict[str, Any]:
        usual, shown = float(state["expected"][row]), float(state["shown"][row])
        name, factor = ("wasted_kwh", 3.6e6) if state["energy"][row] else ("wasted_m3", 1.0)
        return {
            "expected_value": usual,
            "clear_at": float(state["limit"][row]),
            "excess_value": shown - usual,
            "excess_percent": round(100 * (shown / usual - 1)) if usual and np.isfinite(shown / usual) else None,
            "high_nights": int(state["high_nights"][row]),
            name: round(float(state["excess"][row]) / factor, 2),
        }
