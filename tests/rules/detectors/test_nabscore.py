"""NAB's scorer against rows that its authors published (results/ARTime of numenta/NAB, standard profile)."""

from __future__ import annotations

import pytest

from bench.detect import nabscore


def test_a_corpus_of_misses_is_0_and_a_perfect_one_100() -> None:
    windows = [(200, 299), (600, 699)]
    assert nabscore.corpus(nabscore.score([], 1000, windows), 2) == 0
    assert nabscore.corpus(nabscore.score([200, 600], 1000, windows), 2) == pytest.approx(100, abs=0.2)


def test_a_miss_and_a_false_detection_before_any_window_cost_what_is_published() -> None:
    assert nabscore.score([700], 3428, [(2787, 3189)]) == pytest.approx(-1.11)  # art_daily_nojump: one false, one missed
    assert nabscore.score([700], 3428, []) == pytest.approx(-0.11)  # art_daily_no_noise: one false


def test_only_the_best_detection_of_a_window_counts_and_probation_is_not_scored() -> None:
    windows = [(400, 499)]
    assert nabscore.score([400, 450, 499], 1000, windows) == nabscore.score([400], 1000, windows)
    assert nabscore.score([10, 149], 1000, windows) == nabscore.score([], 1000, windows)
    assert nabscore.probation(1000) == 150
    assert nabscore.probation(20_000) == 750
