"""Seasons without consumption settle, a register that stands still too long is asked about, and catching up loses nothing."""

from __future__ import annotations

import numpy as np

from metering.intervals import Flag
from metering.ledger import Ledger
from metering.questions import Topic
from metering.reads import Parameters, Reads
from steward.units import DAY, HOUR

BUSY = 24 * 10


def season(days: int, jitter: bool = False, after: int = 0) -> Ledger:
    """Ten busy days, `days` without consumption (one read a unit low in the middle), then `after` busy hours."""
    value = np.concatenate((1000 + 10 * np.arange(BUSY), np.full(24 * days, 1000 + 10 * (BUSY - 1))))
    if jitter:
        value[BUSY + 12 * days] -= 1
    value = np.concatenate((value, value[-1] + 10 * np.arange(1, after + 1)))
    made = Ledger("m", Parameters(rate=300, daily=2000, cadence=HOUR, still=6 * HOUR))
    made.add(Reads.of(np.arange(len(value)) * HOUR, value))
    return made


def test_a_season_without_consumption_settles_although_nothing_moves() -> None:
    for jitter in (False, True):
        made = season(60, jitter)
        lag = int(made.reads.at[-1]) - made.settled_until
        assert lag <= 5 * 32 * HOUR
        gaps = np.diff(made.solution.at[made.solution.anchors])
        assert gaps.max() <= 11 * 32 * HOUR


def test_what_is_settled_in_a_season_without_consumption_stays_when_it_ends() -> None:
    made = season(60, True)
    edge = made.settled_until
    full = season(60, True, 100)
    one, other = made.intervals(0, edge), full.intervals(0, edge)
    np.testing.assert_array_equal(one.value, other.value)
    assert full.settled_until > edge


def test_a_register_that_stood_for_weeks_and_catches_up_loses_no_energy_and_moves_nothing_settled() -> None:
    made = season(20)
    edge, last = made.settled_until, int(made.reads.at[-1])
    jump = 1000 + 10 * (BUSY - 1) + 20 * 240
    more = np.arange(1, 80)
    revisions = made.add(Reads.of(last + more * HOUR, jump + 10 * more))
    assert made.solution.level[-1] == 1000 * (int(made.reads.value[-1]) - 1000)
    assert not [one for one in made.questions() if one.topic is Topic.SWAP]
    assert min(int(one.start.min()) for one in revisions) >= edge
    assert made.intervals(edge, last).total() > 0


def test_a_register_that_stands_longer_than_it_ever_did_is_flagged_and_asked_while_it_stands() -> None:
    made = season(3)
    (question,) = [one for one in made.questions() if one.topic is Topic.STUCK]
    assert question.at == (BUSY - 1) * HOUR
    assert question.known["reads"] == 24 * 3 + 1
    assert [one.action for one in question.answers] == ["confirm", "discard", "consumption"]
    every = made.intervals()
    assert every.has(Flag.STUCK).sum() == 4 * 24 * 3
    ended = season(3, after=12)
    assert ended.intervals().has(Flag.STUCK).any()
    assert not [one for one in ended.questions() if one.topic is Topic.STUCK]
    assert not season(0).intervals().has(Flag.STUCK).any()
    assert made.intervals(0, DAY).total() == 240_000
