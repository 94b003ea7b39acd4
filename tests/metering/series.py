"""Series that the tests of the ledger share."""

from __future__ import annotations

import numpy as np

from metering.ledger import Ledger
from metering.reads import Parameters, Reads, admit
from steward.model import IntArray
from steward.units import HOUR

STEADY = 60


def around(
    middle: list[float], slope: int, gaps: list[int] | None = None, after: int | None = None
) -> tuple[IntArray, list[float]]:
    """Hourly reads: STEADY before and after `middle` with `slope` per hour; `gaps` are hours between the middle reads."""
    before = [middle[0] - slope * (STEADY - n) for n in range(STEADY)]
    behind = [(middle[-1]) + slope * (n + 1) * (after or 1) for n in range(STEADY)]
    hours = np.cumsum([0, *[1] * STEADY, *(gaps or [1] * (len(middle) - 1)), *[1] * STEADY])[: 2 * STEADY + len(middle)]
    return hours.astype(np.int64) * HOUR, [*before, *middle, *behind]


def ledger(at: IntArray, raw: list[float], rate: float | None = 300, digits: int | None = None, cadence: int = HOUR) -> Ledger:
    """A ledger of raw values that came in time."""
    made = Ledger("m", Parameters(rate=rate, digits=digits, cadence=cadence))
    admitted = admit(raw, 1.0, digits)
    made.add(Reads.of(at[admitted.kept], admitted.value))
    return made


def between(made: Ledger, first: int, last: int) -> float:
    """Consumption between two instants, register units."""
    level = np.interp([first, last], made.solution.at.astype(float), made.solution.level.astype(float))
    return float(level[1] - level[0]) / 1000
