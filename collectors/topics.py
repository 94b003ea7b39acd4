"""MQTT topics: filters, templates with captured device addresses, and which filters to subscribe to.

A filter is `a/+/b/#` (MQTT 3.1.1, section 4.7); a template pattern may hold `{device}` for one level (or a part of a
level, `shelly-{device}`), which subscribes as `+` and captures the device's address. Topics that begin with `$` match
no filter that begins with a wildcard. Pure: no I/O.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property

DEVICE = "{device}"
_LONGEST = 65_535


def problem(pattern: str) -> str:
    """What is wrong with a filter or template pattern, "" if nothing."""
    if not pattern or len(pattern.encode()) > _LONGEST or "\0" in pattern:
        return "a topic filter has 1 to 65535 bytes and no NUL"
    levels = pattern.split("/")
    if pattern.count(DEVICE) > 1:
        return f"{DEVICE} stands in it more than once"
    for number, level in enumerate(levels):
        if "#" in level and (level != "#" or number != len(levels) - 1):
            return "# stands alone and in the last level"
        if "+" in level and level != "+":
            return "+ stands alone in its level"
    return ""


def subscription(pattern: str) -> str:
    """The MQTT filter of a template pattern: the level of `{device}` becomes `+`."""
    return "/".join("+" if DEVICE in level else level for level in pattern.split("/"))


@dataclass(frozen=True)
class Pattern:
    """A compiled filter or template pattern. Raises ValueError when `text` is none."""

    text: str

    def __post_init__(self) -> None:
        if wrong := problem(self.text):
            raise ValueError(f"topic pattern {self.text!r}: {wrong}")

    @property
    def filter(self) -> str:
        """What to subscribe to."""
        return subscription(self.text)

    @cached_property
    def _expression(self) -> re.Pattern[str]:
        levels = self.text.split("/")
        parts = []
        for level in levels:
            if level == "+":
                parts.append("[^/]*")
            elif DEVICE in level:
                before, after = level.split(DEVICE)
                parts.append(f"{re.escape(before)}(?P<device>[^/]+){re.escape(after)}")
            elif level != "#":
                parts.append(re.escape(level))
        body = "/".join(parts)
        if levels[-1] == "#":  # "a/#" matches "a" as well
            body = f"{body}(?:/.*)?" if parts else ".*"
        guard = r"(?!\$)" if levels[0] in ("+", "#") or levels[0].startswith(DEVICE) else ""
        return re.compile(guard + body, re.DOTALL)

    def match(self, topic: str) -> str | None:
        """The captured device address ("" if the pattern captures none), None if the topic does not match."""
        found = self._expression.fullmatch(topic)
        if found is None:
            return None
        return found.groupdict().get("device") or ""


def matches(filter: str, topic: str) -> bool:
    """Whether an MQTT filter matches a topic."""
    return Pattern(filter).match(topic) is not None


def covers(wide: str, narrow: str) -> bool:
    """Whether every topic that filter `narrow` matches is matched by filter `wide` too."""
    wider, narrower = wide.split("/"), narrow.split("/")
    if wider[0] in ("+", "#") and narrower[0].startswith("$"):
        return False
    for number, level in enumerate(wider):
        if level == "#":
            return True
        if number == len(narrower):
            return False
        other = narrower[number]
        if other == "#" or (level != "+" and level != other):
            return False
    return len(wider) == len(narrower)


def overlap(one: str, other: str) -> bool:
    """Whether some topic is matched by both filters."""
    ones, others = one.split("/"), other.split("/")
    for number in range(max(len(ones), len(others)) + 1):
        mine = ones[number] if number < len(ones) else None
        its = others[number] if number < len(others) else None
        if "#" in (mine, its):  # "a/#" matches "a" too
            return number > 0 or (not (mine or "").startswith("$") and not (its or "").startswith("$"))
        if mine is None or its is None:
            return mine is its
        if number == 0 and ((mine == "+" and its.startswith("$")) or (its == "+" and mine.startswith("$"))):
            return False
        if mine != its and "+" not in (mine, its):
            return False
    return True


def subscriptions(patterns: Iterable[str]) -> tuple[str, ...]:
    """The fewest filters that receive all of `patterns`, sorted: a filter that another one covers would only bring every
    message twice (and, with NATS, use up the session's window)."""
    filters = sorted({subscription(pattern) for pattern in patterns})
    return tuple(one for one in filters if not any(other != one and covers(other, one) for other in filters))


def consumers(filters: Iterable[str]) -> int:
    """How many JetStream consumers NATS makes of a session's filters: two for each that ends in `/#` (the parent level
    is a subject of its own), one otherwise."""
    return sum(2 if one.endswith("/#") else 1 for one in filters)
