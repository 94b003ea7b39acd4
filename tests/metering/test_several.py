"""Several sources of one register, and a scale that changes: precedence, agreement, disagreement as a question."""

from __future__ import annotations

import numpy as np
import pytest

from metering.questions import Topic, ask_sources
from metering.reads import Reads
from metering.sources import Scale, Scales, merge
from steward.units import HOUR, MINUTE


def two(offset: int) -> tuple[Reads, Reads]:
    """A gateway with a hole of ten hours, and another that reads the same register half a minute later, `offset` off."""
    at, value = np.arange(100) * HOUR, 1000 + 10 * np.arange(100)
    better = (np.arange(100) < 40) | (np.arange(100) >= 50)
    return Reads.of(at[better], value[better]), Reads.of(at + MINUTE // 2, value + offset)


def test_a_lower_source_fills_only_the_gaps_of_the_better_one() -> None:
    better, lower = two(0)
    used, checks = merge([better, lower], 5 * MINUTE, tolerance=2)
    assert len(used) == 100
    assert len(checks) == 89
    assert not ask_sources(checks, 2, 6 * HOUR, set())
    for parts in (better, lower), (Reads.of(better.at[::-1], better.value[::-1]), lower):
        again, _ = merge(parts, 5 * MINUTE, tolerance=2)
        np.testing.assert_array_equal(again.at, used.at)


def test_sources_that_disagree_are_asked_about_and_fill_no_gap() -> None:
    better, lower = two(500)
    used, checks = merge([better, lower], 5 * MINUTE, tolerance=2)
    np.testing.assert_array_equal(used.at, better.at)
    first, second = ask_sources(checks, 2, 6 * HOUR, set())
    assert first.topic is second.topic is Topic.SOURCES
    assert abs(first.known["value"] - first.known["expected"] - 500) <= 1
    assert first.known["reads"] + second.known["reads"] == 89
    assert len(ask_sources(checks, 2, 6 * HOUR, {first.at})) == 1


def test_a_transformer_replaced_on_a_day_scales_only_what_comes_after_it() -> None:
    scales = Scales(((0, Scale(current=(100, 5))), (10 * HOUR + 7 * MINUTE, Scale(current=(200, 5)))))
    start = 9 * HOUR + np.arange(8) * 15 * MINUTE
    assert scales.canonical(start, np.full(8, 1000)).tolist() == [20.0] * 4 + [40.0] * 4
    with pytest.raises(ValueError, match="each later"):
        Scales(((5, Scale()), (5, Scale())))
