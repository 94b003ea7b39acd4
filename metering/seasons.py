"""Local days as arrays: which season they lie in, whether they are workdays, weekend or holidays, when a place is heated.

A day is its number since 1970-01-01 in local civil time, a moment its grid start; all of it is a pure function of the zone, the
calendar and dated spans. A day whose year a country has not announced counts by its weekday; `unknown_days` tells which.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from enum import IntEnum

import numpy as np

from metering.intervals import utc_offsets
from steward.model import BoolArray, ByteArray, Calendar, IntArray
from steward.units import DAY, MINUTE

EPOCH = date(1970, 1, 1)
_EPOCH_WEEKDAY = 3


class DayType(IntEnum):
    """What a tariff or a profile makes of a day."""

    WORKDAY = 0
    WEEKEND = 1
    HOLIDAY = 2


@dataclass(frozen=True, slots=True)
class Span:
    """Days of every year from (month, day) to (month, day), both included; over the turn of the year where last < first."""

    first: tuple[int, int] = (1, 1)
    last: tuple[int, int] = (12, 31)

    def holds(self, month_day: IntArray) -> BoolArray:
        """Which of the numbers month * 100 + day lie in it."""
        first, last = self.first[0] * 100 + self.first[1], self.last[0] * 100 + self.last[1]
        if first <= last:
            return np.asarray((month_day >= first) & (month_day <= last))
        return np.asarray((month_day >= first) | (month_day <= last))


@dataclass(frozen=True, slots=True)
class HeatingSeason:
    """When places are heated. A row for one winter (by its validity) goes before the rule for all; sites: ids, () for every."""

    id: str
    span: Span
    sites: tuple[str, ...] = ()
    valid_from: date = date.min
    valid_to: date = date.max
    source: str = ""

    def valid(self, days: IntArray) -> BoolArray:
        """Days on which this row is in force; `valid_to` is the first day on which it is not."""
        return np.asarray((days >= number(self.valid_from)) & (days < number(self.valid_to)))


@dataclass(frozen=True, slots=True)
class Local:
    """Local civil time of grid starts: columns of equal length. day: days since 1970; minute: of the day; offset: ns."""

    day: IntArray
    minute: IntArray
    offset: IntArray

    @classmethod
    def of(cls, start: IntArray, zone: str) -> Local:
        """The local time of time-ordered grid starts (ns) in an IANA zone."""
        offset = utc_offsets(start, zone)
        local = start + offset
        return cls(local // DAY, local % DAY // MINUTE, offset)


def number(day: date) -> int:
    """Days since 1970-01-01."""
    return (day - EPOCH).days


def day_of(number: int) -> date:
    """The date of a day number."""
    return EPOCH + timedelta(days=number)


def month_days(days: IntArray) -> IntArray:
    """month * 100 + day of day numbers."""
    dates = days.astype("datetime64[D]")
    months = dates.astype("datetime64[M]")
    of_month = (dates - months.astype("datetime64[D]")).astype(np.int64) + 1
    return np.asarray((months.astype(np.int64) % 12 + 1) * 100 + of_month)


def in_season(days: IntArray, spans: Sequence[Span]) -> BoolArray:
    """Which days lie in any of the spans; all of them where there is none."""
    if not spans:
        return np.ones(len(days), np.bool_)
    numbers = month_days(days)
    return np.asarray(np.logical_or.reduce([span.holds(numbers) for span in spans]))


def heated(days: IntArray, seasons: Sequence[HeatingSeason], site: str) -> BoolArray:
    """Which days are in the heating season of a site: of the rows in force, those of the latest validity, of the site first."""
    found = np.zeros(len(days), np.bool_)
    best = np.full(len(days), np.iinfo(np.int64).min)
    for row in seasons:
        if row.sites and site not in row.sites:
            continue
        rank = 2 * number(row.valid_from) + bool(row.sites)
        better = row.valid(days) & (rank >= best)
        found[better] = row.span.holds(month_days(days))[better]
        best[better] = rank
    return found


def day_types(days: IntArray, calendar: Calendar | None) -> ByteArray:
    """DayType of each day: a make-up workday is a workday, a holiday a holiday whatever its weekday."""
    weekday = (days + _EPOCH_WEEKDAY) % 7
    weekend = sorted((5, 6) if calendar is None else calendar.weekend)
    types = np.where(np.isin(weekday, weekend), np.uint8(DayType.WEEKEND), np.uint8(DayType.WORKDAY))
    if calendar is not None:
        types[np.isin(days, _numbers(calendar.holidays))] = DayType.HOLIDAY
        types[np.isin(days, _numbers(calendar.workdays))] = DayType.WORKDAY
    return types


def unknown_days(days: IntArray, calendar: Calendar | None) -> BoolArray:
    """Which days the calendar's country has not announced."""
    if calendar is None or not calendar.country:
        return np.zeros(len(days), np.bool_)
    first, last = number(date.fromisoformat(calendar.known_from)), number(date.fromisoformat(calendar.known_until))
    return np.asarray((days < first) | (days > last))


def _numbers(days: Iterable[str]) -> IntArray:
    return np.array(sorted(number(date.fromisoformat(day)) for day in days), np.int64)
