"""Robust centres and spreads of rings: rows of the last values of each binding, NaN where there are none yet.

A ring's state is the column of values and the count of values ever written; both are arrays with one row per binding.
"""

from __future__ import annotations

import numpy as np

from steward.model import FloatArray, IntArray

SCALE = 1.4826
"""Median absolute deviation of a normal distribution -> its standard deviation."""


def push(ring: FloatArray, count: IntArray, rows: IntArray, value: FloatArray) -> None:
    """Writes one value at the place of the oldest of each of `rows` (each row at most once)."""
    ring[rows, count[rows] % ring.shape[1]] = value
    count[rows] += 1


def centre(values: FloatArray) -> tuple[FloatArray, FloatArray]:
    """(median, 1.4826 MAD) of each row, NaN left out; NaN where a row has none."""
    filled = np.sort(values, axis=1)  # NaN sorts to the end
    median = _middle(filled)
    return median, SCALE * _middle(np.sort(np.abs(values - median[:, None]), axis=1))


def _middle(ordered: FloatArray) -> FloatArray:
    number = np.count_nonzero(~np.isnan(ordered), axis=1)
    rows = np.arange(len(ordered))
    low, high = np.maximum(number - 1, 0) // 2, number // 2
    middle: FloatArray = (ordered[rows, low] + ordered[rows, np.minimum(high, ordered.shape[1] - 1)]) / 2.0
    return middle
