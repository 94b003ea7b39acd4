"""Local days: which day of a time zone a moment lies in, for whole arrays of moments; no clock is read.

A day begins at local midnight, or at the moment of the clock change where that hour does not occur, so days last 23, 24 or
25 hours. Zones are numbered, so that a column of a bank can hold one.
"""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import numpy as np

from steward.model import IntArray
from steward.units import SECOND

_YEAR = 31_556_952 * SECOND


class Days:
    """The midnights of a zone, computed by year when first asked for."""

    def __init__(self, zone: str) -> None:
        self._zone = ZoneInfo(zone)
        self._years = (0, 0)
        self._starts: IntArray = np.empty(0, np.int64)

    def look(self, at: IntArray) -> IntArray:
        """The start (ns) of the local day that each moment lies in."""
        if not len(at):
            return at
        low, high = 1970 + int(at.min()) // _YEAR - 1, 1970 + int(at.max()) // _YEAR + 2
        if low < self._years[0] or high > self._years[1]:
            if self._years[1]:
                low, high = min(low, self._years[0]), max(high, self._years[1])
            self._years = (low, high)
            first = date(low, 1, 1)
            days = range((date(high, 1, 1) - first).days)
            self._starts = np.array([self._midnight(first + timedelta(days=day)) for day in days], np.int64)
        return self._starts[np.searchsorted(self._starts, at, side="right") - 1]

    def _midnight(self, day: date) -> int:
        wall = datetime.combine(day, time(0), self._zone).astimezone(UTC)
        return int((wall - datetime(1970, 1, 1, tzinfo=UTC)).total_seconds()) * SECOND


_days: list[Days] = []
_numbers: dict[str, int] = {}


def number(zone: str) -> int:
    """A number for a zone, the same for the same one."""
    if zone not in _numbers:
        _days.append(Days(zone))
        _numbers[zone] = len(_days) - 1
    return _numbers[zone]


def look(numbers: IntArray, at: IntArray) -> IntArray:
    """The start of the local day of each (zone number, moment)."""
    if not len(numbers) or (numbers == numbers[0]).all():
        return _days[int(numbers[0])].look(at) if len(numbers) else at
    starts = np.empty_like(at)
    for one in np.unique(numbers).tolist():
        where = np.flatnonzero(numbers == one)
        starts[where] = _days[one].look(at[where])
    return starts
