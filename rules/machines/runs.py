"""Runs of a machine and the typical runs of a day: how long it was on at a time, and with how much energy.

Two thresholds between the levels: `full` power and any `active` power; an active run below three minutes is none. A run lasts
from its first sample above the threshold to the first below, and counts for the local day of its end; over a gap it is lost.
Values are natural logarithms, so that differences are shares. Times in ns, lengths in s, power in W, energy in J.
"""

from __future__ import annotations

import numpy as np

from rules.contract import UNSEEN, Column, State
from rules.machines import levels
from steward.model import BoolArray, FloatArray, IntArray
from steward.units import HOUR, MINUTE

MOST_RUNS = 128
"""Runs of a day that are kept; further ones are not counted."""
SHORTEST = 3 * MINUTE
WHOLE = 12 * HOUR
"""Of a day so much must be known."""
TYPICAL = 8
"""A day of more runs is told by so many: means of as many parts of its ordered runs."""

FEATURES = ("full_length", "full_energy", "full_mean_energy", "active_length", "active_energy", "active_mean_energy")
"""What is judged at two levels: each run's length and energy, and the day's mean of the latter: where a machine has one
programme it says most, as energy is not rounded to samples."""

COLUMNS = {
    **levels.COLUMNS,
    "power": Column(np.float64, np.nan),
    "on": Column(np.bool_, False, (2,)),
    "on_since": Column(np.int64, UNSEEN, (2,)),
    "on_energy": Column(np.float64, 0.0, (2,)),
    "runs": Column(np.int64, 0, (2,)),
    "lengths": Column(np.float32, np.nan, (2 * MOST_RUNS,)),
    "energies": Column(np.float32, np.nan, (2 * MOST_RUNS,)),
    "day_energy": Column(np.float64),
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
    state["day_energy"][rows] += energy
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
    since, count = state["on_since"][rows, level], state["runs"][rows, level]
    length = at - since
    told = (since != UNSEEN) & ((level == 0) | (length >= SHORTEST)) & (count < MOST_RUNS)
    rows, place = rows[told], level * MOST_RUNS + count[told]
    state["lengths"][rows, place] = length[told] / 1e9
    state["energies"][rows, place] = state["on_energy"][rows, level]
    state["runs"][rows, level] += 1


def typical(state: State, rows: IntArray) -> tuple[FloatArray, IntArray]:
    """The day's typical runs of `rows`: logarithms, [rows, features, TYPICAL], NaN where there are none, and of how many runs,
    [rows, features]. A level whose median run is below three minutes has none: those are inrush peaks."""
    values, counts = np.full((len(rows), len(FEATURES), TYPICAL), np.nan), np.zeros((len(rows), len(FEATURES)), np.int64)
    for level in (0, 1):
        part = slice(level * MOST_RUNS, (level + 1) * MOST_RUNS)
        lengths, first = state["lengths"][rows, part], level * (len(FEATURES) // 2)
        number = state["runs"][rows, level]
        middle = np.sort(lengths, axis=1)[np.arange(len(rows)), np.maximum(number - 1, 0) // 2]
        number = np.where((number > 0) & (middle >= SHORTEST / 1e9), number, 0)
        energies = np.log(np.maximum(state["energies"][rows, part], 1.0)).astype(np.float64)
        values[:, first] = _parts(np.log(np.maximum(lengths, 1.0)), number)
        values[:, first + 1] = _parts(energies, number)
        values[:, first + 2, 0] = np.where(number > 0, np.nansum(energies, axis=1) / np.maximum(number, 1), np.nan)
        counts[:, first] = counts[:, first + 1] = number
        counts[:, first + 2] = np.minimum(number, 1)
    return values, counts


def _parts(values: FloatArray, counts: IntArray) -> FloatArray:
    """Means of TYPICAL parts of the ordered values of each row, [rows, TYPICAL]; each value itself where there are fewer."""
    place = np.arange(values.shape[1])
    many = np.maximum(counts, TYPICAL)[:, None]
    flat = np.minimum(place * TYPICAL // many, TYPICAL - 1) + TYPICAL * np.arange(len(values))[:, None]
    ordered, known = np.sort(values, axis=1), place < counts[:, None]
    sums = np.bincount(flat[known], ordered[known], len(values) * TYPICAL)
    number = np.bincount(flat[known], minlength=len(values) * TYPICAL)
    means = np.where(number > 0, sums / np.maximum(number, 1), np.nan)
    return np.asarray(means.reshape(len(values), TYPICAL))


def weights(counts: IntArray) -> FloatArray:
    """For how many runs each typical run stands, [..., TYPICAL]."""
    edges = -(-np.arange(TYPICAL + 1) * np.maximum(counts, TYPICAL)[..., None] // TYPICAL)
    return np.where(counts[..., None] > TYPICAL, np.diff(edges), np.arange(TYPICAL) < counts[..., None]).astype(np.float64)


def clear(state: State, rows: IntArray) -> None:
    """`rows` begin a new local day: no runs, no energy yet."""
    for name in ("runs", "day_energy", "day_known"):
        state[name][rows] = 0
    state["lengths"][rows] = state["energies"][rows] = np.nan


def usable(state: State, rows: IntArray) -> BoolArray:
    """Which rows know enough of their day."""
    enough: BoolArray = state["day_known"][rows] >= WHOLE
    return enough
