"""Questions for a person: when they are asked, what they know, and that an answer settles them."""

from __future__ import annotations

from metering.declarations import Declaration, Declared
from metering.questions import Topic
from metering.reads import Parameters
from steward.units import HOUR
from tests.metering.series import STEADY, around, between, ledger


def test_a_rollover_of_unknown_digits_proposes_them_and_the_answer_closes_it() -> None:
    at, raw = around([999984, 20], 10)
    made = ledger(at, raw)
    (question,) = made.questions()
    assert question.topic is Topic.DIGITS
    answer = question.answers[0]
    assert (answer.action, answer.values["digits"], answer.consumption) == ("digits", 6, 36_000)
    made.set_parameter(Parameters(rate=300, digits=int(answer.values["digits"]), cadence=HOUR), 1)
    assert not made.questions()
    assert between(made, int(at[STEADY]), int(at[STEADY + 1])) == 36


def test_what_a_person_confirms_is_not_asked_again() -> None:
    made = ledger(*around([5000, 81234], 10))
    (question,) = made.questions()
    assert (question.known["before"], question.known["after"], question.known["low"]) == (5000, 81234, 0)
    assert made.declare(Declaration(question.at, Declared.CONFIRM, by="li"), 1) == []
    assert not made.questions()


def test_a_rise_above_the_limit_is_counted_and_asked_with_the_limit_that_it_needs() -> None:
    made = ledger(*around([5000, 5900], 10))
    (question,) = made.questions()
    assert question.topic is Topic.LIMIT
    assert next(one for one in question.answers if one.action == "limit").values["rate"] == 900
    assert question.known["consumption"] == 900_000


def test_a_reset_that_leaves_little_open_is_not_asked() -> None:
    assert not ledger(*around([5000, 7], 10)).questions()
