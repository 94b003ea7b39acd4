"""Figures as they leave: marks of quality, courses by period, money beside them; local days and moments.

Invariants: columns in, answers of `api.energy` out, nothing read or kept; `Money` is what cost and carbon are asked of.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from typing import Protocol
from zoneinfo import ZoneInfo

import numpy as np

from api.energy import Course, QualityMark
from metering.columns import Columns, Quality, sum_periods
from metering.intervals import Flag
from steward.model import Calendar, FloatArray
from steward.units import SECOND

MILLISECOND = 1_000_000


@dataclass(frozen=True, slots=True)
class Valued:
    """What the consumption of one register cost and emitted; None where no tariff or factor holds."""

    cost: float | None = None
    currency: str = ""
    carbon: float | None = None
    coal: float | None = None


class Money(Protocol):
    """Cost, carbon and standard coal of consumption. Blocks: called in a thread."""

    def valued(self, point: str, columns: Columns) -> Valued:
        """What the quarter-hour columns of a register or virtual meter cost and emitted."""


class NoMoney:
    """Where no tariffs and factors are."""

    def valued(self, point: str, columns: Columns) -> Valued:
        """Nothing is known."""
        return Valued()


def ms(ns: int) -> int:
    """Epoch milliseconds."""
    return ns // MILLISECOND


def mark_of(found: Quality) -> QualityMark:
    """The quality of a figure as it leaves."""
    return QualityMark(
        found.estimated,
        found.spread,
        found.held,
        found.missing,
        found.provisional,
        found.negative,
        found.confidence,
        found.method.name.lower(),
        found.revision,
    )


def course(columns: Columns, zone: str, period: str) -> Course:
    """A figure by period, each with its mark, the most serious first."""
    by = sum_periods(columns, zone, period)
    words = np.full(len(by), "", dtype="<U12")
    for rows, word in (
        (by.has(Flag.PROVISIONAL), "provisional"),
        (by.estimated(), "estimated"),
        (by.has(Flag.HELD), "held"),
        (by.has(Flag.MISSING), "missing"),
        (by.value < 0, "negative"),
    ):
        words[rows] = word
    return Course((by.start // MILLISECOND).tolist(), by.value.tolist(), words.tolist())


def numbers(values: FloatArray) -> list[float | None]:
    """Numbers with None where there is none."""
    return [float(value) if np.isfinite(value) else None for value in values]


def works(calendar: Calendar, day: date) -> bool:
    """Whether a day is a workday of a calendar: make-up workdays are, holidays and weekends are not."""
    iso = day.isoformat()
    return iso in calendar.workdays or (iso not in calendar.holidays and day.weekday() not in calendar.weekend)


def moment(day: date, zone: str) -> int:
    """The start of a local day, ns."""
    return int(datetime(day.year, day.month, day.day, tzinfo=ZoneInfo(zone)).timestamp()) * SECOND
