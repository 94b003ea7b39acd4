"""Runs of a machine and the features of a day: how long it was on at a time, with how much energy, and for how long in all.

Two thresholds between the levels: `full` power and any `active` power; an active run below three minutes is none. A run lasts
from its first sample above the threshold to the first below, and counts for the local day of its end; over a gap it is lost.
Features are natural logarithms, so that differences are shares. Times in ns, power in W, energy in J.
"""

from __future__ import annotations

import numpy as np

from rules.contract import UNSEEN, Column, State
from rules.machines import levels
from rules.robust import centre
from steward.model import BoolArray, FloatArray, IntArray
from steward.units import HOUR, MINUTE

MOST_RUNS = 128
"""Runs of a day whose lengths are kept for the median; the others count in means and extremes."""
SHORTEST = 3 * MINUTE
WHOLE = 12 * HOUR
"""Of a day so much must be known."""

FEATURES = (
    "full_mean_on", "full_median_on", "full_max_on", "full_min_on", "full_mean_energy", "full_max_energy",
    "active_mean_on", "active_median_on", "active_mean_energy", "active_max_energy", "active_total_on", "active_duty",
)  # fmt: skip
TIMES = (1, 2, 3)
"""Features that are lengths of single runs: the sampling interval blurs them."""

COLUMNS = {
    **levels.COLUMNS,
    "power": Column(np.float64, np.nan),
    "on": Column(np.bool_, False, (2,)),
    "on_since": Column(np.int64, UNSEEN, (2,)),
    "on_energy": Column(np.float64, 0.0, (2,)),
    "runs": Column(np.int64, 0, (2,)),
    "lengths": Column(np.float64, np.nan, (2 * MOST_RUNS,)),
    "time_sum": Column(np.float64, 0.0, (2,)),
    "time_max": Column(np.float64, 0.0, (2,)),
    "time_min": Column(np.float64, np.inf, (2,)),
    "energy_sum": Column(np.float64, 0.0, (2,)),
    "energy_max": Column(np.float64, 0.0, (2,)),
    "day_known": Column(np.float64),
    "two": Column(np.bool_, False),
    "settled": Column(np.bool_, False),
}


def fold(state: State, rows: IntArray, at: IntArray, value: FloatArray) -> None:
    """Takes one sample of each of `rows` in; the day must have been turned before."""
    last, power = state.get("last_at", rows), state.get("power", rows)
    passed = np.where(last == UNSEEN, 0, at - last)
    gap = (last == UNSEEN) | (passed > state.get("hold", rows))
    passed = np.where(gap, 0, passed)
    low, high, two = levels.follow(state, rows, np.where(last == UNSEEN, MINUTE, passed), value)
    two &= high - low >= state.get("at_least", rows)
    state["two"][rows] |= two
    energy = np.where(np.isnan(power), 0.0, power) * passed / 1e9
    state["day_known"][rows] += passed
    for level, share in enumerate((levels.FULL, levels.ACTIVE)):
        was = state["on"][rows, level] & ~gap
        now = two & (value > low + share * (high - low))
        state["on_energy"][rows, level] = np.where(was, state["on_energy"][rows, level] + energy, 0.0)
        ended = np.flatnonzero(was & ~now)
        if len(ended):
            _end(state, rows[ended], level, at[ended])
        known = now & ~was & ~gap  # one that was on already when first seen has no length
        state["on_since"][rows, level] = np.where(known, at, np.where(was & now, state["on_since"][rows, level], UNSEEN))
        state["on"][rows, level] = now
    state.put("power", rows, value)


def _end(state: State, rows: IntArray, level: int, at: IntArray) -> None:
    """Runs that end."""
    since = state["on_since"][rows, level]
    length = at - since
    told = (since != UNSEEN) & ((level == 0) | (length >= SHORTEST))
    rows, length = rows[told], length[told] / 1e9
    energy = state["on_energy"][rows, level]
    count = state["runs"][rows, level]
    kept = count < MOST_RUNS
    state["lengths"][rows[kept], level * MOST_RUNS + count[kept]] = length[kept]
    state["runs"][rows, level] = count + 1
    state["time_sum"][rows, level] += length
    state["time_max"][rows, level] = np.maximum(state["time_max"][rows, level], length)
    state["time_min"][rows, level] = np.minimum(state["time_min"][rows, level], length)
    state["energy_sum"][rows, level] += energy
    state["energy_max"][rows, level] = np.maximum(state["energy_max"][rows, level], energy)


def features(state: State, rows: IntArray) -> FloatArray:
    """The day's features of `rows`, [rows, features], NaN where a level has no runs or its median is below three minutes."""
    found = np.full((len(rows), len(FEATURES)), np.nan)
    known = np.maximum(state["day_known"][rows] / 1e9, 1.0)
    for level, first in ((0, 0), (1, 6)):
        runs = state["runs"][rows, level]
        some = np.maximum(runs, 1)
        median = centre(state["lengths"][rows, level * MOST_RUNS : (level + 1) * MOST_RUNS])[0]
        mean_on, mean_energy = state["time_sum"][rows, level] / some, state["energy_sum"][rows, level] / some
        top, peak = state["time_max"][rows, level], state["energy_max"][rows, level]
        if level == 0:
            columns = [mean_on, median, top, state["time_min"][rows, level], mean_energy, peak]
        else:
            total = state["time_sum"][rows, level]
            columns = [mean_on, median, mean_energy, peak, total, total / known]
        used = (runs > 0) & (median >= SHORTEST / 1e9)
        values = np.stack(columns, axis=1)
        good = used[:, None] & (values > 0) & np.isfinite(values)
        found[:, first : first + 6] = np.where(good, np.log(np.where(good, values, 1.0)), np.nan)
    return found


def clear(state: State, rows: IntArray) -> None:
    """A new day begins."""
    for name in ("runs", "time_sum", "time_max", "energy_sum", "energy_max", "day_known"):
        state[name][rows] = 0
    state["time_min"][rows] = np.inf
    state["lengths"][rows] = np.nan


def usable(state: State, rows: IntArray) -> BoolArray:
    """Which rows know enough of their day."""
    enough: BoolArray = state["day_known"][rows] >= WHOLE
    return enough
