"""What every detector must keep, over all that there are."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from rules.detectors.contract import Detector, VectorDetector
from rules.detectors.network import Network
from rules.detectors.record import RecordRatio
from rules.detectors.record_bank import Bank
from rules.detectors.simple import RollingZ, WeekProfile
from steward.model import FloatArray
from steward.units import HOUR, MINUTE

START = 1_735_689_600 * 10**9
STEP = HOUR
ROWS, FAULT = 800, 700


class OneOfBank:
    """A bank of three equal series behind the interface of one: what it says of the middle one."""

    threshold = Bank.threshold

    def __init__(self) -> None:
        self.bank = Bank(3, "Asia/Shanghai")

    def score(self, x: float, t: int) -> float:
        return float(self.bank.score(np.full(3, x), t)[1])

    def learn(self, x: float, t: int) -> None:
        self.bank.learn(np.full(3, x), t)

    def save(self) -> dict[str, Any]:
        return self.bank.save()

    def restore(self, saved: dict[str, Any]) -> None:
        self.bank.restore(saved)


class OneOfRows:
    """A detector of rows behind the interface of one series: three points that follow one signal, fitted before."""

    def __init__(self, rows: VectorDetector) -> None:
        self.rows, self.threshold = rows, rows.threshold

    def score(self, x: float, t: int) -> float:
        return self.rows.score([x, 2 * x, 5 - x], t)

    def learn(self, x: float, t: int) -> None:
        self.rows.learn([x, 2 * x, 5 - x], t)

    def save(self) -> dict[str, Any]:
        return self.rows.save()

    def restore(self, saved: dict[str, Any]) -> None:
        self.rows.restore(saved)


def network() -> VectorDetector:
    found = Network(["a", "b", "c"], every=STEP)
    x, noise = signal()[:600], np.random.default_rng(5).normal(0, 0.1, (600, 2))
    rows = np.stack((x, 2 * x + noise[:, 0], 5 - x + noise[:, 1]), axis=1)
    found.fit(rows, START - (600 - np.arange(600)) * STEP)
    return found


VECTORS: dict[str, Callable[[], VectorDetector]] = {"network": network}
DETECTORS: dict[str, Callable[[], Detector[float]]] = {
    "record ratio": lambda: RecordRatio("Asia/Shanghai"),
    "record ratio without gate": lambda: RecordRatio("Europe/Berlin", gate=False),
    "record ratio in a bank": OneOfBank,
    "rolling z": lambda: RollingZ(96),
    "week profile": WeekProfile,
    **{name: lambda make=make: OneOfRows(make()) for name, make in VECTORS.items()},  # type: ignore[misc]
}
AFFINE = ["record ratio", "record ratio without gate", "record ratio in a bank", "rolling z", "week profile"]
every = pytest.mark.parametrize("name", DETECTORS)
every_vector = pytest.mark.parametrize("name", VECTORS)


def signal(seed: int = 1) -> FloatArray:
    """A day's sine with noise, a week's shape, and a fault."""
    rng = np.random.default_rng(seed)
    row = np.arange(ROWS)
    value = 50 + 10 * np.sin(2 * np.pi * row / 24) * np.where(row // 24 % 7 < 5, 1, 0.4) + rng.normal(0, 1, ROWS)
    value[FAULT : FAULT + 6] += 60
    return value


def play(detector: Detector[float], value: FloatArray, first: int = 0) -> FloatArray:
    scores = []
    for row, x in enumerate(value.tolist(), first):
        scores.append(detector.score(x, START + row * STEP))
        detector.learn(x, START + row * STEP)
    return np.array(scores)


@every
def test_two_runs_agree_and_the_fault_is_seen(name: str) -> None:
    first, second = (play(DETECTORS[name](), signal()) for _ in range(2))
    np.testing.assert_array_equal(first, second)
    assert first[FAULT : FAULT + 3].max() >= DETECTORS[name]().threshold


@every
def test_the_scores_of_the_first_rows_do_not_change_when_more_follow(name: str) -> None:
    whole, part = play(DETECTORS[name](), signal()), play(DETECTORS[name](), signal()[:720])
    np.testing.assert_array_equal(whole[:720], part)


@every
def test_scoring_alone_changes_nothing(name: str) -> None:
    plain, asked = DETECTORS[name](), DETECTORS[name]()
    for row, x in enumerate(signal()[:400].tolist()):
        t = START + row * STEP
        asked.score(x + 1000.0, t)
        asked.score(-x, t + MINUTE)
        assert asked.score(x, t) == plain.score(x, t)
        asked.learn(x, t)
        plain.learn(x, t)


@pytest.mark.parametrize("value", [0.0, 0.1, 1e9, -273.15])
@every
def test_a_constant_signal_is_silent(name: str, value: float) -> None:
    if name in VECTORS:
        pytest.skip("it was fitted on another signal; tests of its own")
    assert play(DETECTORS[name](), np.full(400, value)).max() < DETECTORS[name]().threshold


@every
def test_missing_values_and_times_that_do_not_go_on_are_ignored(name: str) -> None:
    plain, disturbed = DETECTORS[name](), DETECTORS[name]()
    for row, x in enumerate(signal()[:400].tolist()):
        t = START + row * STEP
        assert disturbed.score(x, t) == plain.score(x, t)
        for one in (plain, disturbed):
            one.learn(x, t)
        for odd, when in ((float("nan"), t + 1), (x + 500, t), (x - 500, t - MINUTE)):
            assert disturbed.score(odd, when) == 0.0
            disturbed.learn(odd, when)


@every
def test_a_gap_of_a_month_neither_alerts_nor_blinds(name: str) -> None:
    detector, value = DETECTORS[name](), signal()
    play(detector, value[:650])
    shift = 24 * 28  # whole weeks, so that the profiles still hold
    after = play(detector, value[650:], 650 + shift)
    assert after[0] < detector.threshold * 2
    assert after[50:53].max() >= detector.threshold


@pytest.mark.parametrize("cut", [0, 47, 333, 701])
@every
def test_a_detector_restored_at_any_sample_goes_on_as_if_nothing_had_happened(name: str, cut: int) -> None:
    whole = play(DETECTORS[name](), signal())
    first, second = DETECTORS[name](), DETECTORS[name]()
    play(first, signal()[:cut])
    second.restore(copy.deepcopy(first.save()))
    np.testing.assert_array_equal(play(second, signal()[cut:], cut), whole[cut:])


@pytest.mark.parametrize(("scale", "offset"), [(1000.0, 0.0), (0.01, 5.0), (3.0, -100.0)])
@pytest.mark.parametrize("name", AFFINE)
def test_another_unit_gives_the_same_alerts(name: str, scale: float, offset: float) -> None:
    limit = DETECTORS[name]().threshold
    plain, other = play(DETECTORS[name](), signal()), play(DETECTORS[name](), scale * signal() + offset)
    np.testing.assert_array_equal(plain >= limit, other >= limit)
    np.testing.assert_allclose(other, plain, rtol=1e-6, atol=1e-9)


@every_vector
def test_a_detector_of_rows_names_the_tag_that_does_not_fit_first(name: str) -> None:
    detector = VECTORS[name]()
    for row, x in enumerate(signal()[:20].tolist()):
        detector.learn([x, 2 * x, 5 - x], START + row * STEP)
    x = float(signal()[20])
    assert detector.score([x, 2 * x + 300, 5 - x], START + 20 * STEP) >= detector.threshold
    assert detector.names()[0] == detector.tags[1]
    assert len(detector.names(1)) == 1
    assert set(detector.names(9)) <= set(detector.tags)


@every_vector
def test_a_row_with_a_missing_value_is_ignored_and_no_row_is_changed(name: str) -> None:
    plain, disturbed = VECTORS[name](), VECTORS[name]()
    for row, x in enumerate(signal()[:100].tolist()):
        t, values = START + row * STEP, np.array([x, 2 * x, 5 - x])
        assert disturbed.score(values, t) == plain.score(values, t)
        for one in (plain, disturbed):
            one.learn(values, t)
        assert values.tolist() == [x, 2 * x, 5 - x]
        for place in range(3):
            holed = values + 100
            holed[place] = np.nan
            assert disturbed.score(holed, t + 1) == 0.0
            disturbed.learn(holed, t + 1)
