"""What every rule kind must keep, over all kinds that there are."""

from __future__ import annotations

import inspect
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from rules import testing
from rules.load import kinds
from rules.testing import STANDARD, Case, Player, Sample
from steward.model import Nature
from steward.units import SECOND
from tests.rules.conformance import KINDS, Crashed, Minutes, Outlasted, Replayed, Restored, cases, quiet, told

EVERY_CASE = [(kind, name) for kind in KINDS for name in cases(kind)]
GATED = {"threshold": "equipment_off", "rate": "equipment_off", "stuck": "equipment_off_gate"}
WORLDS = [(kind, "fault") for kind in KINDS] + [("schedule", "night_flow_of_a_register"), ("schedule", "state_without_samples"),
          ("stale", "gateway_silent"), ("stale", "one_point_of_a_device"), *GATED.items()]  # fmt: skip
LONG = {"anomaly": 700, "network": 500, "leak": 400, "cycles": 1500, "consumption": 400}
"""Samples that a kind needs to be able to fire where the usual 120 are too few: these learn first."""
NEVER_OVER = {"balance", "cycles", "level", "sibling"}
"""Kinds whose case of a fault does not end."""
TIMED_BY_SAMPLES = [world for world in WORLDS if not kinds()[world[0]].PATIENT]
"""Absence is judged by ticks, between `pause` and `resume` not at all: its restart has tests of its own."""
few = settings(max_examples=8, deadline=None, suppress_health_check=list(HealthCheck))


@pytest.mark.parametrize(("kind", "name"), EVERY_CASE)
def test_a_rule_case_gives_what_it_expects(kind: str, name: str) -> None:
    assert testing.run(cases(kind)[name]).failures == []


@pytest.mark.parametrize("kind", KINDS)
def test_a_kind_has_the_ten_standard_cases(kind: str) -> None:
    assert set(STANDARD) <= set(cases(kind))


@pytest.mark.parametrize("kind", KINDS)
def test_a_case_of_a_kind_is_about_that_kind_and_expects_something(kind: str) -> None:
    for case in cases(kind).values():
        assert [rule.kind.NAME for rule in case.loaded.rules] == [kind]
        assert case.expect


@pytest.mark.parametrize("kind", KINDS)
def test_a_kind_is_documented_for_users_with_every_field_an_example_and_its_source(kind: str) -> None:
    text = inspect.getdoc(kinds()[kind]) or ""
    for name in kinds()[kind].__struct_fields__:
        assert f"`{name}`" in text, name
    assert "Example: `kind =" in text
    assert "Source:" in text


@pytest.mark.parametrize("kind", KINDS)
def test_an_alert_that_outlasts_its_condition_says_what_it_said_of_its_episode(kind: str) -> None:
    player = Outlasted(cases(kind)["fault"])
    player.play()
    assert player.differences == []
    assert player.outlasted or kind in NEVER_OVER


STEPS = st.sampled_from([-1.0, 0.0, 0.25, 1.0, 1.0, 1.0, 2.0, 7.0])
"""Times between two samples of a point, in expected intervals."""


def random_samples(case: Case) -> st.SearchStrategy[list[Sample]]:
    """Samples for the case's points: values that occur in the case, times that go on, stand still or fall back."""
    points = sorted(case.facility.points)
    pool = {point: sorted({one.value for one in case.samples if one.point == point}) or [0.0, 1.0] for point in points}
    interval = {point: case.facility.points[point].interval for point in points}
    lags = offsets(case)
    one = st.sampled_from(points).flatmap(
        lambda point: st.tuples(st.just(point), st.sampled_from(pool[point]), STEPS, st.integers(0, 20))
    )

    def lay(steps: list[tuple[str, float, float, int]]) -> list[Sample]:
        clock = dict.fromkeys(points, case.start)
        register = dict.fromkeys(points, 0.0)
        received = case.start
        samples: list[Sample] = []
        for point, value, step, oddity in steps:
            at = clock[point] + round(step * interval[point])
            if case.facility.points[point].nature is Nature.COUNTER:  # a register that stands or goes on, and at times falls
                register[point] = 0.0 if oddity == 2 else register[point] + min(value, pool[point][1])
                value = register[point]
            clock[point] = max(clock[point], at)
            received = max(received, at)
            at = received - lags[oddity % len(lags)] if lags else at
            samples.append(Sample(point, at, received, value, 2 if oddity == 0 else 0, oddity == 1))
        return samples

    return st.lists(one, min_size=1, max_size=60).map(lay)


def offsets(case: Case) -> list[int]:
    """How late the samples of a case come, ns, where its kind judges that; none where it does not."""
    judged = any(rule.kind.CLOCK == "offset" for rule in case.loaded.rules)
    return sorted({one.received - one.at for one in case.samples}) if judged else []


@pytest.mark.parametrize(("kind", "name"), WORLDS)
def test_batches_may_be_split_anywhere(kind: str, name: str) -> None:
    case = cases(kind)[name]

    @few
    @given(random_samples(case), st.sets(st.integers(1, 80)))
    def check(samples: list[Sample], split: set[int]) -> None:
        world = quiet(case, samples)
        whole = testing.run(world).statements
        assert told(testing.run(world, split).statements) == told(whole)
        assert told(testing.run(world, range(len(samples))).statements) == told(whole)

    check()


@pytest.mark.parametrize(("kind", "name"), WORLDS)
def test_two_runs_are_identical_and_leave_their_input_alone(kind: str, name: str) -> None:
    case = cases(kind)[name]
    player = Player(case)
    batch = testing.batch(case.samples, player.index)
    before = {name: getattr(batch, name).copy() for name in batch.__slots__}
    first = player.engine.feed(batch, case.end)
    for name, old in before.items():
        np.testing.assert_array_equal(getattr(batch, name), old)
    second = Player(case).engine.feed(batch, case.end)
    assert list(map(repr, first)) == list(map(repr, second))
    assert list(map(repr, testing.run(case).statements)) == list(map(repr, testing.run(case).statements))


@pytest.mark.parametrize(("kind", "name"), WORLDS)
def test_a_snapshot_restored_at_any_sample_changes_nothing(kind: str, name: str) -> None:
    case = cases(kind)[name]

    @few
    @given(random_samples(case), st.integers(0, 79))
    def check(samples: list[Sample], cut: int) -> None:
        world = quiet(case, samples)
        assert told(Restored(world, cut % len(samples)).play().statements) == told(testing.run(world).statements)

    check()


@pytest.mark.parametrize(("kind", "name"), TIMED_BY_SAMPLES)
def test_a_replay_over_an_overlap_after_a_crash_states_the_same_alerts(kind: str, name: str) -> None:
    case = cases(kind)[name]

    @few
    @given(random_samples(case), st.integers(0, 79), st.integers(0, 20), st.integers(0, 20))
    def check(samples: list[Sample], cut: int, lost: int, overlap: int) -> None:
        world = quiet(case, [replace(one, historical=False) for one in samples])
        cut %= len(samples)
        crash = min(cut + lost, len(samples) - 1)
        assert told(Crashed(world, cut, crash, overlap).play().statements) == told(testing.run(world).statements)

    check()


@pytest.mark.parametrize(("kind", "name"), TIMED_BY_SAMPLES)
def test_ticks_decide_when_a_statement_is_known_and_never_what_it_says(kind: str, name: str) -> None:
    case = cases(kind)[name]

    @few
    @given(random_samples(case))
    def check(samples: list[Sample]) -> None:
        # holds for samples that arrive before the watermark passes them: for those behind it time has passed already
        samples = [replace(one, received=one.at) for one in sorted(samples, key=lambda one: one.at)]
        often, seldom = quiet(case, samples), quiet(case, samples, tick=3 * 3600 * 10**9)
        seldom.end = often.end
        seldom.events = [(often.end, "tick", None)]
        assert told(testing.run(seldom).statements) == told(testing.run(often).statements)

    check()


@pytest.mark.parametrize(("kind", "name"), WORLDS)
def test_a_stretch_of_history_replayed_at_once_states_what_minute_by_minute_states(kind: str, name: str) -> None:
    case = cases(kind)[name]

    @few
    @given(random_samples(case), st.sets(st.integers(1, 79), max_size=3))
    def check(samples: list[Sample], cuts: set[int]) -> None:
        plain = [replace(one, received=one.at, historical=False) for one in sorted(samples, key=lambda one: one.at)]
        world = quiet(case, plain)
        assert told(Replayed(world, cuts).play().statements) == told(Minutes(world).play().statements)

    check()


@pytest.mark.parametrize(("kind", "name"), WORLDS)
def test_every_world_of_the_property_tests_can_fire(kind: str, name: str) -> None:
    """Without this the properties could hold for want of alerts."""
    case = cases(kind)[name]
    values: dict[str, list[float]] = {}
    for one in case.samples:
        values.setdefault(one.point, []).append(one.value)
    rng = np.random.default_rng(7)
    for _ in range(30):
        samples: list[Sample] = []
        for point, pool in values.items():
            at, value, lags, lag = case.start, pool[0], offsets(case), 0
            for _ in range(LONG.get(kind, 120)):
                at += case.facility.points[point].interval * int(rng.choice([1, 1, 1, 1, 1, 1, 2, 12]))
                if case.facility.points[point].nature is Nature.COUNTER:
                    value += pool[1]
                elif rng.random() < 0.1:
                    value = float(rng.choice(pool))
                    lag = int(rng.choice(lags)) if lags else 0
                samples.append(Sample(point, at, at + lag, value))
                if kind == "duplicates":  # a way of each message that is a second slower
                    samples.append(replace(samples[-1], received=at + lag + SECOND))
        if testing.run(quiet(case, sorted(samples, key=lambda one: one.received))).statements:
            return
    pytest.fail("thirty random worlds without an alert")
