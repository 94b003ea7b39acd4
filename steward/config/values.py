"""Values as people write them in a facility file, and what they become: names, durations, quantities, hours.

Each is an annotated pydantic type; a wrong one raises ValueError with a text that says what was expected. No I/O.
"""

from __future__ import annotations

import re
from collections.abc import Collection
from difflib import get_close_matches
from typing import Annotated, Any

from pydantic import BeforeValidator, StringConstraints

from steward.errors import UnknownUnit
from steward.units import duration, unit

MOST = 20_000
"""Among more ids than these none is looked for that is nearest."""


def nearest(value: str, known: Collection[str]) -> list[str]:
    """The ids of `known` that look most like `value`, the nearest first, at most three."""
    return get_close_matches(value, known, 3) if len(known) <= MOST else []


def expected(value: str, known: Collection[str], what: str) -> str:
    """What was expected in place of `value`, the id of a `what` that there is not."""
    near = nearest(value, known)
    article = "an" if what[0] in "aeio" else "a"
    return f"one of {', '.join(near)}" if near else f"the id of {article} {what}"


Id = Annotated[str, StringConstraints(pattern=r"^[^\s/#+\x00-\x1f]+$", max_length=200)]
"""An id: no white space, no slash, no MQTT wildcards."""


def _name(value: Any) -> dict[str, str]:
    if isinstance(value, str):
        return {"": value}
    if isinstance(value, dict) and value and all(isinstance(k, str) and isinstance(v, str) for k, v in value.items()):
        return value
    raise ValueError('expected a text, or a text by language such as { en = "Block A", zh = "A座" }')


Name = Annotated[dict[str, str], BeforeValidator(_name)]


def _duration(value: Any) -> int:
    if isinstance(value, str):
        return duration(value)
    raise ValueError('expected a duration in quotes, for example "90s", "15m", "1h30m", "2d"')


Duration = Annotated[int, BeforeValidator(_duration)]
"""Nanoseconds, written "15m"."""

_QUANTITY = re.compile(r"^\s*([+-]?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?)\s*(\S*)\s*$")


def quantity(text: str, canonical: str) -> float:
    """A number with a unit, such as "200kW", in the canonical unit given. Raises ValueError."""
    match = _QUANTITY.match(text)
    if match is None:
        raise ValueError(f'expected a number with a unit, for example "200{canonical}", got {text!r}')
    try:
        found = unit(match[2])
    except UnknownUnit as error:
        raise ValueError(str(error)) from None
    if found.canonical != canonical:
        raise ValueError(f"{match[2]!r} is a unit of {found.canonical}, expected one of {canonical}")
    return float(match[1]) * found.scale + found.offset


def _power(value: Any) -> float:
    if isinstance(value, str):
        return quantity(value, "W")
    raise ValueError('expected a power in quotes, for example "200kW"')


Power = Annotated[float, BeforeValidator(_power)]
"""Watts, written "200kW"."""


def _flow(value: Any) -> float:
    if isinstance(value, str):
        return quantity(value, "m3/s")
    raise ValueError('expected a flow in quotes, for example "12000m3/h"')


Flow = Annotated[float, BeforeValidator(_flow)]
"""A flow in m3/s, written "12000m3/h"."""

WEEKDAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_SPAN = re.compile(r"^(\d{1,2}):(\d{2})\s*-\s*(\d{1,2}):(\d{2})$")

Hours = tuple[tuple[tuple[int, int], ...], ...]


def parse_days(key: str) -> list[int]:
    """The weekdays (0 Monday) of "sat" or of a range such as "mon-fri". Raises ValueError."""
    parts = [part.strip().lower() for part in key.split("-")]
    if len(parts) > 2 or any(part not in WEEKDAYS for part in parts):
        raise ValueError(f"unknown day {key!r}, expected mon ... sun or a range such as mon-fri")
    first, last = WEEKDAYS.index(parts[0]), WEEKDAYS.index(parts[-1])
    return [(first + step) % 7 for step in range((last - first) % 7 + 1)]


def _spans(text: Any) -> tuple[tuple[int, int], ...]:
    spans = []
    for part in str(text).split(","):
        match = _SPAN.match(part.strip())
        if match is None:
            raise ValueError(f'expected hours such as "08:30-17:30" or "08:00-12:00, 13:00-17:00", got {part.strip()!r}')
        start, end = int(match[1]) * 60 + int(match[2]), int(match[3]) * 60 + int(match[4])
        if not 0 <= start < end <= 1440:
            raise ValueError(
                f'hours must rise within one day ("22:00-24:00" and "00:00-06:00" for a night), got {part.strip()!r}'
            )
        spans.append((start, end))
    return tuple(sorted(spans))


def _hours(value: Any) -> Hours:
    if not isinstance(value, dict):
        raise ValueError('expected hours by day, for example { mon-fri = "08:30-17:30" }')
    week: list[tuple[tuple[int, int], ...]] = [()] * 7
    for key, text in value.items():
        for day in parse_days(key):
            week[day] = _spans(text)
    return tuple(week)


OpeningHours = Annotated[Hours, BeforeValidator(_hours)]
"""Seven tuples of (start, end) minutes of the local day, Monday first."""
