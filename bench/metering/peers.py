"""Consumption rules of other systems, written again from their description; arrival order as they see it.

Each takes reads as they arrive (at, value in arrival order) and gives (at, consumption) steps in register units.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from steward.model import FloatArray, IntArray
from steward.units import HOUR

Steps = tuple[IntArray, FloatArray]


def total_increasing(at: IntArray, value: FloatArray, limit: float) -> Steps:
    """Home Assistant, state class total_increasing: below zero ignored, a fall below 0.9 x is a reset to zero."""
    steps, times = [], []
    last: float | None = None
    for moment, read in zip(at.tolist(), value.tolist(), strict=True):
        if not np.isfinite(read) or read < 0:
            continue
        if last is not None:
            times.append(moment)
            steps.append(read if read < 0.9 * last else read - last)
        last = read
    return np.array(times, np.int64), np.array(steps)


def arrival_delta(at: IntArray, value: FloatArray, limit: float) -> Steps:
    """ThingsBoard's delta node: the difference from the read that arrived before."""
    good = np.isfinite(value)
    return at[good][1:], np.diff(value[good])


def sorted_rises(at: IntArray, value: FloatArray, limit: float) -> Steps:
    """Naive: sort, drop falls, add the rises."""
    order = np.argsort(at, kind="stable")
    at, value = at[order], value[order]
    good = np.isfinite(value)
    return at[good][1:], np.clip(np.diff(value[good]), 0, None)


def hourly_maximum(at: IntArray, value: FloatArray, limit: float) -> Steps:
    """MyEMS normalisation: rises of the hourly maximum; an hour above the limit or below zero counts nothing."""
    order = np.argsort(at, kind="stable")
    at, value = at[order], value[order]
    good = np.isfinite(value)
    hours, row = np.unique(at[good] // HOUR, return_inverse=True)
    most = np.full(len(hours), -np.inf)
    np.maximum.at(most, row, value[good])
    step = np.diff(most)
    step = np.where((step < 0) | (most[:-1] <= 0.1) | (step > limit), 0.0, step)
    return hours[1:] * HOUR, step


PEERS: dict[str, Callable[[IntArray, FloatArray, float], Steps]] = {
    "hourly maximum with limit (MyEMS)": hourly_maximum,
    "delta in arrival order (ThingsBoard)": arrival_delta,
    "sorted, falls dropped (naive)": sorted_rises,
    "total_increasing (Home Assistant)": total_increasing,
}
