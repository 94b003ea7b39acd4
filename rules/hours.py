"""Opening hours of a calendar in a time zone as moments in UTC, so that whole arrays of times are judged at once.

`Hours` holds the sorted moments at which a place opens and closes, computed per local day with zoneinfo and kept by year;
a time is inside when an odd number of them lies at or before it. An hour that occurs twice at the end of daylight saving
opens at the first and closes at the second; one that does not occur counts as the moment of the change.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta
from functools import cache
from zoneinfo import ZoneInfo

import numpy as np

from steward.model import Calendar, IntArray
from steward.units import MINUTE

DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_HOURS = re.compile(r"(\d{1,2}):(\d{2})\s*-\s*(\d{1,2}):(\d{2})")
_YEAR = 31_556_952_000_000_000
Spans = tuple[tuple[int, int], ...]


class Hours:
    """When a place is open. `before`, `after`: ns by which it opens earlier and closes later than the calendar says."""

    def __init__(self, calendar: Calendar, zone: str, before: int = 0, after: int = 0) -> None:
        self._calendar = calendar
        self._zone = ZoneInfo(zone)
        self._before, self._after = before, after
        self._years = (0, 0)
        self._bounds: IntArray = np.empty(0, np.int64)

    def bounds(self, first: int, last: int) -> IntArray:
        """Opening and closing moments, alternating, covering at least from before `first` to after `last` (ns)."""
        low, high = 1970 + first // _YEAR - 1, 1970 + last // _YEAR + 2
        if low < self._years[0] or high > self._years[1] or not self._years[1]:
            known = self._years if self._years[1] else (low, high)
            self._years = (min(low, known[0]), max(high, known[1]))
            self._bounds = self._compute(*self._years)
        return self._bounds

    def inside(self, at: IntArray) -> tuple[IntArray, IntArray, IntArray]:
        """Of each time: 1 inside, 0 outside; the moment at which that stretch began; the moment at which it ends (UNSEEN-like
        extremes of int64 where there is none)."""
        if not len(at):
            return at, at, at
        bounds = self.bounds(int(at.min()), int(at.max()))
        place = np.searchsorted(bounds, at, side="right")
        edges = np.concatenate(([np.iinfo(np.int64).min // 4], bounds, [np.iinfo(np.int64).max]))
        return place % 2, edges[place], edges[place + 1]

    def _compute(self, first: int, last: int) -> IntArray:
        spans: list[tuple[int, int]] = []
        day = date(first, 1, 1)
        while day.year < last:
            for start, end in self._of(day):
                opens, closes = self._moment(day, start, 0), self._moment(day, end if end > start else end + 1440, 1)
                spans.append((opens - self._before, closes + self._after))
            day += timedelta(days=1)
        spans.sort()
        merged: list[list[int]] = []
        for opens, closes in spans:
            if merged and opens <= merged[-1][1]:
                merged[-1][1] = max(merged[-1][1], closes)
            elif opens < closes:
                merged.append([opens, closes])
        return np.array(merged, np.int64).reshape(-1)

    def _of(self, day: date) -> Spans:
        name = day.isoformat()
        if name in self._calendar.workdays:
            return self._calendar.hours[self._calendar.workdays[name]]
        return () if name in self._calendar.holidays else self._calendar.hours[day.weekday()]

    def _moment(self, day: date, minute: int, fold: int) -> int:
        extra, minute = divmod(minute, 1440)
        wall = datetime.combine(day + timedelta(days=extra), time(minute // 60, minute % 60), self._zone)
        wall = wall.replace(fold=fold)
        moment = wall.astimezone(UTC)
        if moment.astimezone(self._zone).replace(tzinfo=None) != wall.replace(tzinfo=None):  # in the gap of a change
            moment = self._change(wall)
        return int((moment - datetime(1970, 1, 1, tzinfo=UTC)) / timedelta(minutes=1)) * MINUTE

    def _change(self, wall: datetime) -> datetime:
        """The moment of the clock change that jumps over `wall`, to the minute."""
        low = wall.replace(fold=1).astimezone(UTC) - timedelta(hours=3)
        high = low + timedelta(hours=6)
        before = low.astimezone(self._zone).utcoffset()
        while high - low > timedelta(minutes=1):
            middle = low + (high - low) / 2
            if middle.astimezone(self._zone).utcoffset() == before:
                low = middle
            else:
                high = middle
        return high.replace(second=0, microsecond=0)


@cache
def _numbers() -> dict[tuple[object, ...], tuple[int, Hours]]:
    return {}


_by_number: list[Hours] = []


def number(calendar: Calendar, zone: str, before: int, after: int) -> int:
    """A number for these hours, the same for equal ones: what a column of a bank can hold."""
    key = (calendar.hours, calendar.holidays, tuple(sorted(calendar.workdays.items())), zone, before, after)
    known = _numbers()
    if key not in known:
        known[key] = (len(_by_number), Hours(replace(calendar), zone, before, after))
        _by_number.append(known[key][1])
    return known[key][0]


def look(numbers: IntArray, at: IntArray) -> tuple[IntArray, IntArray, IntArray]:
    """`Hours.inside` for each (number, time)."""
    if not len(numbers):
        return at, at, at
    if (numbers == numbers[0]).all():
        return _by_number[int(numbers[0])].inside(at)
    inside, began, ends = np.empty_like(at), np.empty_like(at), np.empty_like(at)
    for one in np.unique(numbers).tolist():
        where = np.flatnonzero(numbers == one)
        inside[where], began[where], ends[where] = _by_number[one].inside(at[where])
    return inside, began, ends


def weekly(table: Mapping[str, str]) -> tuple[Spans, ...]:
    """Hours by weekday from `{ mon-fri = "08:30-17:30", sat = "09:00-12:00, 13:00-15:00" }`. Raises ValueError."""
    hours: list[Spans] = [()] * 7
    for key, value in table.items():
        first, _, last = key.partition("-")
        if first not in DAYS or (last or first) not in DAYS:
            raise ValueError(f"not a weekday or a range of them: {key!r}, expected for example mon, mon-fri")
        spans = tuple(_span(part) for part in value.split(",") if part.strip())
        day = DAYS.index(first)
        while True:
            hours[day] = spans
            if DAYS[day] == (last or first):
                break
            day = (day + 1) % 7
    return tuple(hours)


def _span(text: str) -> tuple[int, int]:
    found = _HOURS.fullmatch(text.strip())
    if found is None:
        raise ValueError(f"not hours: {text!r}, expected for example 08:30-17:30")
    start, end = int(found[1]) * 60 + int(found[2]), int(found[3]) * 60 + int(found[4])
    if start > 1440 or end > 1440:
        raise ValueError(f"not hours of a day: {text!r}")
    return start, end
