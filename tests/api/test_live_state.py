"""The live state: values move forward only, silence shows, changes can be followed."""

from __future__ import annotations

import threading
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from steward.live import Freshness, LiveState
from steward.model import Batch, Facility, PointIndex, Quality
from steward.units import HOUR, MINUTE, SECOND
from tests.api.world import NOW, facility


def described_by(*intervals: str) -> Facility:
    points = "".join(
        f'[[point]]\nid = "p{number}"\nmetric = "power"\nsite = "s"\ninterval = "{interval}"\n'
        for number, interval in enumerate(intervals)
    )
    return facility(f'[[site]]\nid = "s"\n{points}')


@pytest.fixture
def live() -> LiveState:
    described = described_by("1m", "1m", "1h")
    return LiveState(PointIndex(described.points), described)


def value(live: LiveState, number: int = 0) -> float:
    return float(live.snapshot([number]).value[0])


def state(live: LiveState, now: int, number: int = 0) -> Freshness:
    live.refresh(now)
    return Freshness(int(live.snapshot([number]).freshness[0]))


def test_a_new_sample_moves_the_value_and_the_cursor(live: LiveState) -> None:
    live.update(Batch.of([0], [NOW], [5.0]))
    assert value(live) == 5.0
    assert live.changes(0).tolist() == [0]
    assert live.changes(live.cursor).tolist() == []


def test_of_a_batch_in_any_order_the_latest_sample_shows(live: LiveState) -> None:
    live.update(Batch.of([0, 1, 0, 0], [NOW + 1, NOW, NOW + 3, NOW + 2], [1.0, 7.0, 3.0, 2.0]))
    assert (value(live, 0), value(live, 1)) == (3.0, 7.0)


def test_a_late_sample_does_not_move_the_live_value(live: LiveState) -> None:
    live.update(Batch.of([0], [NOW], [5.0]))
    cursor = live.cursor
    live.update(Batch.of([0], [NOW - 1], [9.0], received=[NOW + SECOND]))
    assert (value(live), live.cursor) == (5.0, cursor)


def test_a_historical_sample_does_not_move_the_live_value_but_counts_at_the_start(live: LiveState) -> None:
    historical = Batch.of([0], [NOW], [5.0], historical=[True])
    live.update(historical)
    assert np.isnan(value(live))
    live.load(historical)
    assert value(live) == 5.0


def test_a_bad_sample_never_shows_and_an_uncertain_one_does(live: LiveState) -> None:
    live.update(Batch.of([0, 1], [NOW, NOW], [5.0, 6.0], quality=[Quality.BAD, Quality.UNCERTAIN]))
    assert np.isnan(value(live, 0))
    assert live.snapshot([1]).quality[0] == Quality.UNCERTAIN
    live.load(Batch.of([0], [NOW], [5.0], quality=[Quality.BAD]))
    assert np.isnan(value(live, 0))


def test_a_duplicate_delivery_changes_nothing(live: LiveState) -> None:
    batch = Batch.of([0], [NOW], [5.0])
    live.update(batch)
    cursor = live.cursor
    live.update(batch)
    assert live.cursor == cursor


def test_a_corrected_value_of_the_same_moment_replaces(live: LiveState) -> None:
    live.update(Batch.of([0], [NOW], [5.0]))
    live.update(Batch.of([0], [NOW], [6.0]))
    assert value(live) == 6.0


def test_a_clock_that_ran_ahead_does_not_freeze_the_value_when_it_is_set_right(live: LiveState) -> None:
    live.update(Batch.of([0], [NOW + 8 * HOUR], [5.0], received=[NOW]))
    live.update(Batch.of([0], [NOW + MINUTE], [6.0], received=[NOW + MINUTE]))
    assert value(live) == 6.0


def test_silence_longer_than_three_intervals_is_stale_and_is_a_change(live: LiveState) -> None:
    live.update(Batch.of([0, 2], [NOW, NOW], [5.0, 5.0]))
    assert state(live, NOW + 3 * MINUTE) == Freshness.FRESH
    cursor = live.cursor
    assert state(live, NOW + 3 * MINUTE + 1) == Freshness.STALE
    assert live.changes(cursor).tolist() == [0]
    assert state(live, NOW + 3 * MINUTE + 1, 2) == Freshness.FRESH
    assert live.stale(NOW + 3 * MINUTE + 1)[:3].tolist() == [True, False, False]


def test_how_long_silence_is_stale_can_be_set() -> None:
    described = described_by("1m")
    live = LiveState(PointIndex(described.points), described, stale_after=10)
    live.update(Batch.of([0], [NOW], [5.0]))
    assert state(live, NOW + 9 * MINUTE) == Freshness.FRESH
    assert state(live, NOW + 11 * MINUTE) == Freshness.STALE


def test_a_point_without_data_is_not_stale(live: LiveState) -> None:
    assert state(live, NOW) == Freshness.NO_DATA
    assert not live.stale(NOW).any()


def test_a_death_makes_values_stale_at_once_and_a_new_sample_revives_them(live: LiveState) -> None:
    live.update(Batch.of([0, 1], [NOW, NOW], [5.0, 5.0]))
    live.deaths([0], NOW + SECOND)
    assert state(live, NOW + SECOND) == Freshness.DEAD
    assert state(live, NOW + SECOND, 1) == Freshness.FRESH
    live.update(Batch.of([0], [NOW + 2 * SECOND], [5.5]))
    assert state(live, NOW + 2 * SECOND) == Freshness.FRESH


def test_a_birth_revives_values_that_are_not_too_old(live: LiveState) -> None:
    live.update(Batch.of([0], [NOW], [5.0]))
    live.deaths([0], NOW + SECOND)
    live.births([0])
    assert state(live, NOW + MINUTE) == Freshness.FRESH
    live.deaths([0], NOW + MINUTE)
    live.births([0])
    assert state(live, NOW + HOUR) == Freshness.STALE


def test_a_death_that_is_older_than_the_value_is_ignored(live: LiveState) -> None:
    live.update(Batch.of([0], [NOW], [5.0]))
    live.deaths([0], NOW - SECOND)
    assert state(live, NOW) == Freshness.FRESH


def test_the_death_of_what_was_never_heard_changes_nothing(live: LiveState) -> None:
    live.deaths([0, 999], NOW)
    assert (live.cursor, state(live, NOW)) == (0, Freshness.NO_DATA)


def test_points_of_a_reload_get_rows_and_new_intervals(live: LiveState) -> None:
    live.update(Batch.of([0], [NOW], [5.0]))
    live.rebind(described_by("1h", "1m", "1h", "1m"))
    assert state(live, NOW + 2 * HOUR) == Freshness.FRESH
    live.update(Batch.of([3], [NOW], [8.0]))
    assert value(live, 3) == 8.0


def test_a_sample_of_a_point_that_is_not_bound_yet_is_kept() -> None:
    index = PointIndex()
    live = LiveState(index, described_by())
    for number in range(3000):
        index.add(f"q{number}")
    live.update(Batch.of([2999], [NOW], [8.0]))
    assert value(live, 2999) == 8.0
    assert state(live, NOW + 1000 * HOUR, 2999) == Freshness.FRESH, "nobody said how often it is expected"


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.tuples(st.integers(0, 2), st.integers(0, 20), st.integers(0, 3)), min_size=1, max_size=40),
    st.lists(st.integers(1, 39), max_size=5),
)
def test_however_samples_are_cut_into_batches_the_same_values_show(rows: list[tuple[int, int, int]], cuts: list[int]) -> None:
    described = described_by("1m", "1m", "1m")

    def shown(parts: list[list[tuple[int, int, int]]]) -> str:
        live = LiveState(PointIndex(described.points), described)
        for part in parts:
            if part:
                point, at, number = zip(*part, strict=True)
                live.update(Batch.of(point, [NOW + moment for moment in at], [float(each) for each in number]))
        return str(live.snapshot([0, 1, 2]).value)

    edges = sorted({0, len(rows), *(cut for cut in cuts if cut < len(rows))})
    parts = [rows[start:end] for start, end in pairwise(edges)]
    assert shown(parts) == shown([rows])


def test_a_reader_never_sees_half_a_batch() -> None:
    described = described_by(*["1m"] * 50)
    live = LiveState(PointIndex(described.points), described)
    numbers = np.arange(50, dtype=np.int32)
    live.update(Batch.of(numbers, np.full(50, NOW), np.zeros(50)))
    done = threading.Event()

    def write() -> None:
        for step in range(1, 400):
            live.update(Batch.of(numbers, np.full(50, NOW + step), np.full(50, float(step))))
        done.set()

    writer = threading.Thread(target=write)
    writer.start()
    reads = 0
    while not done.is_set() or reads == 0:
        seen = live.snapshot(numbers)
        assert len(set(seen.value.tolist())) == 1
        assert (seen.at - NOW == seen.value).all()
        reads += 1
    writer.join()
