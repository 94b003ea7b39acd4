"""Recorded hourly water meters (DAIAD): the invariant holds for every meter and every fall has a name."""

from __future__ import annotations

import os
from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from bench.metering.daiad import judge, load

FOLDER = Path(os.environ.get("STEWARD_DATA") or Path(__file__).parents[3] / "shared" / "data") / "daiad_water"

pytestmark = [
    pytest.mark.data,
    pytest.mark.skipif(not FOLDER.exists(), reason="recorded data absent: set STEWARD_DATA to a folder with daiad_water"),
]


def test_every_recorded_meter_keeps_the_invariant_and_every_fall_is_classified() -> None:
    meters = load(FOLDER)
    outcome = [judge(*meter) for meter in meters.values()]
    assert len(outcome) == 92
    assert sum(one.falls for one in outcome) > 190
    named: Counter[str] = Counter()
    for one in outcome:
        assert one.unexplained == 0
        assert one.total == one.difference + one.events
        assert one.quarters == one.total
        named.update(one.labels)
    assert set(named) <= {"jitter", "dip", "stuck", "spike", "replay", "truncated", "zero"}


def test_any_two_good_reads_of_a_recorded_meter_agree_with_its_intervals() -> None:
    rng = np.random.default_rng(5)
    for meter in list(load(FOLDER).values())[:12]:
        made = judge(*meter).ledger
        solution = made.solution
        level = solution.level
        for _ in range(50):
            first, last = np.sort(rng.integers(0, len(solution), 2)).tolist()
            step = 1000 * (solution.value[last] - solution.value[first])
            special = solution.kind[first + 1 : last + 1] > 3
            assert special.any() or level[last] - level[first] == step
