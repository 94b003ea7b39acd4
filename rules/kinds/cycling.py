"""Cycling: a machine starts too often, or runs or rests too briefly."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

import numpy as np

from rules.contract import NEVER, UNSEEN, Column, Findings, Kind, State, Target
from rules.quantity import Duration, Limit
from steward.model import ByteArray, FloatArray, IntArray, Nature
from steward.units import HOUR

RING = 32
"""Starts that are remembered; `starts` must be fewer."""


class Cycling(Kind, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Short cycling: more starts within a window than the machine bears, or runs and rests that are too short.

    Fields: `starts`: more starts than this within `window` are too many (default 6); `window` (default "1h"); `above`: the
    machine runs when the value is above this ("2kW"; default 0 for states, else needed); `below`: it has stopped again only
    below this (default: `above`); `min_on`, `min_off`: a run (a rest) shorter than this counts as a short one ("3m"; default:
    not judged); `short`: so many short ones within the window are too many (default 3).

    Starts and short runs are counted in a moving window, the condition ends when they have left it, also without a sample.
    A gap longer than a sample holds proves neither a start nor a stop. At most 31 starts are remembered. The alert's value
    is the number of starts in the window, its limit `starts`. Warm-up: `window`.

    Example: `kind = "cycling", match = { equip_type = "chiller", role = "status" }, starts = 4, window = "1h"`.
    Source: makers of compressors allow 4 to 6 starts an hour and ask for 3 to 5 min of rest; open-fdd CYCLE-1 counts starts
    an hour.
    """

    NAME: ClassVar[str] = "cycling"
    TIMED: ClassVar[bool] = True
    UNIT: ClassVar[str] = "1"

    starts: int = 6
    window: Duration = Duration(HOUR)
    above: Limit | None = None
    below: Limit | None = None
    min_on: Duration = Duration(0)
    min_off: Duration = Duration(0)
    short: int = 3

    def check(self) -> list[tuple[str, str, str]]:
        problems = []
        if not 1 <= self.starts < RING:
            problems.append(("starts", f"{self.starts} starts", f"1 to {RING - 1}"))
        if not 1 <= self.short < RING:
            problems.append(("short", f"{self.short} short runs", f"1 to {RING - 1}"))
        if self.window <= 0:
            problems.append(("window", "no time", "a duration above 0"))
        return problems

    def warm_up(self) -> int:
        return self.window

    def parameters(self, target: Target) -> Mapping[str, float | int | bool]:
        point = target.point
        if self.above is None and point.nature is not Nature.STATE:
            raise ValueError("`above` is missing: from which value on does it run?")
        above = 0.0 if self.above is None else self.above.value(point.unit)
        below = above if self.below is None else self.below.value(point.unit)
        if below > above:
            raise ValueError(f"below {self.below} is more than above {self.above}")
        return {
            "above": above,
            "below": below,
            "starts": self.starts,
            "window": int(self.window),
            "min_on": int(self.min_on),
            "min_off": int(self.min_off),
            "short": self.short,
        }

    def state(self) -> Mapping[str, Column]:
        return {
            "runs": Column(np.int8, -1),
            "turned_at": Column(np.int64, UNSEEN),
            "start_at": Column(np.int64, UNSEEN, (RING,)),
            "short_at": Column(np.int64, UNSEEN, (RING,)),
            "start_count": Column(np.int64),
            "short_count": Column(np.int64),
            "start_now": Column(np.int64),
            "short_now": Column(np.int64),
            "leaves": Column(np.int64, NEVER),
        }

    @classmethod
    def step(cls, state: State, rows: IntArray, at: IntArray, value: FloatArray, quality: ByteArray) -> Findings:
        before = state.get("runs", rows)
        before = np.where(at - state.get("last_at", rows) > state.get("hold", rows), -1, before)
        runs = np.where(value > state.get("above", rows), 1, np.where(value > state.get("below", rows), before, 0))
        turned = (before >= 0) & (runs >= 0) & (runs != before)
        since = state.get("turned_at", rows)
        least = np.where(before == 1, state.get("min_on", rows), state.get("min_off", rows))
        brief = turned & (since != UNSEEN) & (at - since < least)
        for name, happened in (("start", turned & (runs == 1)), ("short", brief)):
            pick = np.flatnonzero(happened)
            place = state[f"{name}_count"][rows[pick]] % RING
            state[f"{name}_at"][rows[pick], place] = at[pick]
            state[f"{name}_count"][rows[pick]] += 1
        state.put("runs", rows, runs)
        state.put("turned_at", rows, np.where(turned, at, np.where(before < 0, UNSEEN, since)))
        changed = np.flatnonzero(turned | (at >= state.get("leaves", rows)))
        if len(changed):
            cls._count(state, rows[changed], at[changed])
        return cls._found(state, rows)

    @classmethod
    def elapse(cls, state: State, rows: IntArray, at: IntArray) -> Findings:
        cls._count(state, rows, at)
        return cls._found(state, rows)

    @classmethod
    def _count(cls, state: State, rows: IntArray, at: IntArray) -> None:
        """What lies within the window now, and when the next of it leaves."""
        window = state.get("window", rows)
        leaves = np.full(len(rows), NEVER)
        for name in ("start", "short"):
            moments = state[f"{name}_at"][rows]
            inside = moments > (at - window)[:, None]
            first = np.where(inside, moments, NEVER).min(axis=1)
            leaves = np.minimum(leaves, np.where(first != NEVER, first + window, NEVER))
            state.put(f"{name}_now", rows, np.count_nonzero(inside, axis=1))
        state.put("leaves", rows, leaves)

    @classmethod
    def _found(cls, state: State, rows: IntArray) -> Findings:
        starts = state.get("start_now", rows)
        true = (starts > state.get("starts", rows)) | (state.get("short_now", rows) >= state.get("short", rows))
        due = np.where(true, state.get("leaves", rows), NEVER)  # a window without enough in it does not fill by itself
        return Findings(true, starts.astype(np.float64), state.get("starts", rows).astype(np.float64), due=due)

    @classmethod
    def evidence(cls, state: State, row: int) -> dict[str, Any]:
        times = np.sort(state["start_at"][row])
        times = times[times > UNSEEN]
        return {
            "last_start_at": int(times[-1]) if len(times) else None,
            "between_starts_ns": int(np.median(np.diff(times))) if len(times) > 1 else None,
            "short_runs": int(np.count_nonzero(state["short_at"][row] > state["last_at"][row] - state["window"][row])),
            "window_ns": int(state["window"][row]),
        }
