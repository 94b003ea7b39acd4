"""Rate: a value that rises or falls too fast."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

import numpy as np

from rules.contract import UNSEEN, Column, Findings, Kind, Span, State, Target
from rules.quantity import Duration, Limit
from steward.model import BoolArray, ByteArray, FloatArray, IntArray, Nature
from steward.units import HOUR, MINUTE

RING = 16
"""Samples kept of the window: the first in each window / (RING - 2) of the clock, so that the window always fits and what is
kept does not depend on what came before."""

_MORE = 1 + 1e-9
"""A difference of two decimal fractions is off by some ulps: exactly the limit is not beyond it."""


class Rate(Kind, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The value changes too fast: its change over `window`, expressed per `per`, is beyond a limit.

    Fields: `rise`, `fall`: limits as positive differences ("5K", "8%", "20L"), at least one; `per`: the time they are for
    (default "1h"); `window`: the time over which the change is taken (default "10m"). `fall = "8%", per = "10m", window =
    "10m"` reads: falls by more than 8 % within ten minutes.

    The value now is compared with the oldest one in the window; the window must be at least half filled, before that and
    after a gap there is not enough data. Of a window at most 16 samples are kept, evenly by the clock. A register (nature
    counter) that falls has been reset or replaced: the window starts anew. The alert's value is the change per `per`.
    Warm-up: `window`.

    Example: `kind = "rate", match = { metric = "fuel_level" }, fall = "8%", per = "10m", window = "10m"`.
    Source: open-fdd SV-RATE (600 s window); Traccar's fuel drop compares two consecutive samples, and false alerts from
    slosh are its users' chief complaint.
    """

    NAME: ClassVar[str] = "rate"
    LEADS: ClassVar[bool] = True

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
        state["from_value"][rows[known]] = base[known]
        state["from_at"][rows[known]] = start[known]
        return Findings((change > rise * _MORE) | (change < -fall * _MORE), change, np.where(change < 0, -fall, rise), known)

    @classmethod
    def _push(cls, state: State, rows: IntArray, at: IntArray, value: FloatArray, oldest: IntArray, filled: IntArray) -> None:
        newest = (oldest + filled - 1) % RING
        spacing = _spacing(state, rows)
        first = at // spacing > state["ring_at"][rows, newest] // spacing
        push = np.flatnonzero((filled == 0) | (first & (filled < RING)))
        place = (oldest[push] + filled[push]) % RING
        state["ring_at"][rows[push], place] = at[push]
        state["ring_value"][rows[push], place] = value[push]
        filled[push] += 1
        state.put("oldest", rows, oldest)
        state.put("filled", rows, filled)

    @classmethod
    def loud(cls, state: State, rows: IntArray, of: IntArray, span: Span) -> BoolArray:
        window = state["window"][rows][of]
        known = cls._kept(state, rows, of, span.begin, window)
        broken = span.longest > window // 2
        broken[1:] |= broken[:-1].copy()
        low, high, gap = _over_window(
            of, span.begin, span.end, window, np.fmin(span.low, known[0]), np.fmax(span.high, known[1]), broken
        )
        loud: BoolArray = high - low >= np.minimum(*_least(state, rows))[of]
        loud |= gap | state["counter"][rows][of]
        first = np.maximum.accumulate(np.where(np.diff(of, prepend=-1) != 0, np.arange(len(of)), 0))
        loud |= (state["slot"][rows] >= 0)[of] & (span.begin - span.begin[first] <= window)
        loud |= np.diff(of, append=-1) != 0  # the end of a row: the state that it leaves
        lead = span.begin[_following(loud)] - window - _spacing(state, rows)[of]
        loud |= span.end >= lead
        return loud

    @classmethod
    def telling(cls, state: State, rows: IntArray, of: IntArray, at: IntArray, value: FloatArray, cut: BoolArray) -> BoolArray:
        window, counter = state["window"][rows][of], state["counter"][rows][of]
        begins = np.diff(of, prepend=-1) != 0
        known = cls._kept(state, rows, of, at, window)
        low, high, _ = _over_window(of, at, at, window, np.fmin(value, known[0]), np.fmax(value, known[1]), cut)
        rise, fall = _least(state, rows)
        possible: BoolArray = (value - low >= rise[of]) | (high - value >= fall[of])
        possible |= begins & (state["slot"][rows] >= 0)[of]
        place = np.arange(len(of))
        broken = begins | cut
        broken[1:] |= (at[1:] - at[:-1] > window[1:] // 2) | (counter[1:] & (value[1:] < value[:-1]))
        unsure = at - at[np.maximum.accumulate(np.where(broken, place, 0))] <= window
        # after what may be true all up to the first that is known: until then the condition stays as it was
        last = np.maximum.accumulate(np.where(possible, place, -1))
        sure = np.maximum.accumulate(np.where(~possible & ~unsure, place, -1))
        told: BoolArray = possible | (np.diff(of, append=-1) != 0)
        told[1:] |= (last[:-1] > sure[:-1]) & (last[:-1] >= np.maximum.accumulate(np.where(begins, place, 0))[1:])
        spacing = _spacing(state, rows)[of]
        first = broken | counter
        first[1:] |= at[1:] // spacing[1:] != at[:-1] // spacing[1:]
        lead = (at[_following(told)] - window) // spacing * spacing
        told |= first & (at >= lead)
        return told

    @classmethod
    def _kept(
        cls, state: State, rows: IntArray, of: IntArray, begin: IntArray, window: IntArray
    ) -> tuple[FloatArray, FloatArray]:
        """Least and greatest of what is kept from before, for what begins within a window after it; else NaN."""
        values = state["ring_value"][rows]
        near = begin - window <= state["last_at"][rows][of]
        low, high = np.fmin.reduce(values, axis=1), np.fmax.reduce(values, axis=1)
        return np.where(near, low[of], np.nan), np.where(near, high[of], np.nan)

    @classmethod
    def evidence(cls, state: State, row: int) -> dict[str, Any]:
        return {
            "from_value": float(state["from_value"][row]),
            "from_at": int(state["from_at"][row]),
            "per_ns": int(state["per"][row]),
        }


def _spacing(state: State, rows: IntArray) -> IntArray:
    """The time of which the first sample is kept, ns."""
    spacing: IntArray = np.maximum(state.get("window", rows) // (RING - 2), 1)
    return spacing


def _least(state: State, rows: IntArray) -> tuple[FloatArray, FloatArray]:
    """What a value must rise or fall by within the window at least, to be beyond the limit; a little less, to be safe."""
    share = state["window"][rows] / state["per"][rows] / 2 * (1 - 1e-6)
    return state["rise"][rows] * share, state["fall"][rows] * share


def _following(told: BoolArray) -> IntArray:
    """Place of the next that is told, itself included; the last one is told."""
    place = np.where(told, np.arange(len(told)), len(told) - 1)
    following: IntArray = np.minimum.accumulate(place[::-1])[::-1]
    return following


def _over_window(
    of: IntArray, begin: IntArray, end: IntArray, window: IntArray, low: FloatArray, high: FloatArray, any_of: BoolArray
) -> tuple[FloatArray, FloatArray, BoolArray]:
    """The least, the greatest and whether any, over each span and those of its row that reach into the window before it."""
    any_of = any_of.copy()
    width = 1
    while width < len(of):
        near = (of[width:] == of[:-width]) & (end[:-width] >= begin[width:] - window[width:])
        if not near.any():
            break
        low[width:] = np.where(near, np.fmin(low[width:], low[:-width]), low[width:])
        high[width:] = np.where(near, np.fmax(high[width:], high[:-width]), high[width:])
        any_of[width:] |= near & any_of[:-width]
        width *= 2
    return low, high, any_of
