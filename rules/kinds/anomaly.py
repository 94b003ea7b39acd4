"""Anomaly: a value clearly beyond what was seen twice before, in one of seven simple views of the signal."""

from __future__ import annotations

from collections.abc import Mapping
from math import expm1, log1p
from typing import Any, ClassVar, Literal

import numpy as np

from rules import bins, local
from rules.contract import UNSEEN, Column, Findings, Kind, NotApplicable, State, Target
from rules.detectors import record_columns
from rules.detectors.contract import DAY_SLOT
from rules.detectors.record import PROFILE, PROFILE_GAIN, VIEWS
from rules.detectors.record_bank import Bank, Found
from rules.quantity import Duration, Limit
from steward.model import BoolArray, ByteArray, FloatArray, IntArray, Nature
from steward.units import DAY

LEAST = 2 * DAY
"""Pure noise gives .25 alerts a day after 200 samples of learning, .09 after a week: two days at least."""
GROSS = len(VIEWS)


class Anomaly(Kind, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A value, a mean, a jump or a departure from the daily or weekly shape is larger than anything that was seen twice before.

    Fields: `sensitivity`: alert from so much beyond what was seen twice (default "25%"; for the departure from the shape 87 %);
    `learn`: how long a new point only learns (default "2d", the least allowed); `direction`: "both" (default), "up" or "down";
    `at_least`: and by at least this size ("2kW", default 0); `quiet`: an episode ends after so many samples below the limit
    (default 48); `gate`: single gross errors (20 x anything seen twice) are told but not learned (default true).

    Gauges only. Points faster than 5 min are averaged to 5 min; slower ones are judged sample by sample, missing samples are
    skipped. Seven views: the value, means of 4, 12 and 48 samples, the jump over 1 and over 24 samples, and the distance from
    the usual day (5-min slots) or, once it fits better, the usual week (hours, local time; a holiday counts as a Sunday, a
    make-up workday as the day that it replaces). What was seen twice fades with 64,000 samples (222 days at 5 min): a size
    seen twice in the last 49 days is not news. One alert an episode. Slow drift is not its subject: see `deviation`. The
    alert's value is the sample (or mean), its limit where the value would have been no news. Learns from 35 days of
    history after a start. Warm-up: `learn`, and 200 samples. 6 kB of state a point.

    Example: `kind = "anomaly", match = { metric = "power", equip_type = "switchboard" }, sensitivity = "30%"`.
    Source: record ratio as tried on the files of the Numenta Anomaly Benchmark: 79 of 100 (best published 75.5), load-shaped
    files 91, one setting for all; the limit is the middle of a wide optimum (22 to 32 %).
    """

    NAME: ClassVar[str] = "anomaly"
    UNPRICED: ClassVar[str] = "unit"

    sensitivity: Limit = Limit("25%")
    learn: Duration = Duration(LEAST)
    direction: Literal["both", "up", "down"] = "both"
    at_least: Limit = Limit("0")
    quiet: int = 48
    gate: bool = True

    def check(self) -> list[tuple[str, str, str]]:
        problems = []
        if self.learn < LEAST:
            problems.append(("learn", "too little to know noise from news", "2d or more"))
        if self.quiet < 1:
            problems.append(("quiet", f"{self.quiet} samples", "at least 1"))
        try:
            if self.sensitivity.value("ratio") <= 0:
                problems.append(("sensitivity", str(self.sensitivity), "above 0%"))
        except ValueError as problem:
            problems.append(("sensitivity", str(problem), "a share, for example 25%"))
        return problems

    def warm_up(self) -> int:
        return self.learn

    def look_back(self) -> int:
        return max(35 * DAY, 2 * self.learn)

    def parameters(self, target: Target) -> Mapping[str, float | int | bool]:
        point = target.point
        if point.nature is not Nature.GAUGE:
            raise NotApplicable("an anomaly is of a gauge; of a register take its derived power or flow")
        return {
            "width": DAY_SLOT,
            "local": local.number(target),
            "averaged": point.interval < DAY_SLOT,
            "threshold": log1p(self.sensitivity.value("ratio")),
            "learn": int(self.learn),
            "up": self.direction != "down",
            "down": self.direction != "up",
            "at_least": self.at_least.difference(point.unit),
            "quiet": self.quiet,
            "gated": self.gate,
        }

    def state(self) -> Mapping[str, Column]:
        kept = {name: record_columns.COLUMNS[source] for name, source in record_columns.KEPT.items()}
        return {
            **bins.COLUMNS,
            **record_columns.COLUMNS,
            **kept,
            "learned_since": Column(np.int64, UNSEEN),
            "below": Column(np.int64, 2**40),
            "odd": Column(np.bool_, False),
            "ready": Column(np.bool_, False),
            "shown": Column(np.float64, np.nan),
            "edge": Column(np.float64, np.nan),
            "score": Column(np.float64),
            "view": Column(np.int64),
            "size": Column(np.float64),
            "twice": Column(np.float64),
            "expected": Column(np.float64, np.nan),
        }

    @classmethod
    def step(cls, state: State, rows: IntArray, at: IntArray, value: FloatArray, quality: ByteArray) -> Findings:
        averaged = state.get("averaged", rows)
        if averaged.any():
            some = np.flatnonzero(averaged)
            for closed in bins.collect(state, rows[some], at[some], value[some]):
                if len(closed.where):
                    cls._judge(state, rows[some[closed.where]], closed.start, closed.mean)
        if not averaged.all():
            some = np.flatnonzero(~averaged & ~np.isnan(value))
            cls._judge(state, rows[some], at[some], value[some])
        shown = state.get("shown", rows)
        return Findings(state.get("odd", rows), np.where(np.isnan(shown), value, shown), state.get("edge", rows),
                        state.get("ready", rows))  # fmt: skip

    @classmethod
    def _judge(cls, state: State, rows: IntArray, at: IntArray, value: FloatArray) -> None:
        """One value of each of `rows`: scored, told and learned."""
        gated = state["gated"][rows]
        for gate in (True, False):
            some = np.flatnonzero(gated == gate)
            if len(some) == len(rows):
                cls._score(state, rows, at, value, gate)
            elif len(some):
                cls._score(state, rows[some], at[some], value[some], gate)

    @classmethod
    def _score(cls, state: State, rows: IntArray, at: IntArray, value: FloatArray, gate: bool) -> None:
        numbers = state["local"][rows]
        shifted = local.shift(numbers, at)
        hour, slot = local.hour_of_week(numbers, shifted), shifted % DAY // DAY_SLOT
        since = state["learned_since"][rows]
        since = np.where(since == UNSEEN, at, since)
        state["learned_since"][rows] = since
        ready = at - since >= state["learn"][rows]
        bank = Bank.over(state.columns, gate=gate)
        bank.step(rows, at, value, slot, hour, lambda found: cls._tell(state, rows, value, ready, found))

    @classmethod
    def _tell(cls, state: State, rows: IntArray, value: FloatArray, ready: BoolArray, found: Found) -> None:
        """The episode of each row: it begins, goes on, or ends; before the value is learned."""
        wanted = np.where(found.sign > 0, state["up"][rows], state["down"][rows])
        over = ready & wanted & (found.score >= state["threshold"][rows]) & (found.size >= state["at_least"][rows])
        below, odd, quiet = state["below"][rows], state["odd"][rows], state["quiet"][rows]
        begins = over & (below >= quiet)
        record_columns.keep(state.columns, rows[begins])
        below = np.where(over, 0, below + 1)
        state["below"][rows] = below
        state["odd"][rows] = over | (odd & (below < quiet))
        state["ready"][rows] = ready
        state["shown"][rows] = value
        gain = np.where((found.view == PROFILE) & ~found.gross, PROFILE_GAIN, 1.0)
        reach = found.seen * np.exp(state["threshold"][rows] / gain)
        edge = value - found.sign * (found.size - np.maximum(reach, state["at_least"][rows]))
        news = over & (begins | (found.score > state["score"][rows]))
        pick = np.flatnonzero(news)
        state["edge"][rows[over]] = edge[over]
        row = rows[pick]
        state["score"][row], state["size"][row] = found.score[pick], found.size[pick] * found.sign[pick]
        state["view"][row] = np.where(found.gross[pick], GROSS, found.view[pick])
        state["twice"][row], state["expected"][row] = found.seen[pick], found.expected[pick]

    @classmethod
    def forget(cls, state: State, rows: IntArray) -> None:
        """A person says that the last episode of `rows` was a real fault: what it taught is taken back, the next one alerts."""
        record_columns.forget(state.columns, rows)

    @classmethod
    def evidence(cls, state: State, row: int) -> dict[str, Any]:
        view, score = int(state["view"][row]), float(state["score"][row])
        gain = PROFILE_GAIN if view == PROFILE else 1.0
        found: dict[str, Any] = {
            "view": "gross error" if view == GROSS else VIEWS[view],
            "expected_value": float(state["expected"][row]),
            **_band(state, row),
            "size_value": float(state["size"][row]),
            "seen_twice_value": float(state["twice"][row]),
            "learned_since": int(state["learned_since"][row]),
        }
        if state["twice"][row] > 0:
            found["beyond_percent"] = round(100 * expm1(min(score / gain, 20.0)), 1)
        return found


def _band(state: State, row: int) -> dict[str, float]:
    """The values that would have been no news: as far on the other side of what was expected as the edge is on this one."""
    expected, edge = float(state["expected"][row]), float(state["edge"][row])
    reach = abs(edge - expected)
    return {"expected_low": expected - reach, "expected_high": expected + reach} if np.isfinite(reach) else {}
