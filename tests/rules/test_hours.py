"""Opening hours in UTC: weekdays, holidays, make-up days, clock changes; the series notation of the cases."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import numpy as np
import pytest

from rules.hours import Hours, weekly
from rules.series import values
from steward.model import Calendar


@pytest.mark.parametrize("zone", ["Asia/Shanghai", "Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "UTC"])
def test_hours_agree_with_the_wall_clock_at_every_quarter_of_a_year(zone: str) -> None:
    calendar = Calendar(
        "c", weekly({"mon-fri": "08:30-17:30", "sat": "09:00-12:00"}), frozenset({"2026-05-01"}), {"2026-05-09": 3}
    )
    start = datetime(2026, 1, 1, tzinfo=UTC)
    moments = [start + timedelta(minutes=15 * number) for number in range(4 * 24 * 365)]
    at = np.array([int(one.timestamp()) for one in moments], np.int64) * 10**9
    inside, began, ends = Hours(calendar, zone).inside(at)
    assert ((began <= at) & (at < ends)).all()
    for moment, found in zip(moments, inside.tolist(), strict=True):
        local = moment.astimezone(ZoneInfo(zone))
        day = local.date().isoformat()
        spans = () if day in calendar.holidays else calendar.hours[calendar.workdays.get(day, local.weekday())]
        minute = local.hour * 60 + local.minute
        assert found == any(first <= minute < last for first, last in spans), local


def test_hours_that_do_not_make_sense_are_refused() -> None:
    for table in ({"mo": "08:00-09:00"}, {"mon": "8-9"}, {"mon": "08:00-25:00"}):
        with pytest.raises(ValueError, match="not "):
            weekly(table)


def test_series_read_as_in_prometheus() -> None:
    assert values("0+10x2 _x2 80-1x1 7x1 _ 5") == [0, 10, 20, None, None, 80, 79, 7, 7, None, 5]
    for text in ("1+2", "_+1x3", "x", "1x"):
        with pytest.raises(ValueError, match="not a series"):
            values(text)
