"""The network of tags: what does not fit is named; tags without information change nothing; nothing looks ahead."""

from __future__ import annotations

import numpy as np
import pytest

from rules.detectors.network import LIMIT, Network
from steward.model import FloatArray
from steward.units import HOUR

START = 1_735_689_600 * 10**9


def plant(rows: int, seed: int = 1) -> FloatArray:
    """Two tanks, the flow that joins them, a pressure: daily use and a slow random walk."""
    rng = np.random.default_rng(seed)
    use = 5 + np.sin(2 * np.pi * np.arange(rows) / 24) + rng.normal(0, 0.1, rows)
    walk = np.zeros(rows)
    for row in range(1, rows):
        walk[row] = 0.95 * walk[row - 1] + rng.normal(0, 0.3)
    table = np.stack((walk, 2 * walk + use, use, 3 - walk + 0.5 * use), axis=1)
    return np.round(table + rng.normal(0, 0.03, table.shape), 2)


def scores(detector: Network, table: FloatArray, first: int = 2000) -> FloatArray:
    found = []
    for row, x in enumerate(table, first):
        found.append(detector.score(x, START + row * HOUR))
        detector.learn(x, START + row * HOUR)
    return np.array(found)


def fitted(table: FloatArray, tags: list[str]) -> Network:
    network = Network(tags)
    network.fit(table[:2000], START + np.arange(2000) * HOUR)
    return network


def test_a_tag_that_no_longer_fits_is_named() -> None:
    table = plant(2400)
    table[2200:, 1] = table[2199, 1]
    network = fitted(table, ["t1", "t2", "flow", "pressure"])
    found = scores(network, table[2000:])
    assert (found[:200] > LIMIT).mean() < 0.01
    assert (found[200:212] > LIMIT).any()
    assert "t2" in network.names()


def test_wear_that_moves_all_tags_together_is_seen_though_they_still_fit() -> None:
    table = plant(2400)
    sound = fitted(table, ["t1", "t2", "flow", "pressure"])
    assert (scores(sound, table[2000:]) <= LIMIT).all()
    table[2200:] += np.linspace(0, 6, 200)[:, None] * np.array([1.0, 2.0, 0.0, -1.0])
    worn = fitted(table, ["t1", "t2", "flow", "pressure"])
    found = scores(worn, table[2000:])
    assert (found[:200] <= LIMIT).all()
    assert (found[-20:] > LIMIT).all()
    assert worn.model is not None
    rest = np.abs(worn._recent[:, 0].mean(axis=0)) / worn.model.long
    assert rest.max() < 1, "no residual shows it"


def test_a_constant_tag_takes_no_part_however_its_mean_is_rounded() -> None:
    table = np.concatenate((plant(2000), np.full((2000, 1), 518.67)), axis=1)
    assert table.std(axis=0)[4] > 0, "the mean of equal values need not equal them"
    model = fitted(table, list("abcde")).model
    assert model is not None
    assert not model.used[4]


def test_constant_and_rounded_out_tags_change_nothing() -> None:
    table = plant(2300)
    rng = np.random.default_rng(2)
    more = np.concatenate((table, np.full((2300, 1), 7.0), 4 + 0.01 * rng.integers(0, 5, (2300, 1))), axis=1)
    plain, wide = fitted(table, list("abcd")), fitted(more, list("abcdef"))
    assert wide.model is not None
    assert wide.model.used.tolist() == [True] * 4 + [False] * 2
    more[2000:, 4:] += 100
    np.testing.assert_allclose(scores(wide, more[2000:]), scores(plain, table[2000:]), rtol=1e-9)


def test_the_scores_of_the_first_rows_do_not_change_when_more_follow() -> None:
    table = plant(2400)
    whole, part = (scores(fitted(table, list("abcd")), table[2000:end]) for end in (2400, 2100))
    np.testing.assert_array_equal(whole[:100], part)


def test_partners_do_not_explain_each_other() -> None:
    table = plant(2000)
    network = Network(list("abcd"), [("a", "b")])
    network.fit(table, START + np.arange(2000) * HOUR)
    assert network.model is not None
    assert network.model.weights[0, 1] == network.model.weights[1, 0] == 0.0
    assert network.model.weights[0, 2] != 0.0


def test_rows_that_never_follow_one_another_cannot_be_fitted() -> None:
    with pytest.raises(ValueError, match="follow"):
        Network(list("abcd")).fit(plant(50), START + np.arange(50) * 5 * HOUR)
