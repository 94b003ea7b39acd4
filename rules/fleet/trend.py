"""Trends of daily means: a ring of days per row, a slope that outliers do not move (Theil-Sen), and what it leads to.

Days are counted by local time; a day is complete when a later one begins. Integer days and float sums only, so that results
do not depend on how samples were cut into batches.
"""

from __future__ import annotations

import numpy as np

from rules.contract import UNSEEN, Column, State
from steward.model import FloatArray, IntArray

DAYS = 28
"""Days that are kept."""
LEAST = 7
"""Days that a slope needs."""
COLUMNS = {
    "open_day": Column(np.int64, UNSEEN),
    "open_sum": Column(np.float64),
    "open_count": Column(np.int64),
    "days": Column(np.int64, UNSEEN, (DAYS,)),
    "means": Column(np.float64, np.nan, (DAYS,)),
    "held_days": Column(np.int64),
    "slope": Column(np.float64, np.nan),
    "ahead": Column(np.float64, np.nan),
}
"""Local day that is being summed; ring of days and their means; slope per day and the level that it starts from."""


def add(state: State, rows: IntArray, day: IntArray, value: FloatArray) -> None:
    """Takes one value of each of `rows` into its local day; closes the days that are over and fits anew."""
    before = state.get("open_day", rows)
    over = np.flatnonzero((before != day) & (before != UNSEEN))
    if len(over):
        _close(state, rows[over], before[over])
    anew = before != day
    state.put("open_sum", rows, np.where(anew, 0.0, state.get("open_sum", rows)) + value)
    state.put("open_count", rows, np.where(anew, 0, state.get("open_count", rows)) + 1)
    state.put("open_day", rows, day)


def _close(state: State, rows: IntArray, day: IntArray) -> None:
    place = state["held_days"][rows] % DAYS
    state["days"][rows, place] = day
    state["means"][rows, place] = state["open_sum"][rows] / state["open_count"][rows]
    state["held_days"][rows] += 1
    slope, level = fit(state["days"][rows], state["means"][rows], day)
    state.put("slope", rows, slope)
    state.put("ahead", rows, level)


def fit(days: IntArray, means: FloatArray, today: IntArray) -> tuple[FloatArray, FloatArray]:
    """Slope per day and level of `today` of each row, NaN with fewer than LEAST days. days, means: [rows, DAYS]."""
    first, second = np.triu_indices(days.shape[1], 1)
    apart = (days[:, second] - days[:, first]).astype(np.float64)
    steps = np.where(apart != 0, (means[:, second] - means[:, first]) / np.where(apart != 0, apart, 1.0), np.nan)
    enough = np.count_nonzero(~np.isnan(means), axis=1) >= LEAST
    slope, level = np.full(len(days), np.nan), np.full(len(days), np.nan)
    for row in np.flatnonzero(enough).tolist():  # once a day and row
        slope[row] = np.nanmedian(steps[row])
        level[row] = np.nanmedian(means[row] + slope[row] * (today[row] - days[row]))
    return slope, level
