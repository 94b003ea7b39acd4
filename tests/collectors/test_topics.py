"""Filters and template patterns, by the cases of MQTT 3.1.1 section 4.7 and against a plain matcher of levels."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from collectors.topics import Pattern, consumers, covers, matches, overlap, problem, subscriptions

LEVELS = st.lists(st.sampled_from(["a", "b", "", "+", "$x"]), min_size=1, max_size=4)
TOPICS = st.lists(st.sampled_from(["a", "b", "", "$x"]), min_size=1, max_size=4).map("/".join)
FILTERS = st.tuples(LEVELS, st.booleans()).map(lambda made: "/".join([*made[0], "#"] if made[1] else made[0])).filter(bool)


@pytest.mark.parametrize(
    ("filter", "topic", "matched"),
    [
        ("sport/tennis/player1/#", "sport/tennis/player1", True),
        ("sport/tennis/player1/#", "sport/tennis/player1/score/wimbledon", True),
        ("sport/#", "sport", True),
        ("#", "a/b", True),
        ("sport/tennis/+", "sport/tennis/player1", True),
        ("sport/tennis/+", "sport/tennis/player1/ranking", False),
        ("sport/+", "sport", False),
        ("sport/+", "sport/", True),
        ("+/+", "/finance", True),
        ("/+", "/finance", True),
        ("+", "/finance", False),
        ("#", "$SYS/uptime", False),
        ("+/uptime", "$SYS/uptime", False),
        ("$SYS/#", "$SYS/uptime", True),
        ("a.b/(c)", "a.b/(c)", True),
        ("a.b", "axb", False),
        ("楼/+/温度", "楼/一层/温度", True),
    ],
)
def test_a_filter_matches_as_the_standard_says(filter: str, topic: str, matched: bool) -> None:
    assert matches(filter, topic) is matched


@pytest.mark.parametrize(
    ("pattern", "topic", "device"),
    [
        ("tele/{device}/#", "tele/plug_17/SENSOR", "plug_17"),
        ("tele/{device}/#", "tele/plug_17", "plug_17"),
        ("shelly-{device}/status", "shelly-ab12/status", "ab12"),
        ("{device}/x", "$SYS/x", None),
        ("a/{device}", "a/", None),
        ("a/b", "a/b", ""),
    ],
)
def test_a_template_pattern_captures_the_address(pattern: str, topic: str, device: str | None) -> None:
    assert Pattern(pattern).match(topic) == device


@pytest.mark.parametrize("pattern", ["", "a/#/b", "a#", "a+/b", "{device}/{device}", "a\0"])
def test_what_is_no_pattern_is_refused_with_the_reason(pattern: str) -> None:
    assert problem(pattern)
    with pytest.raises(ValueError, match="topic pattern"):
        Pattern(pattern)


@given(FILTERS, FILTERS, TOPICS)
def test_covers_and_overlap_agree_with_matching(one: str, other: str, topic: str) -> None:
    if matches(one, topic) and matches(other, topic):
        assert overlap(one, other)
        assert overlap(other, one)
    if covers(one, other) and matches(other, topic):
        assert matches(one, topic)


@given(st.lists(FILTERS, max_size=6), TOPICS)
def test_fewer_subscriptions_receive_the_same_topics(filters: list[str], topic: str) -> None:
    fewest = subscriptions(filters)
    assert any(matches(one, topic) for one in filters) == any(matches(one, topic) for one in fewest)


@pytest.mark.parametrize(
    ("one", "other", "both"),
    [
        ("a/+", "a/b", True),
        ("a/#", "a", True),
        ("+/b", "a/+", True),
        ("a/b", "a/c", False),
        ("a", "a/b", False),
        ("#", "$x", False),
    ],
)
def test_overlap_of_two_filters(one: str, other: str, both: bool) -> None:
    assert overlap(one, other) is both


def test_subscriptions_drop_what_another_covers_and_count_nats_consumers() -> None:
    filters = subscriptions(["tele/{device}/#", "tele/x/SENSOR", "stat/+/POWER", "tele/+/#"])
    assert filters == ("stat/+/POWER", "tele/+/#")
    assert consumers(filters) == 3
