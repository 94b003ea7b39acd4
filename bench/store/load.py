"""The load of the store benchmark: days of samples of many series, in the order in which they would arrive.

Each series reports at a regular interval with a phase of its own and some milliseconds of jitter, values are a random walk
in steps of 0.1, and a sample arrives 20 to 400 ms after it was true: neither the best nor the worst case of compression.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from steward.model import Batch

SECOND, DAY = 10**9, 86_400 * 10**9
START = 20_454 * DAY


def day_of(day: int, series: int, samples: int, seed: int = 1) -> Batch:
    """All samples of one day, `samples` for each of `series` points, sorted by arrival."""
    random = np.random.default_rng([seed, day])
    step = DAY // samples // 10**6 * 10**6  # devices give milliseconds
    phase = np.random.default_rng(seed).integers(0, step, series) // 10**6 * 10**6
    at = START + day * DAY + np.arange(samples)[:, None] * step + phase + random.integers(0, 50, (samples, series)) * 10**6
    value = np.round(20 + np.cumsum(random.normal(0, 0.1, (samples, series)), axis=0), 1)
    point = np.tile(np.arange(series, dtype=np.int32), samples)
    flat = at.ravel()
    received = flat + random.integers(20, 400, len(flat)) * 10**6
    rows = np.argsort(received, kind="stable")
    return Batch.of(point[rows], flat[rows], value.ravel()[rows], received=received[rows])


def batches(whole: Batch, size: int) -> Iterator[Batch]:
    """The batch in parts of `size` rows."""
    for begin in range(0, len(whole), size):
        yield whole.take(np.arange(begin, min(begin + size, len(whole))))
