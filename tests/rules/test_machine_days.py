"""A machine's day against its learned runs: what is a stretch, and what is only another mix of programmes."""

from __future__ import annotations

import numpy as np

from rules.machines import stretch
from rules.machines.runs import TYPICAL
from steward.model import FloatArray, IntArray

QUIET = np.zeros(1)
HOUR, SHORT = np.log(3600.0), np.log(1200.0)


def day(*runs: float) -> FloatArray:
    return np.array([*runs, *[np.nan] * (TYPICAL - len(runs))])


def learned(*days: FloatArray) -> tuple[FloatArray, IntArray]:
    """[1, days, TYPICAL] and [1, days]."""
    return np.array([days]), np.array([[np.count_nonzero(~np.isnan(one)) for one in days]])


def evidence(days: FloatArray, counts: IntArray, today: FloatArray) -> FloatArray:
    """How much likelier each alternative makes `today`, logarithms."""
    about = stretch.centre(days)
    logs = stretch.density(days, counts, about, QUIET)
    scores = stretch.left_out(days, counts, about, QUIET)
    found = stretch.foretold(logs, about, today[None], np.array([np.count_nonzero(~np.isnan(today))]))
    return stretch.ratios(found, scores)[0]


def fortnight(*programmes: float, noise: float = 0.01, seed: int = 3) -> tuple[FloatArray, IntArray]:
    """Fourteen days of three runs, each of some programme."""
    random = np.random.default_rng(seed)
    return learned(*(day(*(random.choice(programmes, 3) + random.normal(0, noise, 3))) for _ in range(14)))


def test_a_day_like_the_learned_ones_speaks_against_every_stretch() -> None:
    assert (evidence(*fortnight(HOUR), day(HOUR, HOUR, HOUR)) < 0).all()


def test_runs_a_fifth_longer_speak_for_a_stretch_of_a_fifth() -> None:
    found = evidence(*fortnight(HOUR), day(*[HOUR + np.log(1.22)] * 3))
    assert stretch.ALTERNATIVES[int(found.argmax())] == 0.2
    assert found.max() > 2


def test_shorter_runs_are_no_stretch() -> None:
    assert (evidence(*fortnight(HOUR), day(*[HOUR - 0.2] * 3)) <= 0).all()


def test_a_day_of_the_long_programme_alone_is_no_stretch_of_the_short_one() -> None:
    mixed = evidence(*fortnight(HOUR, SHORT), day(HOUR, HOUR, HOUR))
    assert (mixed < 0.5).all()
    assert evidence(*fortnight(SHORT), day(SHORT + 0.56, SHORT + 0.56)).max() > mixed.max()


def test_a_machine_that_varies_from_day_to_day_proves_less_by_one_long_day() -> None:
    random = np.random.default_rng(5)
    varying = learned(*(day(*(HOUR + random.normal(0, 0.15) + random.normal(0, 0.01, 3))) for _ in range(14)))
    today = day(*[HOUR + 0.2] * 3)
    assert evidence(*varying, today).max() < evidence(*fortnight(HOUR), today).max()


def test_a_machine_is_judged_alike_alone_and_beside_another() -> None:
    one, two = fortnight(HOUR), fortnight(SHORT, seed=4)
    days, counts = np.concatenate([one[0], two[0]]), np.concatenate([one[1], two[1]])
    both = stretch.left_out(days, counts, stretch.centre(days), np.zeros(2))
    alone = stretch.left_out(*one, stretch.centre(one[0]), QUIET)
    np.testing.assert_allclose(both[0], alone[0], rtol=1e-9)
