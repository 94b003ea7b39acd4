"""Public holidays and make-up workdays of a country: China from chinesecalendar, others from the library holidays.

Invariants: only announced years are filled in, from a first to a last day that the calendar carries (`known_until`); outside
them weekdays stand and `doubts` says so; entries of the facility file win over the library. No clock: the year is in the data.
"""

from __future__ import annotations

import warnings
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import date, timedelta
from functools import cache

import chinese_calendar.constants as china  # type: ignore[import-untyped, unused-ignore]
import holidays as library

from steward.model import Calendar

FIRST, LAST = 2000, 2050
"""Years that are asked of a library which computes them; each narrows it to what it knows."""
NOTICE = 45
"""Days before the last known day from which on a calendar is doubtful: by then the next year is usually announced."""


@dataclass(frozen=True, slots=True)
class Announced:
    """What a library knows of a country: holidays (ISO dates), make-up workdays (ISO date -> weekday), first and last day."""

    holidays: frozenset[str]
    workdays: dict[str, int]
    first: str
    last: str
    weekend: frozenset[int] = frozenset((5, 6))


def with_country(calendar: Calendar, country: str, subdivision: str = "") -> Calendar:
    """The calendar with the holidays and make-up workdays of a country; its own entries win. Raises ValueError."""
    known = announced(country.upper(), subdivision)
    closed = (known.holidays - set(calendar.workdays)) | calendar.holidays
    worked = {day: as_ for day, as_ in known.workdays.items() if day not in calendar.holidays} | dict(calendar.workdays)
    return replace(
        calendar,
        holidays=frozenset(closed - set(calendar.workdays)),
        workdays=worked,
        country=country.upper(),
        known_from=known.first,
        known_until=known.last,
        weekend=known.weekend,
    )


def doubts(calendars: Iterable[Calendar], today: date) -> list[str]:
    """One sentence for each calendar whose country has not announced the days that are soon needed."""
    edge = (today + timedelta(days=NOTICE)).isoformat()
    return [
        f"calendar {one.id!r}: the holidays of {one.country} are known until {one.known_until} only; "
        "later days count as plain weekdays until the library or the file names them"
        for one in calendars
        if one.country and edge > one.known_until
    ]


@cache
def announced(country: str, subdivision: str = "") -> Announced:
    """What is announced for a country. Raises ValueError naming what is not known."""
    if country == "CN" and not subdivision:
        return _china()
    return _others(country, subdivision)


def _china() -> Announced:
    """The State Council's yearly arrangement: the days off, and the weekend days worked for them."""
    lieu: dict[tuple[int, str], list[date]] = defaultdict(list)
    for day, name in sorted(china.in_lieu_days.items()):
        lieu[day.year, name].append(day)
    worked: dict[str, int] = {}
    turn: dict[tuple[int, str], int] = defaultdict(int)
    for day, name in sorted(china.workdays.items()):
        key = (day.year, name)
        days, place = lieu.get(key, []), turn[key]
        turn[key] += 1
        # the arrangement names no pairs: the n-th make-up day of a holiday stands for the n-th day off in lieu
        worked[day.isoformat()] = days[place].weekday() if place < len(days) else (4 if day.weekday() == 5 else 0)
    years = {day.year for day in china.holidays}
    closed = frozenset(day.isoformat() for day in china.holidays)
    return Announced(closed, worked, f"{min(years)}-01-01", f"{max(years)}-12-31")


def _others(country: str, subdivision: str) -> Announced:
    if not country:
        raise ValueError("a subdivision without a country, expected country as an ISO 3166 code such as DE")
    supported = library.list_supported_countries()
    if country not in supported:
        raise ValueError(f"no holidays known for country {country!r}, expected an ISO 3166 code such as CN, DE, US")
    if subdivision and subdivision not in supported[country]:
        some = ", ".join(supported[country][:8]) or "none"
        raise ValueError(f"no subdivision {subdivision!r} of {country}, expected one of {some} ...")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # a library that knows fewer years says so; we look at start_year and end_year
        probe = library.country_holidays(country, subdiv=subdivision or None)
        first, last = max(FIRST, probe.start_year), min(LAST, probe.end_year)
        found = library.country_holidays(country, subdiv=subdivision or None, years=range(first, last + 1))
    guess = str(getattr(found, "estimated_label", "")).replace("%s", "").strip() or "(estimated)"
    doubtful = {day.year for day, name in found.items() if guess in name or "(estimated)" in name}
    # dates by a moon that nobody has seen yet are not announced
    last = max((year for year in range(first, last + 1) if year not in doubtful), default=first - 1)
    closed = frozenset(day.isoformat() for day in found if first <= day.year <= last)
    worked = {
        day.isoformat(): _replaced(day)
        for day in getattr(found, "weekend_workdays", ())
        if first <= day.year <= last and day not in found
    }
    weekend = frozenset(int(day) for day in getattr(found, "weekend", (5, 6)))
    return Announced(closed, worked, f"{first}-01-01", f"{last}-12-31", weekend)


def _replaced(day: date) -> int:
    return 4 if day.weekday() == 5 else 0
