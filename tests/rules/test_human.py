"""The human machine: who has an episode in hand, and what is refused."""

from __future__ import annotations

import pytest

from rules.human import ALLOWED, LEADS_TO, Act, Hands, Refused, after
from steward.model import Condition, Human

FIRING, RESOLVED = Condition.FIRING, Condition.RESOLVED


@pytest.mark.parametrize("state", list(Human))
@pytest.mark.parametrize("act", list(Act))
def test_every_act_leads_where_the_table_says_or_changes_nothing_or_is_refused_with_a_reason(state: Human, act: Act) -> None:
    hands = Hands(state, assigned_to="wang" if state is Human.ASSIGNED else "", closed_by="li")
    if state is Human.CLOSED and act in (Act.ASSIGN, Act.START):
        with pytest.raises(Refused, match="closed by li"):
            after(hands, act, "zhao", 5, RESOLVED, "team")
        return
    changed = after(hands, act, "zhao", 5, RESOLVED, "team")
    assert changed.state is (LEADS_TO[act] if act in ALLOWED[state] else state)


def test_any_act_says_that_somebody_has_seen_it_and_the_first_one_stays() -> None:
    started = after(Hands(), Act.START, "wang", 5, FIRING)
    assert (started.state, started.acknowledged_at, started.acknowledged_by) == (Human.IN_PROGRESS, 5, "wang")
    given = after(started, Act.ASSIGN, "li", 6, FIRING, "HVAC team")
    assert (given.state, given.assigned_to, given.acknowledged_by) == (Human.ASSIGNED, "HVAC team", "wang")
    closed = after(given, Act.CLOSE, "li", 9, RESOLVED)
    assert (closed.state, closed.closed_at, closed.closed_by, closed.assigned_to) == (Human.CLOSED, 9, "li", "HVAC team")


@pytest.mark.parametrize("condition", [Condition.PENDING, FIRING])
def test_what_is_not_over_cannot_be_closed_and_the_reason_says_what_to_do(condition: Condition) -> None:
    with pytest.raises(Refused, match=f"it is {condition}.*shelve it"):
        after(Hands(), Act.CLOSE, "li", 5, condition)


def test_an_act_that_says_what_is_so_already_changes_nothing() -> None:
    seen = after(Hands(), Act.ACKNOWLEDGE, "li", 5, FIRING)
    assert after(seen, Act.ACKNOWLEDGE, "wang", 6, FIRING) == seen
    given = after(seen, Act.ASSIGN, "li", 7, FIRING, "wang")
    assert after(given, Act.ASSIGN, "li", 8, FIRING, "wang") == given
    assert after(given, Act.ACKNOWLEDGE, "li", 8, FIRING) == given
    closed = after(given, Act.CLOSE, "li", 9, RESOLVED)
    assert after(closed, Act.ACKNOWLEDGE, "li", 10, RESOLVED) == closed


def test_an_alert_is_not_given_to_nobody() -> None:
    with pytest.raises(Refused, match="nobody is named"):
        after(Hands(), Act.ASSIGN, "li", 5, FIRING, "  ")
