"""No flow: a meter that always had some stands still."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

import numpy as np

from rules.contract import UNSEEN, Column, Findings, Kind, NotApplicable, State, Target
from rules.quantity import Duration, Limit
from steward.model import ByteArray, FloatArray, IntArray, Nature
from steward.units import DAY, HOUR, SECOND

STORED = 1.5
"""A rest that was an alert is remembered as at most so many times the longest known one: a broken meter is no habit."""


class NoFlow(Kind, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Nothing flows for far longer than ever before: the meter is stuck, a valve is shut, or the line is not used any more.

    Fields: `duration`: the shortest rest that can be news (default "7d"); `factor`: and so many times the longest rest
    that the meter has had (default 2); `learn`: history before it speaks (default "28d"); `at_least`: a gauge up to this
    value counts as none ("1L/h", default 0; registers: no rise at all).

    For registers of volume, energy and the like and for gauges of flow or power. A meter that never had flow is not judged. A
    register that stands over a gap has rested; a gauge's rest starts anew after a gap longer than it holds, and so does a
    register's where it falls (exchanged, reset). Ended rests are remembered; one that was an alert as at most one and a half
    times the longest. The condition ends with the first rise. The alert's value is the rest in seconds, its limit the rest
    that was allowed. Warm-up: `learn`.

    Example: `kind = "no_flow", match = { metric = "water" }, duration = "7d"`.
    Source: zero flow for more than 7 days and twice the longest own: 0.18 alerts a meter-year on 92 homes (DAIAD, holidays of
    the residents), a frozen register found in 7 days; plain flatlines (`stuck`) gave 29 at three equal hours.
    """

    NAME: ClassVar[str] = "no_flow"
    UNIT: ClassVar[str] = "s"

    duration: Duration = Duration(7 * DAY)
    factor: float = 2.0
    learn: Duration = Duration(28 * DAY)
    at_least: Limit = Limit("0")

    def check(self) -> list[tuple[str, str, str]]:
        problems = []
        if self.duration < HOUR:
            problems.append(("duration", "less than an hour", "at least 1h"))
        if self.factor < 1:
            problems.append(("factor", f"{self.factor} alerts on what is known", "at least 1"))
        if self.learn < HOUR:
            problems.append(("learn", "less than an hour", "at least 1h"))
        return problems

    def warm_up(self) -> int:
        return self.learn

    def look_back(self) -> int:
        return 2 * int(self.learn)

    def parameters(self, target: Target) -> Mapping[str, float | int | bool]:
        point = target.point
        if point.nature is Nature.STATE:
            raise NotApplicable("a state has no flow")
        counter = point.nature is Nature.COUNTER
        least = 0.0 if counter else self.at_least.difference(point.unit)
        return {
            "duration": int(self.duration),
            "factor": self.factor,
            "learn": int(self.learn),
            "none": least,
            "counter": counter,
        }

    def state(self) -> Mapping[str, Column]:
        return {
            "first_at": Column(np.int64, UNSEEN),
            "register": Column(np.float64, np.nan),
            "rest_since": Column(np.int64, UNSEEN),
            "longest": Column(np.int64),
            "flowed": Column(np.bool_, False),
            "told": Column(np.bool_, False),
        }

    @classmethod
    def step(cls, state: State, rows: IntArray, at: IntArray, value: FloatArray, quality: ByteArray) -> Findings:
        counter, last = state.get("counter", rows), state.get("last_at", rows)
        register, since = state.get("register", rows), state.get("rest_since", rows)
        first = np.where(state.get("first_at", rows) == UNSEEN, at, state.get("first_at", rows))
        anew = np.where(counter, ~(value >= register), at - last > state.get("hold", rows))
        flows = np.where(counter, value > register, value > state.get("none", rows))
        since = np.where(anew | (since == UNSEEN), at, since)
        allowed = cls._allowed(state, rows)
        rest = at - since  # a rest ends with the sample that flows: how long it may have been
        ended = flows & ~anew
        longest = state.get("longest", rows)
        kept = np.minimum(rest, np.where(state.get("told", rows), (STORED * longest).astype(np.int64), rest))
        kept = np.where(counter, kept, np.where(last == UNSEEN, 0, np.minimum(kept, np.maximum(last - since, 0))))
        longest = np.where(ended, np.maximum(longest, kept), longest)
        flowed = state.get("flowed", rows) | (flows & (counter <= ~np.isnan(register)))
        known = flowed & (at - first >= state.get("learn", rows))
        true = known & ~flows & ~anew & (rest > allowed)
        since = np.where(flows, at, since)
        for name, column in (("first_at", first), ("register", value), ("rest_since", since), ("longest", longest),
                             ("flowed", flowed), ("told", true)):  # fmt: skip
            state.put(name, rows, column)
        return Findings(true, np.where(flows | anew, 0, rest) / SECOND, allowed / SECOND, known)

    @classmethod
    def _allowed(cls, state: State, rows: IntArray) -> IntArray:
        """The rest that is no news."""
        habit = (state.get("factor", rows) * state.get("longest", rows)).astype(np.int64)
        return np.maximum(state.get("duration", rows), habit)

    @classmethod
    def evidence(cls, state: State, row: int) -> dict[str, Any]:
        since = int(state["rest_since"][row])
        return {
            "rests_since": since if since > UNSEEN else None,
            "longest_before_ns": int(state["longest"][row]),
            "register": float(state["register"][row]) if state["counter"][row] else None,
        }
