"""Approved trips written in a rule: windows of time in a site's zone, kept by number, asked for whole arrays of times."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from functools import cache
from zoneinfo import ZoneInfo

import numpy as np

from steward.model import BoolArray, IntArray
from steward.units import SECOND

KEYS = {"equip", "from", "to"}


def window(table: Mapping[str, str], zone: str) -> tuple[int, int]:
    """Begin and end (ns) of `{ equip, from, to }`, local times of `zone` unless they name an offset. Raises ValueError."""
    if set(table) - KEYS or "from" not in table or "to" not in table:
        raise ValueError(f"not a trip: {', '.join(sorted(table))}, expected equip, from, to")
    begin, end = (_moment(table[key], zone) for key in ("from", "to"))
    if end <= begin:
        raise ValueError(f"a trip that ends at {table['to']}, before it begins at {table['from']}")
    return begin, end


def _moment(text: str, zone: str) -> int:
    moment = datetime.fromisoformat(text)
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=ZoneInfo(zone))
    return int(moment.timestamp()) * SECOND


_by_number: list[IntArray] = []


@cache
def number(windows: tuple[tuple[int, int], ...]) -> int:
    """A number for windows sorted by begin: what a column of a bank can hold."""
    merged: list[list[int]] = []
    for begin, end in windows:
        if merged and begin <= merged[-1][1]:
            merged[-1][1] = max(merged[-1][1], end)
        else:
            merged.append([begin, end])
    _by_number.append(np.array(merged, np.int64).reshape(-1))
    return len(_by_number) - 1


def inside(numbers: IntArray, at: IntArray) -> BoolArray:
    """Whether each time lies in a window of its number; the end is excluded."""
    found = np.zeros(len(at), np.bool_)
    for one in np.unique(numbers).tolist():
        where = np.flatnonzero(numbers == one)
        found[where] = np.searchsorted(_by_number[one], at[where], side="right") % 2 == 1
    return found
