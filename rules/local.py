"""Local calendar time for arrays: day, second of the day, kind of day and hour of the week, in a site's zone and calendar.

A zone is its moments of change (few, searched once), so that a whole batch is shifted at once; a holiday counts as a Sunday,
a make-up workday as the weekday that it replaces. Everything is integer arithmetic, so results do not depend on batches.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from functools import cache
from zoneinfo import ZoneInfo

import numpy as np

from rules.contract import UNSEEN, NotApplicable, State, Target
from steward.model import BoolArray, Calendar, IntArray
from steward.units import DAY, HOUR, MINUTE, SECOND

FIRST, LAST = 2000, 2061
"""Years whose clock changes are known; before and after the nearest offset holds."""
SUNDAY = 6
_EPOCH_WEEKDAY = 3  # 1970-01-01 was a Thursday


@cache
def changes(zone: str) -> tuple[IntArray, IntArray]:
    """Moments at which the offset of `zone` changes (ns, ascending) and the offsets before, between and after them (ns)."""
    place = ZoneInfo(zone)
    moment, end = datetime(FIRST, 1, 1, tzinfo=UTC), datetime(LAST, 1, 1, tzinfo=UTC)
    edges: list[int] = []
    offsets = [_offset(place, moment)]
    while moment < end:
        following = moment + timedelta(days=7)
        after = _offset(place, following)
        if after != offsets[-1]:
            low, high = moment, following
            while high - low > timedelta(minutes=1):
                middle = low + (high - low) / 2
                middle = middle.replace(second=0, microsecond=0) if middle.replace(second=0, microsecond=0) > low else middle
                low, high = (low, middle) if _offset(place, middle) == after else (middle, high)
            edges.append(int(high.replace(second=0, microsecond=0).timestamp()) * SECOND)
            offsets.append(after)
        moment = following
    return np.array(edges, np.int64), np.array(offsets, np.int64)


def _offset(place: ZoneInfo, moment: datetime) -> int:
    found = moment.astimezone(place).utcoffset()
    return 0 if found is None else int(found.total_seconds()) * SECOND


class Local:
    """A zone with the exceptional days of a calendar."""

    def __init__(self, zone: str, calendar: Calendar | None) -> None:
        self._edges, self._offsets = changes(zone)
        special = {} if calendar is None else {**dict.fromkeys(calendar.holidays, SUNDAY), **calendar.workdays}
        first = date(1970, 1, 1).toordinal()
        days = sorted((date.fromisoformat(day).toordinal() - first, kind) for day, kind in special.items())
        self._days = np.array([day for day, _ in days], np.int64)
        self._kinds = np.array([kind for _, kind in days], np.int64)

    def shift(self, at: IntArray) -> IntArray:
        """Local time as ns since 1970-01-01 00:00 local."""
        return at + self._offsets[np.searchsorted(self._edges, at, side="right")]

    def kind(self, day: IntArray) -> IntArray:
        """0 Monday ... 6 Sunday and holidays, of local days counted from 1970-01-01."""
        kinds = (day + _EPOCH_WEEKDAY) % 7
        if len(self._days):
            place = np.minimum(np.searchsorted(self._days, day), len(self._days) - 1)
            kinds = np.where(self._days[place] == day, self._kinds[place], kinds)
        return kinds


_by_number: list[Local] = []


@cache
def _number(zone: str, holidays: frozenset[str], workdays: tuple[tuple[str, int], ...]) -> int:
    _by_number.append(Local(zone, Calendar("", holidays=holidays, workdays=dict(workdays))))
    return len(_by_number) - 1


def number(target: Target) -> int:
    """A number for the local time of the target's site: what a column of a bank can hold. Raises NotApplicable."""
    site = target.facility.sites.get(target.point.site)
    if site is None:
        raise NotApplicable(f"no site {target.point.site!r}")
    calendar = target.facility.calendars.get(site.calendar)
    if calendar is None:
        return _number(site.time_zone, frozenset(), ())
    return _number(site.time_zone, calendar.holidays, tuple(sorted(calendar.workdays.items())))


def shift(numbers: IntArray, at: IntArray) -> IntArray:
    """`Local.shift` for each (number, time)."""
    if len(numbers) and (numbers == numbers[0]).all():
        return _by_number[int(numbers[0])].shift(at)
    local = at.copy()
    for one in np.unique(numbers).tolist():
        where = numbers == one
        local[where] = _by_number[one].shift(at[where])
    return local


def turn(state: State, rows: IntArray, at: IntArray, close: Callable[[State, IntArray], None]) -> tuple[IntArray, BoolArray]:
    """(time since local midnight, ns; rows of which a new day begins) of `rows` at `at`. Their columns `day` and `midnight` are
    brought up to it; the day that is over is handed to `close` before."""
    here = shift(state.get("zone", rows), at)
    before, day = state.get("day", rows), here // DAY
    over: BoolArray = (day != before) & (before != UNSEEN)
    if over.any():
        close(state, rows[over])
    clock: IntArray = here - day * DAY
    state.put("day", rows, day)
    state.put("midnight", rows, at - clock)
    return clock, over


def kind(numbers: IntArray, day: IntArray) -> IntArray:
    """`Local.kind` for each (number, local day)."""
    kinds = np.zeros(len(day), np.int64)
    for one in np.unique(numbers).tolist():
        where = numbers == one
        kinds[where] = _by_number[one].kind(day[where])
    return kinds


def hour_of_week(numbers: IntArray, local: IntArray) -> IntArray:
    """0 Monday 00:00 ... 167 of local times; the day is the kind of day."""
    day = local // DAY
    return kind(numbers, day) * 24 + (local - day * DAY) // HOUR


def of_day(text: str) -> tuple[int, int]:
    """Start and end of "00:00-05:00" as ns of the local day. Raises ValueError."""
    try:
        first, last = (part.strip().split(":") for part in text.split("-"))
        start, end = (int(part[0]) * HOUR + int(part[1]) * MINUTE for part in (first, last))
    except (ValueError, IndexError):
        raise ValueError(f"not hours of a day: {text!r}, expected for example 00:00-05:00") from None
    if not 0 <= start < end <= DAY:
        raise ValueError(f"not hours of a day: {text!r}, the end must lie behind the start, both within a day")
    return start, end
