"""Rate: a value that rises or falls too fast."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

import numpy as np

from rules.contract import UNSEEN, Column, Findings, Kind, State, Target
from rules.quantity import Duration, Limit
from steward.model import ByteArray, FloatArray, IntArray, Nature
from steward.units import HOUR, MINUTE

RING = 16
"""Samples kept of the window: one each window / (RING - 2), so that the window always fits."""

_MORE = 1 + 1e-9
"""A difference of two decimal fractions is off by some ulps: exactly the limit is not beyond it."""


class Rate(Kind, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The value changes too fast: its change over `window`, expressed per `per`, is beyond a limit.

    Fields: `rise`, `fall`: limits as positive differences ("5K", "8%", "20L"), at least one; `per`: the time they are for
    (default "1h"); `window`: the time over which the change is taken (default "10m"). `fall = "8%", per = "10m", window =
    "10m"` reads: falls by more than 8 % within ten minutes.

    The value now is compared with the oldest one in the window; the window must be at least half filled, before that and
    after a gap there is not enough data. Of a window at most 16 samples are kept, evenly. A register (nature counter) that
    falls has been reset or replaced: the window starts anew. The alert's value is the change per `per`. Warm-up: `window`.

    Example: `kind = "rate", match = { metric = "fuel_level" }, fall = "8%", per = "10m", window = "10m"`.
    Source: open-fdd SV-RATE (600 s window); Traccar's fuel drop compares two consecutive samples, and false alerts from
    slosh are its users' chief complaint.
    """

    NAME: ClassVar[str] = "rate"

    rise: Limit | None = None
    fall: Limit | None = None
    per: Duration = Duration(HOUR)
    window: Duration = Duration(10 * MINUTE)

    def check(self) -> list[tuple[str, str, str]]:
        problems = []
        if self.rise is None and self.fall is None:
            problems.append(("rise", "no limit", "`rise`, `fall` or both"))
        if self.per <= 0 or self.window <= 0:
            problems.append(("window", "no time", "durations above 0"))
        return problems

    def warm_up(self) -> int:
        return self.window

    def parameters(self, target: Target) -> Mapping[str, float | int | bool]:
        unit = target.point.unit
        rise = np.inf if self.rise is None else self.rise.difference(unit)
        fall = np.inf if self.fall is None else self.fall.difference(unit)
        if rise < 0 or fall < 0:
            raise ValueError("a limit is negative, expected the size of the change")
        counter = target.point.nature is Nature.COUNTER
        return {"rise": rise, "fall": fall, "per": int(self.per), "window": int(self.window), "counter": counter}

    def state(self) -> Mapping[str, Column]:
        return {
            "ring_at": Column(np.int64, UNSEEN, (RING,)),
            "ring_value": Column(np.float64, np.nan, (RING,)),
            "oldest": Column(np.int64),
            "filled": Column(np.int64),
            "from_value": Column(np.float64, np.nan),
            "from_at": Column(np.int64, UNSEEN),
        }

    @classmethod
    def step(cls, state: State, rows: IntArray, at: IntArray, value: FloatArray, quality: ByteArray) -> Findings:
        ring_at, ring_value = state["ring_at"], state["ring_value"]
        oldest, filled, window = state.get("oldest", rows), state.get("filled", rows), state.get("window", rows)
        newest = (oldest + filled - 1) % RING
        fell = state.get("counter", rows) & (filled > 0) & (value < ring_value[rows, newest])
        filled[fell] = 0
        for _ in range(RING):
            expired = (filled > 0) & (at - ring_at[rows, oldest] > window)
            if not expired.any():
                break
            oldest += expired
            oldest %= RING
            filled -= expired
        start, base = ring_at[rows, oldest], ring_value[rows, oldest]
        age = at - start
        known = (filled > 0) & (2 * age >= window)
        change = np.where(known, (value - base) / np.maximum(age, 1) * state.get("per", rows), 0.0)
        rise, fall = state.get("rise", rows), state.get("fall", rows)
        cls._push(state, rows, at, value, oldest, filled)
        state.put("from_value", rows, base)
        state.put("from_at", rows, start)
        return Findings((change > rise * _MORE) | (change < -fall * _MORE), change, np.where(change < 0, -fall, rise), known)

    @classmethod
    def _push(cls, state: State, rows: IntArray, at: IntArray, value: FloatArray, oldest: IntArray, filled: IntArray) -> None:
        newest = (oldest + filled - 1) % RING
        spacing = state.get("window", rows) // (RING - 2)
        push = np.flatnonzero((filled == 0) | ((at - state["ring_at"][rows, newest] >= spacing) & (filled < RING)))
        place = (oldest[push] + filled[push]) % RING
        state["ring_at"][rows[push], place] = at[push]
        state["ring_value"][rows[push], place] = value[push]
        filled[push] += 1
        state.put("oldest", rows, oldest)
        state.put("filled", rows, filled)

    @classmethod
    def evidence(cls, state: State, row: int) -> dict[str, Any]:
        return {
            "from_value": float(state["from_value"][row]),
            "from_at": int(state["from_at"][row]),
            "per_ns": int(state["per"][row]),
        }
