"""Verdicts over an imported past: each day judged against all other days of the same unit, those after it included.

The same fold and the same verdict as live; only the history differs (live: earlier days, without those judged faulty). All
days of all units run side by side, each warmed up with the day before it where that is there. Pure; nothing is fitted.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from rules.contract import Array, State
from rules.hvac import minute
from rules.hvac.history import WIDTH, norm, offset, values
from rules.hvac.verdict import Counted, Verdict, judge_day
from steward.model import FloatArray, IntArray

WARM_UP = 1440
"""Minutes before a day that are folded first, so that what must hold at midnight may hold."""


@dataclass(frozen=True, slots=True)
class Series:
    """A unit: local minutes since an epoch (rising, int64), values [n, roles] as in `tables.ROLES`, NaN where not known."""

    minute: IntArray
    value: FloatArray


@dataclass(frozen=True, slots=True)
class Judged:
    """Days judged: unit and day (days since the epoch) of each, the verdict, what was counted and the day's values."""

    unit: IntArray
    day: IntArray
    verdict: Verdict
    counted: Counted
    values: FloatArray


def judge(units: Sequence[Series]) -> Judged:
    """The verdicts of all days of all units at once; a day's past are the unit's other days."""
    unit = np.concatenate([np.full(len(days), number) for number, days in enumerate(map(_days, units))])
    day = np.concatenate([_days(one) for one in units])
    state = _state(len(unit))
    _fold(state, units, unit, day)
    today = values(state, state.every)
    past = _others(unit, today)
    state = _state(len(unit))
    state["offset"][:], state["coil_band"][:] = offset(past[:, :, 0])
    _fold(state, units, unit, day)
    verdict, found, today = judge_day(state, state.every, norm(past))
    return Judged(unit, day, verdict, found, today)


def _days(series: Series) -> IntArray:
    return np.unique(series.minute // 1440)


def _state(size: int) -> State:
    columns: dict[str, Array] = {}
    for name, column in minute.columns().items():
        columns[name] = np.full((size, *column.shape), column.initial, column.dtype)
    return State(columns, size)


def _others(unit: IntArray, today: FloatArray) -> FloatArray:
    """For each day the values of the unit's other days, [days, others, WIDTH], padded with NaN."""
    most = int(np.bincount(unit).max())
    past = np.full((len(unit), most, WIDTH), np.nan)
    for row, own in enumerate(unit.tolist()):
        others = np.flatnonzero((unit == own) & (np.arange(len(unit)) != row))
        past[row, : len(others)] = today[others]
    return past


def _fold(state: State, units: Sequence[Series], unit: IntArray, day: IntArray) -> None:
    """Runs each day with the day before it through the fold, all days side by side, minute by minute."""
    index: list[IntArray] = []
    for number, one in zip(unit.tolist(), day.tolist(), strict=True):
        minutes = units[number].minute
        index.append(np.arange(*np.searchsorted(minutes, [one * 1440 - WARM_UP, (one + 1) * 1440])))
    last = np.full(len(unit), np.iinfo(np.int64).min // 4)
    cleared = np.zeros(len(unit), np.bool_)
    for place in range(max(map(len, index), default=0)):
        rows = np.array([row for row, one in enumerate(index) if place < len(one)], np.int64)
        now = np.array([units[unit[row]].minute[index[row][place]] for row in rows.tolist()], np.int64)
        value = np.array([units[unit[row]].value[index[row][place]] for row in rows.tolist()])
        begins = ~cleared[rows] & (now >= day[rows] * 1440)
        if begins.any():
            minute.clear(state, rows[begins])
            cleared[rows[begins]] = True
        lag = now - last[rows]
        broken = lag > 45  # three intervals of a quarter hour
        minute.step(state, rows, now % 1440, np.where(broken, 1, lag), broken, value)
        last[rows] = now
