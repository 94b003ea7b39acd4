"""Leak: a meter's flow no longer falls to what it always fell to."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar, Literal

import numpy as np

from rules.contract import UNSEEN, Column, Findings, Kind, State, Target
from rules.quantity import Duration, Limit
from rules.water import intervals, minima
from steward.model import ByteArray, FloatArray, IntArray
from steward.units import DAY, HOUR

YEAR_SECONDS = 8766 * 3600.0
PER_HOUR = 3600.0


class Leak(Kind, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Water or gas flows that never stops: the lowest flow of the last hours is above all that the meter knows.

    Fields: `judge`: "leak" (default): leaks and bursts, by the lowest flow of the last 3, 6, 12, 24 and 48 hours, known within
    hours to two days; "slow": a leak that grows, or that is small beside the scatter of the meter, by the ranks of the daily
    minima, known within days to weeks; `at_least`: the smallest leak worth an alert (default "1L/h"); `learn`: history before
    it speaks (default "28d").

    Consumption touches its base level sooner or later, a leak does not. Base flow is the median of the last 28 daily minima;
    what a window's minimum has above it is compared with the second-highest such excess ever seen: twice as much for windows up
    to 12 h (and at least 15 % of the highest flow ever, times 3 h / window), one and a half times for 24 and 48 h (and
    at least 1.9 and 0.95 steps of the register an hour, and two spreads of the daily minima). The condition ends when the flow
    falls below half of the leak. The slow leak sums how rare each daily minimum is among the last 28: the logarithm of how many
    times fewer were as high, less 1.5; beyond 4 it is stated (three days above all 28 are enough), and it ends when a
    day touches the base again. A flow seen on two occasions before is known: no alert. A leak present while it learns is
    taken for base flow: the evidence shows it with its yearly volume. Days of a leak are learned only every fourth.

    Works on cumulative registers of volume (the better input) and on gauges of flow. A fall of the register, an interval of
    more than 3.5 h and a reading of 20 times the highest flow ever are no flow. It needs 18 h of a day to learn it. The
    alert's value is the leak in flow; evidence: its start, m3/h, m3 so far, m3 a year if left. Warm-up: `learn`.

    What is seen twice is forgiven, so limits that the operator sets (`continuous_flow`, `schedule` at night and while closed)
    are rules of their own beside it. Not found: leaks that run less than half of the time and below some 50 L/h; in a large
    building those below a tenth of its mean flow (use sub-meters).

    Example: `kind = "leak", match = { metric = "water" }, keep_firing_for = "48h"`.
    Source: minimum night flow as water utilities take it, without a night: minima of any window against their own memory;
    CUSUM of Page (1954) on ranks; constants from leaks put into the registers of 92 homes (DAIAD) and sums of five of them,
    see the benchmarks.
    """

    NAME: ClassVar[str] = "leak"
    UNIT: ClassVar[str] = "m3/s"

    judge: Literal["leak", "slow"] = "leak"
    at_least: Limit = Limit("1L/h")
    learn: Duration = Duration(28 * DAY)

    def check(self) -> list[tuple[str, str, str]]:
        return [] if self.learn >= 2 * DAY else [("learn", "less than two days", "days enough to know the minima, 28d")]

    def warm_up(self) -> int:
        return self.learn

    def look_back(self) -> int:
        return max(2 * int(self.learn), 120 * DAY)

    def hold(self, target: Target) -> int:
        return max(super().hold(target), 2 * HOUR)

    def parameters(self, target: Target) -> Mapping[str, float | int | bool]:
        least = self.at_least.difference("m3/s")
        if least < 0:
            raise ValueError("`at_least` is negative")
        return {**intervals.parameters(target), "at_least": least, "learn": int(self.learn), "trend": self.judge == "slow"}

    def state(self) -> Mapping[str, Column]:
        return minima.COLUMNS

    @classmethod
    def step(cls, state: State, rows: IntArray, at: IntArray, value: FloatArray, quality: ByteArray) -> Findings:
        for found in intervals.collect(state, rows, at, value):
            minima.take(state, found)
        trend = state.get("trend", rows)
        true = np.where(trend, state.get("slow", rows), state.get("leaking", rows))
        shown = np.where(trend, state.get("slow_flow", rows), state.get("leak_flow", rows))
        limit = np.where(trend, state.get("slow_spread", rows), state.get("leak_limit", rows))
        return Findings(true, np.where(true, shown, 0.0), limit, minima.known(state, rows, at))

    @classmethod
    def evidence(cls, state: State, row: int) -> dict[str, Any]:
        trend = bool(state["trend"][row])
        flow = float(state["slow_flow" if trend else "leak_flow"][row])
        since = int(state["rises_since" if trend else "leak_since"][row])
        lost = float(state["slow_lost" if trend else "leaked"][row])
        base = float(np.nan_to_num(state["base"][row]))
        return {
            "leak_since": since if since > UNSEEN else None,
            "m3_per_hour": round(flow * PER_HOUR, 4),
            "wasted_m3": round(lost, 3),
            "m3_per_year": round(flow * YEAR_SECONDS, 1),
            "window_hours": None if trend else int(state["leak_hours"][row]),
            "base_value": base,
            "base_m3_per_year": round(base * YEAR_SECONDS, 1),
        }
