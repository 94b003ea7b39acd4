"""The path search: what it costs, that it finds the cheapest path, and that thinning dense reads changes nothing."""

from __future__ import annotations

from itertools import combinations, pairwise

import numpy as np
import pytest

from metering import anchors
from metering.anchors import Series, search
from metering.explain import COST, Link, same_unit, throw_costs
from metering.reads import Parameters, Reads, admit, join, lay
from metering.solution import path_cost, settle
from simulators.registers import KINDS, torture
from steward.model import IntArray
from steward.units import HOUR, MINUTE


def brute(value: IntArray, rate: float) -> int:
    """The least cost over every choice of good reads, links by the same table, spells thrown at their full price."""
    at = np.arange(len(value), dtype=np.int64) * HOUR
    limits = lay([Parameters(rate=rate, cadence=HOUR)], at)
    thrown = throw_costs(value)
    least = 10**9
    for size in range(1, len(value) + 1):
        for rows in combinations(range(len(value)), size):
            cost = int(thrown[: rows[0]].sum() + thrown[rows[-1] + 1 :].sum())
            for first, last in pairwise(rows):
                cap = limits.cap(at[last : last + 1] - at[first : first + 1], np.array([last]))
                before, after = value[first : first + 1].astype(float), value[last : last + 1].astype(float)
                back, none = np.maximum(2.0, limits.rate[:1] * HOUR * 0.01), np.zeros(1)
                link, kind = same_unit(before, after, cap, back, none, at[last : last + 1] - at[first : first + 1], 0)
                spell = int(thrown[first + 1 : last].sum())
                if kind[0] == Link.MEASURED:
                    spell = min(spell, 5000 + last - first - 1)
                cost += int(link[0]) + spell
            least = min(least, cost)
    return least


@pytest.mark.parametrize("seed", range(10))
def test_the_path_is_the_cheapest_of_all_choices_of_good_reads(seed: int) -> None:
    rng = np.random.default_rng(seed)
    value = 100 + np.cumsum(rng.integers(0, 4, 9))
    for _ in range(3):
        row = int(rng.integers(0, 9))
        value[row:] = rng.choice([value[row:], np.maximum(value[row:] - int(rng.integers(1, 60)), 0)])
        value[row] = rng.choice([value[row], 0, value[row] + 30, value[max(row - 1, 0)]])
    at = np.arange(9, dtype=np.int64) * HOUR
    series = Series(at, value, lay([Parameters(rate=4.0, cadence=HOUR)], at))
    found = search([series])[0]
    thrown = throw_costs(value)
    cost = 0
    for first, last, kind in zip(found.rows[:-1], found.rows[1:], found.kind[1:], strict=True):
        spell = int(thrown[first + 1 : last].sum())
        cost += COST[Link(int(kind))] + (min(spell, 5000 + int(last - first) - 1) if kind == Link.MEASURED else spell)
    cost += int(thrown[: found.rows[0]].sum() + thrown[found.rows[-1] + 1 :].sum())
    assert cost == brute(value, 4.0)
    assert path_cost(found.kind) <= cost


@pytest.mark.parametrize("seed", range(4))
def test_dense_reads_are_explained_as_if_every_one_were_searched(seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    series = torture(seed, KINDS, 3, 12, 5 * MINUTE, apart=0)
    at, raw = series.reads()
    admitted = admit(raw, 1.0, series.digits)
    every = join([Reads.of(at[admitted.kept], admitted.value)])
    limits = lay([Parameters(rate=series.limit, digits=series.digits, cadence=series.cadence)], every.at)
    plain = Series(every.at, every.value, limits)
    thin = settle(plain, search([plain])[0])
    monkeypatch.setattr(anchors, "_DENSE", 10**9)
    whole = settle(plain, search([plain])[0])
    np.testing.assert_array_equal(thin.rows, whole.rows)
    np.testing.assert_array_equal(thin.gain, whole.gain)


def test_series_solved_together_are_solved_as_alone() -> None:
    many = []
    for seed in range(5):
        series = torture(seed, KINDS, 4, 20, apart=0)
        at, raw = series.reads()
        admitted = admit(raw, 1.0, series.digits)
        every = join([Reads.of(at[admitted.kept], admitted.value)])
        limits = lay([Parameters(rate=series.limit, digits=series.digits)], every.at)
        many.append(Series(every.at, every.value, limits))
    for one, together in zip(many, search(many), strict=True):
        alone = search([one])[0]
        np.testing.assert_array_equal(alone.rows, together.rows)
        np.testing.assert_array_equal(alone.kind, together.kind)


def test_a_demand_that_lasts_above_the_limit_raises_it_there_and_is_flagged() -> None:
    step = np.concatenate((np.full(60, 10), np.full(20, 900), np.full(60, 10)))
    value = 1000 + np.cumsum(step)
    at = np.arange(len(value), dtype=np.int64) * HOUR
    series = Series(at, value, lay([Parameters(rate=300.0, cadence=HOUR)], at))
    found = settle(series, search([series])[0])
    assert len(found) == len(value)
    assert (found.kind == Link.ABOVE).sum() == 20
    assert found.level[-1] == 1000 * (value[-1] - value[0])
