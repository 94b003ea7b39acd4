"""The memory of what was seen before: of each of several streams the two highest peaks of different excursions, slowly fading.

A value is news where it is clearly beyond the second highest: what was seen twice is known, what was seen once may have been
a fault. An excursion goes on while its peak is raised within `gap`; what it stores is at most what it was given as `cap`.
Columns of shape (streams,): `peak_a` >= `peak_b`, `peak_c` (of the excursion that goes on), `peak_at`, `peak_cap`.
"""

from __future__ import annotations

import numpy as np

from rules.contract import UNSEEN, Column, State
from steward.model import BoolArray, FloatArray, IntArray

YEAR_HOURS = 8766.0
RAISED = 1.05
"""An excursion goes on only where it is clearly raised: else days alike, each a little above what has faded, would be one for
ever."""


def columns(streams: int) -> dict[str, Column]:
    """The columns that a bank's state needs for `streams` streams a row: the two highest peaks and the excursion under way."""
    shape = (streams,)
    return {
        "peak_a": Column(np.float64, 0.0, shape),
        "peak_b": Column(np.float64, 0.0, shape),
        "peak_c": Column(np.float64, 0.0, shape),
        "peak_at": Column(np.int64, UNSEEN, shape),
        "peak_cap": Column(np.float64, np.inf, shape),
    }


def fade(state: State, rows: IntArray, factor: FloatArray) -> None:
    """Time has passed: all peaks are multiplied by `factor`."""
    for name in ("peak_a", "peak_b", "peak_c", "peak_cap"):
        state[name][rows] *= factor[:, None]


def learn(state: State, rows: IntArray, at: IntArray, z: FloatArray, gap: IntArray, cap: FloatArray, valid: BoolArray) -> None:
    """Takes in z [rows, streams] where `valid`. gap: ns within which a peak belongs to the same excursion, [streams]; cap: the
    most that a new excursion may store, [rows, streams]."""
    high, low, top = state.get("peak_a", rows), state.get("peak_b", rows), state.get("peak_c", rows)
    last, held = state.get("peak_at", rows), state.get("peak_cap", rows)
    beyond = valid & (z > low)
    if not beyond.any():
        return
    same = beyond & (at[:, None] - last <= gap) & (top >= low)
    new = beyond & ~same
    stored = np.minimum(z, np.where(same, held, cap))
    rise = same & (stored > RAISED * top)
    first = rise & (top >= high)  # the excursion is the highest of all: its entry grows
    second = rise & ~first
    swap = (second | new) & (stored > high)
    new &= stored > low
    low = np.where(swap & new, high, np.where(second | new, np.where(swap, high, stored), low))
    high = np.where(first | swap, stored, high)
    put = rise | new
    state.put("peak_a", rows, high)
    state.put("peak_b", rows, low)
    state.put("peak_c", rows, np.where(put, stored, top))
    state.put("peak_at", rows, np.where(put, at[:, None], last))
    state.put("peak_cap", rows, np.where(new, cap, held))
