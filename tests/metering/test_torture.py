"""Torture series with known truth: one fault of every kind, and several late and out of order."""

from __future__ import annotations

import pytest

from bench.metering.torture import keep, right
from simulators.registers import EVENTS, KINDS, torture


@pytest.mark.parametrize("kind", KINDS)
def test_one_fault_of_a_kind_is_found_as_what_it_is_and_costs_no_energy(kind: str) -> None:
    for seed in range(4):
        series = torture(seed, (kind,), 1, 30)
        made = keep(series, seed, late=False)
        truth = int(series.truth[-1] - series.truth[0])
        assert right(series, made), seed
        error = abs(made.solution.level[-1] / 1000 - truth)
        if kind in EVENTS and kind != "rollover":
            low, high = made.bound(0, int(series.at[-1]) + 1)
            if kind != "swap_low":  # a new register near zero looks like a reset
                assert low / 1000 - 10 <= truth <= high / 1000 + 10
            assert error <= 2e-3 * truth
        else:
            assert error == 0


def test_three_faults_with_late_reads_lose_and_invent_nothing() -> None:
    for seed in range(8):
        series = torture(700 + seed, KINDS, 3, 40)
        made = keep(series, seed)
        truth = int(series.truth[-1] - series.truth[0])
        assert abs(made.solution.level[-1] / 1000 - truth) <= 1e-3 * truth
