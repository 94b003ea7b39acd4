"""Late and corrected data restate what they touch, on record; a closed month keeps its figure; a state comes back whole."""

from __future__ import annotations

import numpy as np
import pytest

from metering.declarations import Declaration, Declared
from metering.intervals import QUARTER, Flag, Method
from metering.ledger import Ledger
from metering.profile import Profile, learn
from metering.reads import Parameters, Reads
from metering.restate import Reason
from steward.units import DAY, HOUR
from tests.metering.series import STEADY, around, between, ledger


def steady(hours: int = 240, slope: int = 40) -> tuple[np.ndarray, np.ndarray]:  # type: ignore[type-arg]
    at = np.arange(hours, dtype=np.int64) * HOUR
    return at, 1000 + slope * np.arange(hours)


def with_hole(first: int, last: int) -> tuple[Ledger, Reads]:
    """A ledger that has not yet got the reads [first, last), and those reads; they rise fast at the end of the hole."""
    at, value = steady()
    value = value + np.where(np.arange(len(at)) >= last - 1, 60, 0)
    late = (np.arange(len(at)) >= first) & (np.arange(len(at)) < last)
    made = Ledger("m", Parameters(rate=400, cadence=HOUR))
    made.add(Reads.of(at[~late], value[~late]))
    return made, Reads.of(at[late], value[late], received=300 * HOUR)


def test_late_reads_restate_exactly_their_span_with_both_values_on_record() -> None:
    made, late = with_hole(100, 106)
    before = made.intervals()
    (revision,) = made.add(late)
    after = made.intervals()
    changed = before.start[before.value != after.value]
    assert revision.reason is Reason.LATE
    assert revision.at == 300 * HOUR
    np.testing.assert_array_equal(revision.start, changed)
    np.testing.assert_array_equal(revision.old, before.value[np.isin(before.start, changed)])
    np.testing.assert_array_equal(revision.new, after.value[np.isin(after.start, changed)])
    assert changed.min() >= 99 * HOUR
    assert changed.max() < 106 * HOUR
    assert (after.revision[np.isin(after.start, changed)] == revision.number).all()
    assert before.total() == after.total()
    assert before.has(Flag.SPREAD).any()
    assert not after.has(Flag.SPREAD).any()


def test_a_repeated_read_is_no_revision() -> None:
    made, late = with_hole(100, 106)
    made.add(late)
    assert made.add(late) == []
    assert len(made.revisions) == 1


def test_a_closed_month_keeps_its_figure_and_later_restatements_are_adjustments() -> None:
    made, late = with_hole(100, 106)
    closing = made.close(0, 103 * HOUR, 250 * HOUR)
    assert closing.settled
    figure = closing.value
    (revision,) = made.add(late)
    (adjustment,) = made.adjustments
    assert made.closings[0].value == figure
    assert (adjustment.revision, adjustment.at) == (revision.number, 300 * HOUR)
    assert figure + adjustment.difference == made.intervals(0, 103 * HOUR).total()
    assert adjustment.difference != 0


def test_a_month_closed_on_provisional_intervals_says_so() -> None:
    made, _ = with_hole(100, 106)
    assert not made.close(0, 239 * HOUR, 240 * HOUR).settled


def test_a_declared_swap_with_its_reads_is_exact() -> None:
    at, raw = around([5000, 81234], 10)
    made = ledger(at, raw)
    moment = int(at[STEADY]) + HOUR // 2
    assert [one.topic for one in made.questions()] == ["swap"]
    revisions = made.declare(Declaration(moment, Declared.SWAP, end=5004, start=81227, by="li"), 10**18)
    assert revisions[0].reason is Reason.DECLARATION
    assert between(made, int(at[STEADY]), int(at[STEADY + 1])) == 4 + 7
    assert not made.questions()
    assert made.intervals(moment, moment + 1).method[0] == Method.MANUAL


def test_a_declared_unit_and_a_decided_consumption_hold_whatever_the_reads_say() -> None:
    at, raw = around([5000, 5010000], 10, after=1000)
    made = ledger(at, raw)
    made.declare(Declaration(int(at[STEADY + 1]), Declared.UNIT, power=3), 0)
    assert between(made, int(at[0]), int(at[-1])) == 10 * (2 * STEADY + 1)
    made = ledger(*around([5000, 81234], 10))
    made.declare(Declaration(int(at[STEADY]), Declared.CONSUMPTION, until=int(at[STEADY + 1]), value=17), 0)
    assert between(made, int(at[0]), int(at[-1])) == 10 * 2 * STEADY + 17
    with pytest.raises(ValueError, match="without a value"):
        Declaration(0, Declared.CONSUMPTION, until=5)


def test_discarded_reads_are_labelled_and_change_no_total() -> None:
    at, raw = around([5000, 5010, 5020], 10)
    made = ledger(at, raw)
    total = made.intervals().total()
    made.declare(Declaration(int(at[STEADY + 1]), Declared.DISCARD, until=int(at[STEADY + 1])), 0)
    assert made.intervals().total() == total
    assert list(made.labels().values()) == ["discarded"]


def test_a_limit_set_later_is_a_revision_by_parameter() -> None:
    at, raw = around([5000, 5900], 10)
    made = ledger(at, raw, rate=300)
    assert made.intervals().has(Flag.ABOVE_LIMIT).any()
    made.set_parameter(Parameters(rate=1000, cadence=HOUR, reason="li"), 5)
    assert not made.intervals().has(Flag.ABOVE_LIMIT).any()


def test_limits_are_learned_from_what_is_settled_and_change_nothing_until_they_are_set() -> None:
    at, value = steady(400, 10)
    made = Ledger("m", Parameters(cadence=HOUR))
    made.add(Reads.of(at, value))
    learned = made.learn()
    assert learned is not None
    assert learned.rate == 200
    assert learned.daily == 1000
    assert made.parameters[0].rate is None


def test_a_gap_takes_the_shape_of_the_register_and_keeps_its_total() -> None:
    hours = 24 * 60
    at = np.arange(hours, dtype=np.int64) * HOUR
    step = np.where((at // HOUR % 24 >= 8) & (at // HOUR % 24 < 18), 50, 2)
    value = np.cumsum(step)
    keep = np.ones(hours, np.bool_)
    keep[1200:1224] = False
    made = Ledger("m", Parameters(rate=400, cadence=HOUR))
    made.add(Reads.of(at[keep], value[keep]))
    flat = made.intervals()
    profile = learn(made.intervals(0, 1100 * HOUR), "UTC")
    assert profile is not None
    (revision,) = made.set_profile(profile, 7)
    shaped = made.intervals()
    assert revision.reason is Reason.PROFILE
    assert revision.difference == 0
    assert shaped.total() == flat.total()
    truth = np.repeat(step[1:] * 250, 4)
    assert np.abs(shaped.value - truth).sum() < 0.2 * np.abs(flat.value - truth).sum()
    assert shaped.has(Flag.PROFILE).sum() == 25 * 4
    assert learn(made.intervals(0, 100 * HOUR), "UTC") is None


def test_a_profile_knows_the_days_that_are_worked() -> None:
    weights = np.stack((np.full(24, 1), np.full(24, 9))).astype(np.int64)
    saturday, monday = 2 * DAY, 4 * DAY
    plain = Profile(weights, "UTC")
    swapped = Profile(weights, "UTC", rest=frozenset({4}), worked=frozenset({2}))
    assert plain.of(np.array([saturday, monday])).tolist() == [1, 9]
    assert swapped.of(np.array([saturday, monday])).tolist() == [9, 1]


def test_a_state_comes_back_whole() -> None:
    made, late = with_hole(100, 106)
    made.close(0, 103 * HOUR, 250 * HOUR)
    made.add(late)
    made.declare(Declaration(50 * HOUR, Declared.CONFIRM), 9)
    other = Ledger.restore(made.state())
    np.testing.assert_array_equal(other.intervals().value, made.intervals().value)
    np.testing.assert_array_equal(other.intervals().revision, made.intervals().revision)
    assert other.adjustments == made.adjustments
    at, value = steady(300)
    more = Reads.of(at[240:], value[240:] + 60)
    made.add(more)
    other.add(more)
    np.testing.assert_array_equal(other.intervals().value, made.intervals().value)
    assert other.settled_until == made.settled_until


def test_a_conflict_is_held_counts_nothing_and_is_asked_until_a_person_decides() -> None:
    at, raw = around([5000, 80000, 300, 91000, 12, 70000, 44, 66000, 5100], 10)
    wild = [5000.0, 80000, 80010, 80020, 80030, 80040, 300, 310, 320, 330, 340, 91000, 91010, 91020, 91030, 91040]
    wild += [12, 22, 32, 42, 52, 70000, 70010, 70020, 70030, 70040, 44, 54, 64, 74, 84]
    at, raw = around(wild, 10)
    made = ledger(at, raw)
    (question,) = [one for one in made.questions() if one.topic == "conflict"]
    link = next(one for one in made.evidence(0, int(at[-1])) if one.kind == "conflict")
    assert link.consumption == 0
    assert link.high > 0
    assert made.intervals(link.start, link.end).has(Flag.UNRESOLVED).all()
    decided = next(answer for answer in question.answers if answer.action == "consumption")
    made.declare(Declaration(int(decided.values["at"]), Declared.CONSUMPTION, until=int(decided.values["until"]), value=250), 1)
    assert not [one for one in made.questions() if one.topic == "conflict"]
    assert between(made, link.start, link.end) == 250
    assert QUARTER == 15 * 60 * 10**9
