"""Who is in the buildings: the working calendar, arrival, lunch, overtime.

`worked` says whether a local day is worked (weekday, public holiday, weekend worked instead). `present` is the share of a
building's people that is inside, by minute; it wanders a little from day to day and never is exactly zero for a guard.
The holidays are the State Council's arrangement for 2026 and serve the simulation only; another set can be given.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, timedelta

import numpy as np

from simulators.noise import key, normal, smooth
from steward.model import FloatArray, IntArray


def _span(first: str, last: str) -> list[str]:
    start, end = date.fromisoformat(first), date.fromisoformat(last)
    return [(start + timedelta(days=n)).isoformat() for n in range((end - start).days + 1)]


HOLIDAYS: frozenset[str] = frozenset(
    _span("2026-01-01", "2026-01-03")
    + _span("2026-02-15", "2026-02-23")
    + _span("2026-04-04", "2026-04-06")
    + _span("2026-05-01", "2026-05-05")
    + _span("2026-06-19", "2026-06-21")
    + _span("2026-09-25", "2026-09-27")
    + _span("2026-10-01", "2026-10-07")
)
WORKDAYS: Mapping[str, int] = {
    "2026-01-04": 4, "2026-02-14": 0, "2026-02-28": 4, "2026-05-09": 1, "2026-09-20": 3, "2026-10-10": 2,
}  # fmt: skip

OPEN, CLOSE = 8.5, 17.5  # hours of the local day


def day_of(number: int) -> date:
    """The local date of a day number (days since 1970-01-01)."""
    return date(1970, 1, 1) + timedelta(days=number)


def worked(number: int) -> bool:
    """Whether the local day of this number is worked."""
    day = day_of(number)
    text = day.isoformat()
    return text in WORKDAYS or (day.weekday() < 5 and text not in HOLIDAYS)


def present(seed: int, site: str, day: int, hour: FloatArray, t: IntArray) -> FloatArray:
    """Share of the site's people inside, by minute of local day `day`; `hour` in h, `t` in s since 1970 UTC."""
    stream = key(seed, "presence", site)
    wander = np.clip(1.0 + 0.04 * smooth(stream, t, 3600), 0.85, 1.15)
    if not worked(day):
        return 0.012 + 0.02 * rise(hour, 9.5, 0.6) * fall(hour, 16.0, 0.8) * wander
    shift = 0.12 * float(normal(stream, day))
    full = 0.86 + 0.05 * float(np.tanh(normal(stream ^ 1, day)))
    inside = rise(hour, 8.25 + shift, 0.16) * fall(hour, 17.55 + shift, 0.16)
    lunch = 1.0 - 0.35 * rise(hour, 11.75, 0.1) * fall(hour, 13.2, 0.15)
    overtime = 0.09 * rise(hour, 17.0, 0.2) * fall(hour, 19.6, 0.35)
    share: FloatArray = 0.012 + (full * inside * lunch + overtime * (1 - inside)) * wander
    return share


def rise(hour: FloatArray, at: float, width: float) -> FloatArray:
    """0 before `at`, 1 after it, in about four `width` (hours)."""
    ramp: FloatArray = 1.0 / (1.0 + np.exp(-np.clip((hour - at) / width, -40, 40)))
    return ramp


def fall(hour: FloatArray, at: float, width: float) -> FloatArray:
    """1 before `at`, 0 after it."""
    return 1.0 - rise(hour, at, width)
