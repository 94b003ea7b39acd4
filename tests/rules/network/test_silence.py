"""What the kind network does after a long silence."""

from __future__ import annotations

import numpy as np

from bench.detect.held_out.network import through_engine
from steward.model import FloatArray, IntArray
from steward.units import DAY, HOUR

TAGS = ["L_1", "L_2", "F_3", "P_4"]


def plant(first: int, days: int, gain: float) -> tuple[IntArray, FloatArray]:
    """Four points that follow one walk, two of them by `gain`."""
    rng = np.random.default_rng(first)
    walk = np.zeros(24 * days)
    for row in range(1, len(walk)):
        walk[row] = 0.9 * walk[row - 1] + rng.normal(0, 1)
    rows = np.stack((walk, gain * walk, 5 - walk, gain * walk + 3), axis=1) + rng.normal(0, 0.1, (len(walk), 4))
    return 1_735_689_600 * 10**9 + first * DAY + np.arange(len(walk)) * HOUR, rows


def test_a_plant_that_was_changed_in_a_long_silence_is_learned_anew_and_one_changed_while_watched_alerts() -> None:
    before, changed = plant(0, 30, 2.0), plant(60, 30, -1.0)
    silent = through_engine(TAGS, [before, changed], learn=20)[1]
    assert silent.mean() < 0.1
    watched = through_engine(TAGS, [before, plant(30, 30, -1.0)], learn=20)[1]
    assert watched.mean() > 0.9
