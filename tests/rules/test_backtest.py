"""A rule over history gives what it would have given live; episodes, scores, sweeps and diffs of two versions."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rules.backtest import Episode, Trial
from rules.engine import Engine
from rules.load import load
from rules.scoring import Label, Places, curve, difference, score, variants
from rules.testing import facility_of
from steward.model import Batch, Condition, Facility, PointIndex, Severity
from steward.units import DAY, HOUR, MINUTE, SECOND

START = 1_767_571_200 * SECOND
POINTS = [
    {"id": "m1", "metric": "power", "equip": "pump", "equip_type": "pump", "device": "d1"},
    {"id": "m2", "metric": "power", "equip": "fan", "device": "d2"},
]
HIGH = {"id": "high", "kind": "threshold", "match": {"metric": "power"}, "above": "90W", "for": "5m"}
SILENT = {"id": "silent", "kind": "stale"}


def world() -> tuple[Facility, PointIndex]:
    facility = facility_of(POINTS, {})
    return facility, PointIndex(facility.points)


def trial(*tables: dict[str, object], start: int = START) -> Trial:
    facility, index = world()
    loaded = load([(str(number), table) for number, table in enumerate(tables)], facility)
    assert not loaded.problems
    return Trial(loaded.rules, facility, index, start)


def day(point: int, value: np.ndarray, start: int = START, step: int = MINUTE) -> Batch:
    at = start + np.arange(len(value)) * step
    return Batch.of(np.full(len(value), point), at, value)


def high(spans: list[tuple[int, int]], minutes: int = 1440) -> np.ndarray:
    value = np.full(minutes, 50.0)
    for first, last in spans:
        value[first:last] = 95.0
    return value


def test_an_episode_has_the_times_that_live_judging_would_have_given_it() -> None:
    one = trial(HIGH)
    one.feed(day(0, high([(600, 660)])))
    (episode,) = one.outcome(START + DAY).episodes
    assert (episode.since - START, episode.fired - START) == (600 * MINUTE, 605 * MINUTE)
    assert episode.resolved == START + 660 * MINUTE
    assert episode.worst == 95.0
    assert one.outcome().hours("high") == pytest.approx(55 / 60)


@settings(max_examples=25)
@given(st.lists(st.tuples(st.integers(0, 119), st.integers(1, 30)), max_size=4), st.sets(st.integers(1, 119), max_size=5))
def test_blocks_may_be_cut_anywhere(spans: list[tuple[int, int]], cuts: set[int]) -> None:
    value = high([(first, first + length) for first, length in spans], 120)
    whole, cut = trial(HIGH, SILENT), trial(HIGH, SILENT)
    batch = day(0, value)
    whole.feed(batch)
    edges = [0, *sorted(cuts), len(value)]
    for first, last in pairwise(edges):
        cut.feed(batch.take(np.arange(first, last)))
    assert cut.outcome(START + DAY).episodes == whole.outcome(START + DAY).episodes


def test_the_same_samples_live_give_the_same_episodes() -> None:
    facility, index = world()
    rules = load([("0", HIGH)], facility).rules
    value = high([(10, 30), (300, 304), (900, 1440)])
    engine = Engine(rules, facility, index, lateness=0)
    stated = engine.resume(START)
    for row in range(len(value)):
        stated += engine.feed(day(0, value[row : row + 1], START + row * MINUTE), START + row * MINUTE)
    live = {(one.since, one.fired) for one in stated if one.condition is Condition.FIRING}
    one = trial(HIGH)
    one.feed(day(0, value))
    assert {(episode.since, episode.fired) for episode in one.outcome(START + DAY).episodes} == live
    assert len(live) == 2


def test_silence_is_found_in_the_past_and_ends_with_the_next_sample() -> None:
    one = trial(SILENT)
    talk = np.full(1440, 50.0)
    both = Batch.concat([day(0, talk), day(1, talk)])
    silent = (both.point == 1) & (both.at >= START + 300 * MINUTE) & (both.at < START + 400 * MINUTE)
    one.feed(both.take(~silent))
    (episode,) = one.outcome(START + DAY).episodes
    assert episode.target == "d2"
    assert episode.fired - START == pytest.approx(302 * MINUTE, abs=MINUTE)
    assert episode.resolved == START + 400 * MINUTE


def test_samples_in_any_order_within_a_block_and_imported_at_any_time_give_the_same() -> None:
    batch = Batch.concat([day(0, high([(60, 90)])), day(1, high([(100, 300)]))])
    order = np.random.default_rng(1).permutation(len(batch))
    mixed = batch.take(order)
    imported = Batch(mixed.point, mixed.at, np.full(len(mixed), START + 400 * DAY), mixed.value, mixed.quality,
                     np.ones(len(mixed), np.bool_))  # fmt: skip
    plain, other = trial(HIGH), trial(HIGH)
    plain.feed(batch)
    other.feed(imported)
    assert other.outcome(START + DAY).episodes == plain.outcome(START + DAY).episodes
    assert len(plain.outcome().episodes) == 2


def test_history_that_reaches_back_is_refused() -> None:
    one = trial(HIGH)
    one.feed(day(0, high([])))
    with pytest.raises(ValueError, match="reaches back"):
        one.feed(day(0, high([])))


def test_what_was_over_before_the_start_is_not_counted_but_warms_the_rules_up() -> None:
    stuck = {"id": "stuck", "kind": "stuck", "duration": "4h", "match": {"metric": "power"}}
    one = trial(stuck, start=START + 4 * HOUR)
    assert one.begin == START
    one.feed(day(0, np.full(1440, 50.0)))
    (episode,) = one.outcome(START + DAY).episodes
    assert episode.fired == START + 4 * HOUR


def test_an_alert_that_lasts_at_the_end_is_open() -> None:
    one = trial(HIGH)
    one.feed(day(0, high([(1400, 1440)])))
    (episode,) = one.outcome(START + DAY).episodes
    assert episode.resolved is None
    assert episode.end(START + DAY) == START + DAY


# -- scores


def episode(target: str, fired: float, ended: float | None, rule: str = "r") -> Episode:
    at = START + int(fired * HOUR)
    return Episode(rule, "threshold", Severity.LOW, target, (target,), at, at,
                   None if ended is None else START + int(ended * HOUR), 1.0, 1.0, 0.0, {})  # fmt: skip


def label(target: str, start: float, end: float, true: bool = True) -> Label:
    return Label(START + int(start * HOUR), START + int(end * HOUR), target, true=true)


PLACES = Places(facility_of(POINTS, {}))


def test_episodes_are_right_wrong_or_unknown_and_labels_found_once() -> None:
    episodes = [episode("m1", 2, 3), episode("m1", 3.5, 4), episode("m2", 9, 10), episode("m2", 20, 21)]
    labels = [label("m1", 1, 5), label("m2", 8, 11, true=False), label("m1", 12, 13)]
    partly = score(episodes, labels, PLACES, START + DAY, complete=False)
    assert (partly.right, partly.wrong, partly.unknown, partly.found, partly.missed) == (2, 1, 1, 1, 1)
    assert partly.delay == 3600
    assert partly.precision == pytest.approx(2 / 3)
    assert partly.recall == pytest.approx(1 / 2)
    whole = score(episodes, labels, PLACES, START + DAY, complete=True)
    assert (whole.right, whole.wrong, whole.unknown) == (2, 2, 0)


def test_a_label_of_an_equip_speaks_of_its_points_and_of_nothing_else() -> None:
    found = score([episode("m1", 2, 3), episode("m2", 2, 3)], [label("pump", 1, 4)], PLACES, START + DAY, complete=True)
    assert (found.right, found.wrong) == (1, 1)


def test_an_episode_without_an_end_reaches_to_the_end_of_the_history() -> None:
    found = score([episode("m1", 2, None)], [label("m1", 10, 12)], PLACES, START + DAY, complete=True)
    assert found.right == 1
    assert found.delay == 0


def test_nothing_counted_gives_no_rate() -> None:
    nothing = score([], [], PLACES, START + DAY, complete=True)
    assert nothing.precision is None
    assert nothing.recall is None
    assert nothing.f1 == 0.0


# -- sweeps and versions


def swept(labels: list[Label], spans: list[tuple[int, int]], values: list[str]) -> object:
    tables = [table for _, table in variants(HIGH, "above", values)]
    one = trial(*tables)
    value = high(spans)
    value[1200:1230] = 80.0
    one.feed(day(0, value))
    return curve(one.outcome(START + DAY), "high", "above", values, labels, PLACES, complete=True)


def test_a_sweep_suggests_the_limit_with_the_best_f1() -> None:
    result = swept([label("m1", 10, 11)], [(600, 660)], ["70W", "90W", "99W"])
    assert [row.episodes for row in result.rows] == [2, 1, 0]
    assert result.suggested == "90W"
    assert "F1 (1.00)" in result.why


def test_a_sweep_without_labels_takes_the_most_sensitive_value_that_people_can_bear() -> None:
    values = ["70W", "90W", "99W"]
    many = [(first, first + 30) for first in range(0, 1200, 60)]
    assert swept([], many, values).suggested is None
    tables = [table for _, table in variants(HIGH, "above", values)]
    one = trial(*tables)
    for number in range(40):
        one.feed(day(0, high([(60, 120)] if number == 3 else [], 480), START + number * DAY, 3 * MINUTE))
    result = curve(one.outcome(START + 40 * DAY), "high", "above", values, [], PLACES, complete=False)
    assert result.suggested in ("70W", "90W")
    assert "no labels" in result.why


def test_variants_reach_into_tables_and_leave_the_rule_as_it_was() -> None:
    table = {"id": "a", "kind": "threshold", "while": {"role": "fan", "above": 0}}
    (_, first), (_, second) = variants(table, "while.above", [1, 2])
    assert (first["while"]["above"], second["while"]["above"], table["while"]["above"]) == (1, 2, 0)
    assert (first["id"], second["id"]) == ("a@0", "a@1")
    with pytest.raises(ValueError, match="without values"):
        variants(table, "above", [])


def test_two_versions_are_compared_episode_by_episode() -> None:
    later = {**HIGH, "id": "later", "for": "30m"}
    one = trial(HIGH, later)
    one.feed(day(0, high([(100, 110), (600, 660)])))
    outcome = one.outcome(START + DAY)
    lost, kept = difference(outcome, outcome, "high", "later")
    assert lost.after is None
    assert kept.before is not None
    assert kept.after is not None
    assert kept.shift == 25 * MINUTE
    assert kept.longer == -25 * MINUTE


def test_silence_before_the_start_says_nothing() -> None:
    slow = {"id": "slow", "kind": "stuck", "duration": "200h", "match": {"metric": "power"}}
    one = trial(SILENT, slow, start=START + 10 * DAY)
    assert one.begin < START + 2 * DAY
    one.feed(day(0, high([]), START + 10 * DAY))
    found = one.outcome(START + 11 * DAY).episodes
    assert {(episode.target, episode.fired - START - 10 * DAY) for episode in found} == {("d2", 3 * MINUTE)}
