"""Times as devices write them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from collectors.formats.times import EPOCH, epoch, instant, wall
from steward.errors import UndecodableMessage

NS = 1_000_000_000
NOON = 1_795_521_600 * NS  # 2026-11-24T12:00:00Z
BERLIN = ZoneInfo("Europe/Berlin")


def at(text: str) -> int:
    return round(datetime.fromisoformat(text).timestamp()) * NS


@pytest.mark.parametrize(
    "stated",
    [
        "2026-11-24T12:00:00Z",
        "2026-11-24T20:00:00+08:00",
        "2026-11-24 12:00:00+00:00",
        "20261124T120000Z",
        1_795_521_600,
        1_795_521_600.0,
        "1795521600",
        1_795_521_600_000,
        "1795521600000",
        1_795_521_600_000_000,
        1_795_521_600_000_000_000,
    ],
)
def test_one_moment_in_many_writings(stated: object) -> None:
    assert instant(stated) == NOON


@pytest.mark.parametrize("absent", [None, "", "  ", 0, 0.0, "0"])
def test_no_time_is_zero(absent: object) -> None:
    assert instant(absent) == 0


@pytest.mark.parametrize(
    "wrong",
    ["noon", "2026-11-24", "12:00:00", "2026-13-01T00:00:00Z", "2026-11-24T12:00:60Z", "1969-12-31T23:00:00Z",
     "9999-01-01T00:00:00Z", "2026-11-24T12:00:00", "2026-11-24T12:00:00Z" * 9, "1" * 30,
     -1, -0.5, float("nan"), float("inf"), 1e300, 1 << 80, True, [], {}],
)  # fmt: skip
def test_what_is_no_time_is_undecodable(wrong: object) -> None:
    with pytest.raises(UndecodableMessage, match="bad_time"):
        instant(wrong)


def test_a_configured_unit_goes_before_the_magnitude() -> None:
    assert instant(5_000, unit="ms") == 5 * NS
    assert instant(5_000, unit="s") == 5_000 * NS


def test_fractions_keep_their_digits() -> None:
    assert instant("2026-11-24T12:00:00.123456789Z") == NOON + 123_456_789
    assert instant("2026-11-24T12:00:00.1234567+00:00") == NOON + 123_456_700
    assert instant(1_795_521_600.25) == NOON + NS // 4


@settings(deadline=None)
@given(st.datetimes(datetime(1973, 4, 1), datetime(2200, 1, 1)))
def test_every_unit_of_every_moment_is_told_by_its_magnitude(moment: datetime) -> None:
    micro = (moment.replace(tzinfo=UTC) - EPOCH) // timedelta(microseconds=1)
    assert epoch(micro) == epoch(micro * 1000) == micro * 1000
    assert epoch(micro // 1000) == micro // 1000 * 1_000_000
    assert epoch(micro // 1_000_000) == micro // 1_000_000 * NS
    assert instant(moment.isoformat() + "+00:00") == micro * 1000


def test_a_local_time_is_read_in_the_sites_zone() -> None:
    assert wall("2026-07-01T14:00:00", BERLIN, 0) == at("2026-07-01T12:00:00+00:00")
    assert wall("2026-12-01T14:00:00", BERLIN, 0) == at("2026-12-01T13:00:00+00:00")
    assert wall("2026-12-01T14:00:00+08:00", BERLIN, 0) == at("2026-12-01T06:00:00+00:00")


def test_in_the_repeated_hour_the_arrival_decides() -> None:
    first, second = at("2026-10-25T00:30:00+00:00"), at("2026-10-25T01:30:00+00:00")
    assert wall("2026-10-25T02:30:00", BERLIN, first + 3 * NS) == first
    assert wall("2026-10-25T02:30:00", BERLIN, second + 3 * NS) == second
    assert wall("2026-10-25T02:30:00", BERLIN, second + 86_400 * NS) == first


def test_a_skipped_wall_clock_time_is_read_as_if_the_clock_had_not_been_set() -> None:
    assert wall("2026-03-29T02:30:00", BERLIN, 0) == at("2026-03-29T01:30:00+00:00")


@settings(deadline=None)
@given(st.text(max_size=40))
def test_random_text_is_a_time_or_undecodable(text: str) -> None:
    try:
        at = instant(text, lambda wall_clock: wall(wall_clock, BERLIN, NOON))
    except UndecodableMessage as error:
        reason = error.reason
    else:
        assert at >= 0
        return
    assert reason == "bad_time"
