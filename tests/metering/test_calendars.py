"""Days of a calendar as tariffs and rules see them: make-up workdays, holidays, years that nobody has announced yet."""

from __future__ import annotations

from datetime import date

import numpy as np

from metering.cost import price
from metering.seasons import DayType, Span, day_types, in_season, number, unknown_days
from rules.hours import Hours
from steward.config.calendars import with_country
from steward.model import Calendar, IntArray
from tests.metering.money import SHANGHAI, basis, ns, quarters, tariff

CHINA = with_country(Calendar("office", (((510, 1050),),) * 5 + ((),) * 2), "CN")


def days(*dates: tuple[int, int, int]) -> IntArray:
    return np.array([number(date(*each)) for each in dates], np.int64)


def test_a_worked_saturday_is_a_workday_a_holiday_is_one_on_any_weekday_and_the_rest_follows_the_week() -> None:
    asked = days((2026, 10, 10), (2026, 10, 1), (2026, 10, 4), (2026, 10, 8), (2026, 10, 17))
    assert day_types(asked, CHINA).tolist() == [
        DayType.WORKDAY,
        DayType.HOLIDAY,
        DayType.HOLIDAY,
        DayType.WORKDAY,
        DayType.WEEKEND,
    ]


def test_days_of_a_year_not_announced_are_told_and_count_by_their_weekday() -> None:
    year = int(CHINA.known_until[:4]) + 1
    first = days((year, 1, 1), (int(CHINA.known_until[:4]), 12, 31))
    assert unknown_days(first, CHINA).tolist() == [True, False]
    weekday = date(year, 1, 1).weekday()
    assert day_types(first[:1], CHINA).tolist() == [DayType.WEEKEND if weekday > 4 else DayType.WORKDAY]
    assert not unknown_days(first, Calendar("own")).any()


def test_a_price_over_days_not_announced_carries_a_warning() -> None:
    year = int(CHINA.known_until[:4]) + 1
    later = price(quarters(f"{year}-01-04T00:00+08:00", f"{year}-01-05T00:00+08:00"), basis(tariff(), calendar=CHINA))
    assert any("holidays are known until" in told for told in later.warnings)
    now = price(quarters("2026-11-04T00:00+08:00", "2026-11-05T00:00+08:00"), basis(tariff(), calendar=CHINA))
    assert now.warnings == (
        "no co2 factor for electricity on part of the time",
        "no coal factor for electricity on part of the time",
    )


def test_the_rules_open_on_a_worked_saturday_and_stay_shut_on_a_holiday() -> None:
    hours = Hours(CHINA, SHANGHAI)
    at = np.array([ns("2026-10-10T10:00+08:00"), ns("2026-10-01T10:00+08:00"), ns("2026-10-17T10:00+08:00")], np.int64)
    assert hours.inside(at)[0].tolist() == [1, 0, 0]


def test_a_span_of_the_year_holds_its_first_and_last_day_in_leap_years_too() -> None:
    february = (Span((2, 1), (2, 31)),)
    asked = days((2028, 2, 29), (2027, 2, 28), (2027, 3, 1), (2028, 1, 31))
    assert in_season(asked, february).tolist() == [True, True, False, False]
    assert in_season(asked, ()).all()
