"""Calendars of countries: announced years only, adjusted workdays, local entries win, and what is not known is said."""

from __future__ import annotations

from datetime import date

import pytest

from steward.app.checking import check
from steward.config import parse
from steward.config.calendars import announced, doubts
from steward.errors import ConfigError
from steward.model import Calendar


def calendar(text: str) -> Calendar:
    return parse([("f.toml", f'[[calendar]]\nid = "office"\n{text}')]).facility.calendars["office"]


def test_the_national_day_of_2026_with_its_adjusted_workdays() -> None:
    found = calendar('country = "cn"\nhours = { mon-fri = "08:30-17:30" }')
    assert {f"2026-10-{day:02d}" for day in range(1, 8)} <= found.holidays
    assert "2026-10-08" not in found.holidays
    assert (found.workdays["2026-09-20"], found.workdays["2026-10-10"]) == (1, 2)  # for Tuesday 6 and Wednesday 7 October
    assert (found.country, found.known_from) == ("CN", "2004-01-01")
    assert found.known("2026-12-31")
    assert not found.known(f"{int(found.known_until[:4]) + 1}-01-01")


def test_every_make_up_workday_lies_on_a_weekend_and_stands_for_a_weekday() -> None:
    for day, weekday in announced("CN").workdays.items():
        assert date.fromisoformat(day).weekday() >= 5
        assert 0 <= weekday <= 4


def test_entries_of_the_file_win_over_the_library() -> None:
    found = calendar('country = "CN"\nholidays = ["2026-10-10", "2026-12-30"]\nworkdays = { "2026-10-05" = "mon" }')
    assert "2026-10-10" not in found.workdays
    assert {"2026-10-10", "2026-12-30"} <= found.holidays
    assert found.workdays["2026-10-05"] == 0
    assert "2026-10-05" not in found.holidays


def test_other_countries_and_their_parts() -> None:
    assert "2026-01-06" in calendar('country = "DE"\nsubdivision = "BY"').holidays
    assert "2026-01-06" not in calendar('country = "DE"').holidays
    assert "2026-07-03" in calendar('country = "US"').holidays  # the Fourth is a Saturday


def test_a_weekend_on_other_days_is_taken_from_the_library() -> None:
    assert calendar('country = "SA"').weekend == frozenset({4, 5})


def test_a_date_that_the_library_only_estimates_is_not_announced() -> None:
    assert announced("SG").last < "2040"
    assert not [day for day in announced("SG").holidays if day > announced("SG").last]


def test_a_calendar_without_a_country_is_as_it_was() -> None:
    found = calendar('holidays = ["2026-10-01"]')
    assert found == Calendar("office", holidays=frozenset({"2026-10-01"}))
    assert found.known("2099-01-01")


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ('country = "XX"', "calendar[office].country: no holidays known for country 'XX'"),
        ('country = "DE"\nsubdivision = "ZZ"', "calendar[office].subdivision: no subdivision 'ZZ' of DE"),
        ('subdivision = "BY"', "a subdivision without a country"),
    ],
)
def test_an_unknown_country_is_a_problem_with_file_and_key(text: str, says: str) -> None:
    with pytest.raises(ConfigError) as error:
        calendar(text)
    assert says in str(error.value)


def test_the_doubt_begins_before_the_last_known_day_and_not_earlier() -> None:
    found = calendar('country = "CN"')
    year = int(found.known_until[:4])
    assert doubts([found], date(year, 11, 1)) == []
    (told,) = doubts([found], date(year, 12, 1))
    assert f"known until {year}-12-31 only" in told
    assert doubts([Calendar("own")], date(2099, 1, 1)) == []


def test_the_check_of_a_file_warns_of_a_year_that_is_not_known(tmp_path_factory: pytest.TempPathFactory) -> None:
    file = tmp_path_factory.mktemp("site") / "f.toml"
    file.write_text('[[calendar]]\nid = "souk"\ncountry = "DZ"\n', encoding="utf-8")
    assert "warning: calendar 'souk': the holidays of DZ are known until" in check(file)
