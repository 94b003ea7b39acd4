"""The delivery machine: scopes, windows in local time, chattering, settling, escalation."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from rules.delivery import (
    Chatter,
    ChatterLimit,
    Escalation,
    Step,
    decide,
    fits,
    next_change,
    occurrences,
    step_due,
    whereabouts,
    window_at,
)
from steward.model import Alert, Condition, Delivery, Severity
from steward.muting import Maintenance, Reason, Scope, Standing
from steward.units import DAY, HOUR, MINUTE, SECOND
from tests.rules.test_masking import facility


def at(text: str) -> int:
    return int(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp()) * SECOND


def alert(target: str = "d1.p", **more: object) -> Alert:
    facts: dict[str, object] = {"severity": Severity.LOW, "points": (target,), "condition": Condition.FIRING, "since": 5}
    return Alert("r", "threshold", target=target, at=5, **(facts | more))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("scope", "yes"),
    [
        (Scope(), False),
        (Scope(rule="r"), True),
        (Scope(rule="other"), False),
        (Scope(rule="r", target="d1.p"), True),
        (Scope(site="s", severity="low"), True),
        (Scope(site="s", severity="high"), False),
        (Scope(equip="chiller"), True),
        (Scope(device="gw"), True),
        (Scope(device="m"), False),
        (Scope(alert=alert().id), True),
    ],
)
def test_a_scope_fits_when_all_that_it_gives_fits_and_an_empty_one_fits_nothing(scope: Scope, yes: bool) -> None:
    assert fits(scope, alert(), whereabouts(facility(), "d1.p", ("d1.p",))) is yes


def test_a_space_covers_what_lies_in_the_spaces_below_it() -> None:
    where = whereabouts(facility(), "ahu", ())
    assert fits(Scope(space="plant"), alert("ahu"), where)
    assert not fits(Scope(space="roof"), alert("ahu"), where)
    assert whereabouts(facility(), "gone", ()).site == ""


def test_a_window_once_holds_from_its_start_to_its_end() -> None:
    window = Maintenance("w", Scope(rule="r"), "test", start=10, end=20)
    assert [window_at(window, moment) for moment in (9, 10, 19, 20)] == [None, (10, 20), (10, 20), None]
    assert window_at(replace(window, cancelled=15), 16) is None
    assert (next_change(window, 5), next_change(window, 10), next_change(window, 20)) == (10, 20, None)


def test_a_weekly_window_over_midnight_is_in_local_time_of_its_site() -> None:
    window = Maintenance("w", Scope(rule="r"), "test", days=(5,), begins=22 * 60, ends=2 * 60, zone="Asia/Shanghai")
    found = occurrences(window, at("2026-11-20 00:00"), at("2026-12-05 00:00"))
    assert found == [
        (at("2026-11-21 14:00"), at("2026-11-21 18:00")),
        (at("2026-11-28 14:00"), at("2026-11-28 18:00")),
    ]
    assert window_at(window, at("2026-11-21 17:59")) == found[0]
    bounded = replace(window, start=at("2026-11-22 00:00"), end=at("2026-11-28 15:00"))
    assert occurrences(bounded, at("2026-11-20 00:00"), at("2026-12-05 00:00")) == [
        (at("2026-11-28 14:00"), at("2026-11-28 15:00"))
    ]


def test_a_weekly_window_keeps_its_hours_when_the_clock_changes() -> None:
    window = Maintenance("w", Scope(rule="r"), "test", days=(6,), begins=60, ends=4 * 60, zone="Europe/Berlin")
    spring = occurrences(window, at("2026-03-28 12:00"), at("2026-03-29 12:00"))[0]
    autumn = occurrences(window, at("2026-10-24 12:00"), at("2026-10-25 12:00"))[0]
    assert ((spring[1] - spring[0]) // HOUR, (autumn[1] - autumn[0]) // HOUR) == (2, 4)


def test_three_episodes_in_ten_minutes_chatter_and_a_replay_counts_none_twice() -> None:
    chatter = Chatter(ChatterLimit(3, 10 * MINUTE, 10 * MINUTE))
    key = ("r", "t")
    assert [chatter.fired(key, minute * MINUTE) for minute in (0, 4, 4, 8)] == [False, False, False, True]
    assert chatter.quiet_at(key) == 18 * MINUTE
    slow = Chatter(ChatterLimit(3, 10 * MINUTE, 10 * MINUTE))
    assert not any(slow.fired(key, minute * MINUTE) for minute in (0, 6, 12, 18, 24))
    chatter.forget(HOUR)
    assert chatter.quiet_at(key) is None


MASK = Reason(Delivery.INHIBITED, "cause", "stale: gw")
SHELF = Reason(Delivery.SHELVED, "s", "belt", "li", 99 * MINUTE)


def test_the_gravest_reason_decides_and_all_are_kept() -> None:
    standing = decide(Standing(), [SHELF, MASK], 5, MINUTE)
    assert (standing.state, standing.since, standing.reasons) == (Delivery.INHIBITED, 5, (MASK, SHELF))
    assert decide(standing, [MASK, SHELF], 9, MINUTE) is standing, "nothing new: nothing changes"


def test_what_was_inhibited_waits_a_moment_after_its_cause_has_cleared() -> None:
    masked = decide(Standing(), [MASK], 0, MINUTE)
    waiting = decide(masked, [], 10 * SECOND, MINUTE)
    assert (waiting.state, waiting.reasons[0].until) == (Delivery.INHIBITED, 70 * SECOND)
    assert decide(waiting, [], 69 * SECOND, MINUTE).state is Delivery.INHIBITED
    assert decide(waiting, [], 70 * SECOND, MINUTE).state is Delivery.DELIVERABLE
    again = decide(waiting, [MASK], 30 * SECOND, MINUTE)
    assert again.reasons == (MASK,), "the cause is back"
    shelved = decide(decide(waiting, [SHELF], 20 * SECOND, MINUTE), [SHELF], 70 * SECOND, MINUTE)
    assert shelved.state is Delivery.SHELVED


STEPS = Escalation(
    "e", frozenset(("critical",)), frozenset(("s",)),
    (Step(1, "unacknowledged", 15 * MINUTE, ("office",)), Step(2, "uncleared", 4 * HOUR, ("head",))),
)  # fmt: skip


def test_an_escalation_goes_step_by_step_from_the_moment_at_which_the_alert_could_be_told() -> None:
    standing = Standing(since=HOUR, told=HOUR)
    assert step_due(STEPS, standing, waiting=True) == (STEPS.steps[0], HOUR + 15 * MINUTE)
    assert step_due(STEPS, standing, waiting=False) == (STEPS.steps[1], 5 * HOUR), "somebody has seen it"
    assert step_due(STEPS, replace(standing, level=1), waiting=True) == (STEPS.steps[1], 5 * HOUR)
    assert step_due(STEPS, replace(standing, level=2), waiting=True) is None, "no step twice"
    assert step_due(STEPS, replace(standing, state=Delivery.SHELVED), waiting=True) is None
    released = replace(standing, since=DAY)
    assert step_due(STEPS, released, waiting=True) == (STEPS.steps[0], DAY + 15 * MINUTE)


def test_an_escalation_is_for_its_severities_and_sites() -> None:
    assert STEPS.fits("critical", "s")
    assert not STEPS.fits("low", "s")
    assert not STEPS.fits("critical", "elsewhere")
    assert Escalation("all", frozenset(), frozenset(), ()).fits("low", "anywhere")
