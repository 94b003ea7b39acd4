"""Time-weighted means of gauges over bins of local time (a quarter of an hour, an hour), folded sample by sample.

A value stands until the next sample, at most for the row's `hold`; what nobody knows is not filled. A bin is complete with
the first sample at or behind its end; bins that lie wholly within the hold of one value are given one after another. A kind
that uses this takes `COLUMNS` into its state and has the parameters `width` (ns) and `local` (number of `rules.local`).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from rules import local
from rules.contract import UNSEEN, Column, State
from steward.model import FloatArray, IntArray

COLUMNS = {
    "bin_at": Column(np.int64, UNSEEN),
    "bin_sum": Column(np.float64),
    "bin_time": Column(np.float64),
    "held": Column(np.float64, np.nan),
}
"""Start of the open bin (ns), integral of the value over the known part (value x ns), known part (ns), last value."""


@dataclass(slots=True)
class Closed:
    """Complete bins: `where` in the rows of the call, start in ns, mean of the known part, which share was known."""

    where: IntArray
    start: IntArray
    mean: FloatArray
    share: FloatArray


def collect(state: State, rows: IntArray, at: IntArray, value: FloatArray) -> Iterator[Closed]:
    """Takes one sample of each of `rows` in and yields the bins that it completes, each row at most once per item."""
    width, numbers = state.get("width", rows), state.get("local", rows)
    start, total, known = state.get("bin_at", rows), state.get("bin_sum", rows), state.get("bin_time", rows)
    held, last = state.get("held", rows), state.get("last_at", rows)
    held = np.where(at - last > state.get("hold", rows), np.nan, held)
    stands = ~np.isnan(held)
    begin = np.where(stands, last, at)
    kept = np.where(stands, held, 0.0)
    while True:
        over = np.flatnonzero((start != UNSEEN) & (at >= start + width))
        if not len(over):
            break
        end = start[over] + width[over]
        piece = np.maximum(end - np.maximum(begin[over], start[over]), 0) * stands[over]
        mass, time = total[over] + piece * kept[over], known[over] + piece
        told = time > 0
        yield Closed(over[told], start[over][told], mass[told] / time[told], time[told] / width[over][told])
        total[over], known[over] = 0.0, 0.0
        start[over] = np.where(stands[over] & (at[over] >= end), end, UNSEEN)
    opened = start == UNSEEN
    if opened.any():
        here = at[opened]
        start[opened] = here - local.shift(numbers[opened], here) % width[opened]
    piece = np.maximum(at - np.maximum(begin, start), 0) * stands
    state.put("bin_at", rows, start)
    state.put("bin_sum", rows, total + piece * kept)
    state.put("bin_time", rows, known + piece)
    state.put("held", rows, value)


DAYS = {"day": Column(np.int64, UNSEEN), "day_sum": Column(np.float64), "day_time": Column(np.float64)}
"""Local day that is being summed, sum and count of its bins (or of what a kind weighs them with)."""


def day_over(state: State, rows: IntArray, day: IntArray, enough: float) -> tuple[IntArray, IntArray, FloatArray]:
    """Before adding to `day`: (index into rows, day, mean) of the days that are over with at least `enough` weight; clears
    the sums of all that are over."""
    before = state.get("day", rows)
    over = before != day
    weight = state.get("day_time", rows)
    told = np.flatnonzero(over & (before != UNSEEN) & (weight >= enough) & (weight > 0))
    mean = state["day_sum"][rows[told]] / weight[told]
    cleared = rows[over]
    state["day_sum"][cleared] = 0.0
    state["day_time"][cleared] = 0.0
    state.put("day", rows, day)
    return told, before[told], mean


def day_add(state: State, rows: IntArray, value: FloatArray, weight: FloatArray | float = 1.0) -> None:
    """Adds to the open day of each of `rows` (each at most once)."""
    state["day_sum"][rows] += value * weight
    state["day_time"][rows] += weight
