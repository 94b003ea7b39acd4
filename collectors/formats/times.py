"""Times as devices write them -> int64 ns since 1970 UTC; the only place where a device's time is read.

A number's unit is told by its magnitude (|n| < 1e11: s, < 1e14: ms, < 1e17: us, else ns), which is unambiguous for
moments from March 1973 to the year 5138, or is configured. Text is ISO 8601; without a zone it is local to the device's
site. 0 is "no device time". What is no time, negative or beyond int64 raises UndecodableMessage("bad_time").
"""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, datetime, tzinfo

from steward.errors import UndecodableMessage

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
SCALES = {"s": 1_000_000_000, "ms": 1_000_000, "us": 1_000, "ns": 1}
LIMIT = 1 << 63
HOUR = 3_600_000_000_000

_NUMBER = re.compile(r"\d{1,19}(\.\d{0,9})?", re.ASCII)
_FRACTION = re.compile(r"[.,](\d{7,9})")


def instant(value: object, local: Callable[[str], int] | None = None, unit: str = "auto") -> int:
    """ns of a time that a device sent as a number or as text; None and "" are 0, no device time.

    local: ns of a wall-clock time without zone (`DeviceReadings.local`); where it is None such a time is refused.
    unit: "auto", or "s", "ms", "us", "ns" for numbers.
    """
    if isinstance(value, (int, float)) and value is not True and value is not False:
        return epoch(value, unit)
    if isinstance(value, str):
        text = value.strip()
        if not text:
            return 0
        if _NUMBER.fullmatch(text):
            return epoch(float(text) if "." in text else int(text), unit)
        return _iso(text, local)
    if value is None:
        return 0
    raise UndecodableMessage("bad_time", f"a {type(value).__name__} is not a time")


def epoch(number: float | int, unit: str = "auto") -> int:
    """ns of an epoch in s, ms, us or ns; "auto" tells them by magnitude."""
    if unit == "auto" and number.__class__ is int and 0 <= number < 100_000_000_000_000:  # the two usual ones first
        return number * (1_000_000_000 if number < 100_000_000_000 else 1_000_000)
    if not 0 <= number < LIMIT:
        raise UndecodableMessage("bad_time", f"{number!r} is out of range")
    if unit == "auto":
        scale = 1_000_000_000 if number < 1e11 else 1_000_000 if number < 1e14 else 1_000 if number < 1e17 else 1
    else:
        scale = SCALES[unit]
    if number.__class__ is int:
        at = number * scale
    else:
        whole = int(number)  # the fraction apart: a float of 1.7e9 s times 1e9 has lost its microseconds
        at = whole * scale + round((number - whole) * scale)
    if at >= LIMIT:
        raise UndecodableMessage("bad_time", f"{number!r} is out of range")
    return int(at)


def _iso(text: str, local: Callable[[str], int] | None) -> int:
    moment = parse(text)
    if moment.tzinfo is not None:
        return ns(moment) + _beyond_microseconds(text)
    if local is None:
        raise UndecodableMessage("bad_time", f"{text!r} has no zone")
    return local(text)


def parse(text: str) -> datetime:
    """The date and time of ISO 8601 text, aware if it names a zone. Raises UndecodableMessage."""
    if len(text) > 40 or not ("T" in text or " " in text):
        raise UndecodableMessage("bad_time", f"{text[:40]!r} is not a date with a time of day")
    try:
        return datetime.fromisoformat(text)
    except ValueError as error:
        raise UndecodableMessage("bad_time", f"{text!r} is no time: {error}") from None


def ns(moment: datetime) -> int:
    """ns of an aware datetime. Raises UndecodableMessage before 1970 and after 2262."""
    delta = moment - EPOCH
    at = (delta.days * 86_400 + delta.seconds) * 1_000_000_000 + delta.microseconds * 1_000
    if not 0 <= at < LIMIT:
        raise UndecodableMessage("bad_time", f"{moment} is out of range")
    return at


def _beyond_microseconds(text: str) -> int:
    found = _FRACTION.search(text) if len(text) > 26 else None
    return int(found[1].ljust(9, "0")[6:]) if found else 0


def wall(text: str, zone: tzinfo, received: int) -> int:
    """ns of a wall-clock time in a zone.

    At the end of daylight saving a wall-clock time comes twice: the one within half an hour of the arrival is meant, else the
    earlier. One that the clock skips in spring is read by the offset before the change, as a clock not yet set shows it.
    """
    moment = parse(text)
    if moment.tzinfo is not None:
        return ns(moment)
    try:
        first = ns(moment.replace(tzinfo=zone, fold=0))
        second = ns(moment.replace(tzinfo=zone, fold=1))
    except OverflowError:
        raise UndecodableMessage("bad_time", f"{text!r} is out of range") from None
    if second > first and abs(received - second) < HOUR // 2:
        return second
    return first
