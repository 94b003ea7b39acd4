"""Torture series with known truth: one fault of every kind, and several late and out of order."""

from __future__ import annotations

import numpy as np
import pytest

from bench.metering.torture import judge_tangle, keep, right
from metering.cut import TOLERANCE
from metering.intervals import Flag
from simulators.registers import EVENTS, KINDS, inject, tangle, torture
from steward.units import DAY


@pytest.mark.parametrize("kind", KINDS)
def test_one_fault_of_a_kind_is_found_as_what_it_is_and_costs_no_energy(kind: str) -> None:
    for seed in range(2):
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
    for seed in range(2):
        series = torture(700 + seed, KINDS, 3, 40)
        made = keep(series, seed)
        truth = int(series.truth[-1] - series.truth[0])
        assert abs(made.solution.level[-1] / 1000 - truth) <= 1e-3 * truth


@pytest.mark.parametrize("seed", range(4))
def test_a_tangle_of_events_is_held_and_asked_within_bounds_and_all_else_is_counted(seed: int) -> None:
    assert judge_tangle(tangle(seed)) == dict.fromkeys(("asked", "nothing", "bounds", "rest"), True)


def test_units_that_change_twice_within_two_days_and_by_more_than_a_thousand_in_all_are_followed() -> None:
    for seed, kinds in ((50_011, 4), (50_001, 8)):  # x1000 then /10 after 40 h; /10, x1000, x1000
        series = torture(seed, KINDS, kinds, 60, apart=0)
        made = keep(series, seed, late=False)
        truth = int(series.truth[-1] - series.truth[0])
        assert abs(made.solution.level[-1] / 1000 - truth) <= 1e-3 * truth


def test_a_replayed_block_at_little_load_is_thrown_not_taken_for_a_swap() -> None:
    for seed in range(12):
        series = torture(seed, (), 0, 30)
        inject(series, "replay_block", 15 * 96 + 8, np.random.default_rng(seed))  # at two in the morning
        made = keep(series, seed, late=False)
        assert made.solution.level[-1] == 1000 * (series.truth[-1] - series.truth[0])
        assert not made.questions()


def test_stated_confidence_is_the_share_of_intervals_that_come_near_the_truth() -> None:
    stated, hits = [], []
    for seed in range(4):
        series = torture(90_000 + seed, KINDS, 6, 40, apart=DAY)
        every = keep(series, seed, late=False).intervals(0, int(series.at[-1]))
        truth = np.diff(np.interp(np.append(every.start, series.at[-1]), series.at, series.truth.astype(float)))
        inside = ~every.has(Flag.MISSING)
        stated.append(every.confidence[inside])
        hits.append((np.abs(every.value / 1000 - truth) <= np.maximum(TOLERANCE * truth, 1))[inside])
    trust, hit = np.concatenate(stated), np.concatenate(hits)
    for low, high in ((0, 0.3), (0.3, 0.8), (0.8, 1.01)):
        inside = (trust >= low) & (trust < high)
        assert inside.sum() > 50
        assert abs(hit[inside].mean() - trust[inside].mean()) < 0.12
