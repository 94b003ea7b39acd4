"""How fast: backoff, rates in a sliding minute and second, and digests over the days on which clocks change."""

from __future__ import annotations

from datetime import UTC, datetime
from random import Random
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from steward.notices import RateLimit, Retries, Rhythm
from steward.units import DAY, HOUR, MINUTE, SECOND


@given(st.integers(1, 60), st.integers(0, 2**32))
def test_a_pause_is_between_half_and_the_whole_of_its_step_and_never_longer_than_the_longest(tried: int, seed: int) -> None:
    retries = Retries(8, 10 * SECOND, 30 * MINUTE)
    step = min(30 * MINUTE, 10 * SECOND * 2 ** (tried - 1))
    assert step / 2 <= retries.pause(tried, Random(seed)) <= step


def test_the_next_one_goes_when_the_oldest_of_the_last_twenty_is_a_minute_old() -> None:
    limit = RateLimit(20)
    for second in range(20):
        assert limit.wait(second * SECOND) == 0
        limit.count(second * SECOND)
    assert limit.wait(20 * SECOND) == 40 * SECOND
    assert limit.wait(MINUTE) == 0


def test_no_rate_never_waits_and_one_that_was_spent_before_a_restart_counts() -> None:
    free = RateLimit(0)
    for _ in range(100):
        free.count(0)
    assert free.wait(0) == 0
    spent = RateLimit(2, [50 * SECOND, 10 * SECOND])
    assert spent.wait(MINUTE) == 10 * SECOND


@given(st.lists(st.integers(0, 30 * SECOND), max_size=200), st.integers(1, 25), st.integers(0, 6))
def test_whoever_waits_as_told_never_passes_the_rate_in_any_minute_or_second(
    steps: list[int], per_minute: int, per_second: int
) -> None:
    limit, now, sent = RateLimit(per_minute, per_second=per_second), 0, []
    for step in steps:
        now += step
        now += limit.wait(now)
        assert limit.wait(now) == 0, "after the wait it may go"
        limit.count(now)
        sent.append(now)
    for moment in sent:
        assert sum(moment - MINUTE < one <= moment for one in sent) <= per_minute
        assert not per_second or sum(moment - SECOND < one <= moment for one in sent) <= per_second


def ns(text: str, zone: str = "UTC") -> int:
    return int(datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(zone)).timestamp()) * SECOND


def utc(moment: int) -> str:
    return datetime.fromtimestamp(moment // SECOND, UTC).isoformat(timespec="minutes")[:16]


@pytest.mark.parametrize(
    ("now", "last", "before"),
    [
        ("2026-03-28T12:00", "2026-03-28T07:00", "2026-03-27T07:00"),
        ("2026-03-29T05:59", "2026-03-28T07:00", "2026-03-27T07:00"),
        ("2026-03-29T06:00", "2026-03-29T06:00", "2026-03-28T07:00"),  # eight o'clock of summer time: 23 hours later
        ("2026-10-24T12:00", "2026-10-24T06:00", "2026-10-23T06:00"),
        ("2026-10-25T07:00", "2026-10-25T07:00", "2026-10-24T06:00"),  # 25 hours later
    ],
)
def test_a_daily_digest_comes_at_eight_by_the_clock_on_the_wall(now: str, last: str, before: str) -> None:
    rhythm = Rhythm(8 * 60, "Europe/Berlin")
    assert utc(rhythm.last(ns(now))) == last
    assert utc(rhythm.before(rhythm.last(ns(now)))) == before


def test_a_weekly_digest_covers_its_week_also_when_that_has_an_hour_less_or_more() -> None:
    rhythm = Rhythm(8 * 60, "Europe/Berlin", 0)
    for monday, hours in (("2026-03-23", 168), ("2026-03-30", 167), ("2026-10-26", 169)):
        moment = rhythm.last(ns(f"{monday}T12:00"))
        assert datetime.fromtimestamp(moment // SECOND, ZoneInfo("Europe/Berlin")).isoformat()[:16] == f"{monday}T08:00"
        assert moment - rhythm.before(moment) == hours * HOUR


@pytest.mark.parametrize("minute", [2 * 60 + 30, 3 * 60])
def test_a_digest_at_a_time_that_the_spring_leaves_out_still_comes_once_that_day(minute: int) -> None:
    rhythm = Rhythm(minute, "Europe/Berlin")
    moments = {rhythm.last(ns("2026-03-28T23:00") + quarter * 15 * MINUTE) for quarter in range(100)}
    days = sorted(datetime.fromtimestamp(one // SECOND, ZoneInfo("Europe/Berlin")).date().isoformat() for one in moments)
    assert days == ["2026-03-28", "2026-03-29", "2026-03-30"][: len(days)]
    assert "2026-03-29" in days


def test_a_digest_at_a_time_that_the_autumn_has_twice_comes_once() -> None:
    rhythm = Rhythm(2 * 60 + 30, "Europe/Berlin")
    moments = {rhythm.last(ns("2026-10-24T23:00") + quarter * 15 * MINUTE) for quarter in range(20)}
    assert len(moments) == 2, "yesterday's, then today's, once"


zones = st.sampled_from(["UTC", "Asia/Shanghai", "Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Asia/Kathmandu"])


@given(zones, st.integers(0, 1439), st.none() | st.integers(0, 6), st.integers(1_700_000_000, 1_900_000_000))
def test_periods_follow_each_other_without_gap_or_overlap(zone: str, minute: int, weekday: int | None, second: int) -> None:
    rhythm, now = Rhythm(minute, zone, weekday), second * SECOND
    last = rhythm.last(now)
    length = DAY if weekday is None else 7 * DAY
    assert last <= now < last + length + 2 * HOUR
    assert rhythm.last(last) == last
    before = rhythm.before(last)
    assert length - 2 * HOUR <= last - before <= length + 2 * HOUR
    assert rhythm.last(last - 1) == before
