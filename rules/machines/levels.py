"""Two levels of a machine's power, found online: what it takes when off, and when on. Nothing is set per machine.

Two running means: a sample above the middle belongs to the upper, else to the lower. Their rates fall as 1/n to a floor that
lets the lower one follow over weeks; the upper stays while the machine is off. Everything is relative, so that ten times the
power gives the same runs; a signal that hardly varies gives none. Samples weigh by the time since the last one.
"""

from __future__ import annotations

import numpy as np

from rules.contract import Column, State
from steward.model import BoolArray, FloatArray, IntArray
from steward.units import MINUTE

UPPER_RATE, LOWER_RATE = 1 / 2000, 1 / 20000
"""Least rates of the two means, a minute."""
JUMP = 3
"""So many samples running above twice the span are a new upper level."""
APART = 0.2
"""Levels nearer than this share of the lower one are one level."""
FULL, ACTIVE = 0.5, 0.05
"""Where between the levels a run of full power, and one of any activity, begins."""
MOST_MINUTES = 5.0

COLUMNS = {
    "lower": Column(np.float64, np.nan),
    "upper": Column(np.float64, np.nan),
    "lower_minutes": Column(np.float64),
    "upper_minutes": Column(np.float64),
    "jumps": Column(np.int64),
}


def follow(state: State, rows: IntArray, passed: IntArray, value: FloatArray) -> tuple[FloatArray, FloatArray, BoolArray]:
    """Takes a sample of each of `rows` in, `passed` ns behind the last. Returns lower, upper, whether they are two levels."""
    low, high = state.get("lower", rows), state.get("upper", rows)
    first = np.isnan(low)
    low, high = np.where(first, value, low), np.where(first, value, high)
    minutes = np.clip(passed / MINUTE, 0.0, MOST_MINUTES)
    span = high - low
    up = value > (low + high) / 2
    jumps = np.where((value > high + span) & (span > 0), state.get("jumps", rows) + 1, 0)
    anew = jumps >= JUMP
    high_for = np.where(up, state.get("upper_minutes", rows) + minutes, state.get("upper_minutes", rows))
    low_for = np.where(up, state.get("lower_minutes", rows), state.get("lower_minutes", rows) + minutes)
    high_rate = np.minimum(1.0, np.maximum(UPPER_RATE * minutes, minutes / np.maximum(high_for, minutes + 1e-9)))
    low_rate = np.minimum(1.0, np.maximum(LOWER_RATE * minutes, minutes / np.maximum(low_for, minutes + 1e-9)))
    high = np.where(up, np.where(anew, value, high + high_rate * (value - high)), high)
    low = np.where(up, low, np.minimum(low + low_rate * (value - low), np.maximum(value, low)))
    low = np.minimum(low, value)
    high_for = np.where(anew, minutes, high_for)
    for name, column in (("lower", low), ("upper", high), ("lower_minutes", low_for), ("upper_minutes", high_for),
                         ("jumps", np.where(anew, 0, jumps))):  # fmt: skip
        state.put(name, rows, column)
    return low, high, (high - low >= APART * np.abs(low)) & (high > low)
