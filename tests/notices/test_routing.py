"""Who is told: branch, site, category, rule, kind, severity, level, hours over midnight and in the site's own time."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from steward.app.notices.plan import Calendars
from steward.config import parse
from steward.notices import Item, Lane, Match, Recipient, Route, lanes, matching
from steward.notices.routing import group_key, spread
from steward.units import SECOND

ALWAYS: Callable[[str, str, int], bool] = lambda calendar, site, at: True  # noqa: E731
PEOPLE = {"li": Recipient("li", email="li@example.org"), "wu": Recipient("wu"), "an": Recipient("an", email="an@example.org")}
TYPES = {"mail": "email", "ding": "dingtalk", "hook": "webhook"}


def item(**more: Any) -> Item:
    values: dict[str, Any] = {
        "id": "x", "rule": "leak-night", "kind": "leak", "severity": "high", "status": "firing", "target": "a.water",
        "title": {}, "since": 0, "at": 0, "site": "a", "equip": "a.plant", "category": "B1",
        "organisations": ("province", "city", "bureau"),
    }  # fmt: skip
    return Item(**{**values, **more})


@pytest.mark.parametrize(
    ("match", "taken"),
    [
        (Match(), True),
        (Match(organisations=("bureau",)), True),
        (Match(organisations=("province",)), True),  # the branch below it
        (Match(organisations=("other", "city")), True),
        (Match(organisations=("bureau-2",)), False),
        (Match(sites=("a",)), True),
        (Match(sites=("b",)), False),
        (Match(categories=("B",)), True),  # B holds B1
        (Match(categories=("B1",)), True),
        (Match(categories=("B12",)), False),
        (Match(categories=("A", "")), False),
        (Match(rules=("leak-*",)), True),
        (Match(rules=("leak",)), False),
        (Match(rules=("x", "leak-night")), True),
        (Match(kinds=("leak",)), True),
        (Match(kinds=("no_flow",)), False),
        (Match(severities=("critical", "high")), True),
        (Match(severities=("low",)), False),
        (Match(organisations=("city",), sites=("a",), categories=("B",), severities=("low",)), False),  # all must hold
    ],
)
def test_a_match_takes_an_alert_when_every_part_that_is_given_holds(match: Match, taken: bool) -> None:
    assert match.takes(item()) is taken


def test_an_alert_of_no_organisation_and_no_category_is_taken_only_where_none_is_asked_for() -> None:
    bare = item(organisations=(), category="", site="", equip="")
    assert Match().takes(bare)
    assert not Match(organisations=("city",)).takes(bare)
    assert not Match(categories=("B",)).takes(bare)


def test_the_first_route_that_takes_an_alert_ends_it_unless_it_continues() -> None:
    grave = Route("grave", Match(severities=("critical", "high")), ("hook",), goes_on=True)
    water, rest = Route("water", Match(kinds=("leak",)), ("mail",)), Route("rest", Match(), ("ding",))
    routes = [grave, water, rest]
    names = [route.id for route in matching(routes, item(), 0, ALWAYS)]
    assert names == ["grave", "water"]
    assert [route.id for route in matching(routes, item(severity="low", kind="heat"), 0, ALWAYS)] == ["rest"]


@pytest.mark.parametrize(
    ("level", "names"), [(0, ["all"]), (1, ["head"]), (2, ["head", "director"]), (9, ["head", "director"])]
)
def test_a_route_of_a_level_takes_only_what_was_escalated_to_it(level: int, names: list[str]) -> None:
    routes = [
        Route("all", Match(), ("hook",)),
        Route("head", Match(), ("hook",), level=1, goes_on=True),
        Route("director", Match(), ("hook",), level=2),
    ]
    assert [route.id for route in matching(routes, item(), 0, ALWAYS, level)] == names


CALENDARS = """
[[calendar]]
id = "office"
hours = { mon-fri = "08:30-17:30" }
[[calendar]]
id = "night-shift"
hours = { mon-sun = "00:00-06:00, 22:00-24:00" }
[[site]]
id = "a"
name = "A"
time_zone = "Asia/Shanghai"
calendar = "office"
[[site]]
id = "b"
name = "B"
time_zone = "Europe/Berlin"
calendar = "office"
[[site]]
id = "never"
name = "N"
"""


@pytest.fixture(scope="module")
def is_open() -> Callable[[str, str, int], bool]:
    return Calendars(parse([("f.toml", CALENDARS)]).facility).is_open


def at(text: str, zone: str) -> int:
    return int(datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(zone)).timestamp()) * SECOND


@pytest.mark.parametrize(
    ("site", "zone", "moment", "channel"),
    [
        ("a", "Asia/Shanghai", "2026-11-24T08:29:59", "ding"),
        ("a", "Asia/Shanghai", "2026-11-24T08:30:00", "mail"),
        ("a", "Asia/Shanghai", "2026-11-24T17:29:59", "mail"),
        ("a", "Asia/Shanghai", "2026-11-24T17:30:00", "ding"),
        ("a", "Asia/Shanghai", "2026-11-28T10:00:00", "ding"),  # Saturday
        ("b", "Europe/Berlin", "2026-03-27T08:45:00", "mail"),
        ("b", "Europe/Berlin", "2026-03-30T08:45:00", "mail"),  # summer time since the day before
        ("b", "Europe/Berlin", "2026-10-26T08:15:00", "ding"),  # winter time again
        ("never", "UTC", "2026-11-28T03:00:00", "mail"),  # a place without a calendar never closes
    ],
)
def test_a_route_for_the_open_hours_goes_by_the_sites_own_clock(
    is_open: Callable[[str, str, int], bool], site: str, zone: str, moment: str, channel: str
) -> None:
    route = Route("office", Match(), ("mail",), otherwise=("ding",), hours="open")
    one = item(site=site, calendar="office" if site != "never" else "")
    assert route.channels_at(one, at(moment, zone), is_open) == (channel,)


@pytest.mark.parametrize(
    ("moment", "inside"),
    [("2026-11-24T21:59:59", False), ("2026-11-24T22:00:00", True), ("2026-11-25T00:00:00", True),
     ("2026-11-25T05:59:59", True), ("2026-11-25T06:00:00", False), ("2026-11-25T12:00:00", False)],
)  # fmt: skip
def test_hours_that_pass_midnight_end_on_the_next_day(
    is_open: Callable[[str, str, int], bool], moment: str, inside: bool
) -> None:
    night = Route("night", Match(), ("hook",), hours="open", calendar="night-shift")
    day = Route("day", Match(), ("hook",), hours="closed", calendar="night-shift")
    routes = [night, day]
    found = [route.id for route in matching(routes, item(), at(moment, "Asia/Shanghai"), is_open)]
    assert found == ["night" if inside else "day"], "outside its hours a route without `otherwise` does not match at all"


def test_the_same_moment_is_open_at_one_site_and_closed_at_another(is_open: Callable[[str, str, int], bool]) -> None:
    route = Route("office", Match(), ("mail",), otherwise=("ding",), hours="open")
    moment = at("2026-11-24T09:00:00", "Asia/Shanghai")  # two in the morning in Berlin
    assert route.channels_at(item(site="a", calendar="office"), moment, is_open) == ("mail",)
    assert route.channels_at(item(site="b", calendar="office"), moment, is_open) == ("ding",)


def test_mail_has_a_lane_for_each_recipient_with_an_address_and_a_robot_one_for_all() -> None:
    route = Route("r", Match(), ("mail", "ding", "gone"), ("li", "wu", "an", "nobody"))
    assert lanes(route, item(), 0, ALWAYS, TYPES, PEOPLE) == [Lane("mail", "li"), Lane("mail", "an"), Lane("ding")]
    assert spread(["mail"], ["wu"], TYPES, PEOPLE) == [Lane("mail")], "else the channel's own addresses"
    assert spread([], ["li"], TYPES, PEOPLE) == []


def test_a_group_has_what_is_asked_for_in_common_and_a_key_that_nothing_can_forge() -> None:
    route = Route("r", group_by=("site", "organisation", "category", "target"))
    assert route.labels(item()) == {"site": "a", "organisation": "bureau", "category": "B1", "target": "a.water"}
    assert route.labels(item(organisations=()))["organisation"] == ""
    assert group_key("r", {"b": "2", "a": "1"}) == '{}/{route="r"}:{a="1", b="2"}'


@given(
    st.dictionaries(st.sampled_from(["a", "b", "c"]), st.text(max_size=6)),
    st.dictionaries(st.sampled_from(["a", "b", "c"]), st.text(max_size=6)),
)
def test_two_groups_have_one_key_only_when_they_are_one(first: dict[str, str], second: dict[str, str]) -> None:
    assert (group_key("r", first) == group_key("r", second)) is (first == second)
