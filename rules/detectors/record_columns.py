"""The state of the record ratio for many series, as columns with one row per series: names, types, what a person takes back.

Whoever holds such columns (a bank of its own, or the bank of a rule kind) has them contiguous; `record_bank` works on them.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from rules.contract import Array, Column
from rules.detectors import record as scalar
from rules.detectors.contract import DAY_SLOTS, WEEK_SLOTS
from rules.detectors.record import RING, SHORT, STREAMS
from steward.model import IntArray

ENOUGH = 5
"""A slot learned so often has the least rate for good: further counts would only cost memory."""

COLUMNS: dict[str, Column] = {
    "seen": Column(np.int64),
    "seen_at": Column(np.int64, scalar.NEVER),
    "mean": Column(np.float64),
    "memory_unit": Column(np.float64, 1.0),
    "first_peak": Column(np.float64, 0.0, (STREAMS,)),
    "second_peak": Column(np.float64, 0.0, (STREAMS,)),
    "last_peak": Column(np.float64, 0.0, (STREAMS,)),
    "peak_number": Column(np.int64, scalar.NEVER, (STREAMS,)),
    "ring": Column(np.float64, 0.0, (RING,)),
    "sums": Column(np.float64, 0.0, (3,)),
    "short": Column(np.float64, 0.0, (SHORT,)),
    "short_sum": Column(np.float64),
    "rests": Column(np.int64),
    "rests_since": Column(np.int64),
    "profile": Column(np.float64, 0.0, (DAY_SLOTS + WEEK_SLOTS,)),
    "profile_count": Column(np.int8, 0, (DAY_SLOTS + WEEK_SLOTS,)),
    "rest_spread": Column(np.float64, 0.0, (2,)),
    "rest_mean": Column(np.float64, 0.0, (2,)),
    "rest_number": Column(np.int64, 0, (2,)),
    "weekly": Column(np.bool_, False),
    "first_week": Column(np.int64),
    "silent_until": Column(np.int64, scalar.NEVER),
    "careful_from": Column(np.int64, 2**62),
    "gross_run": Column(np.int64),
    "good": Column(np.float64),
}
"""Names, types, initial values and shapes of the state of one series (about 5.2 kB). `profile`: the day's slots, then the
week's, and how often each was learned, up to `ENOUGH`; `rest_*`: of the residuals against the day, against the week."""

KEPT = {"kept_first": "first_peak", "kept_second": "second_peak", "kept_last": "last_peak", "kept_number": "peak_number"}
"""Columns of a bank that remembers the memories of before an episode -> where they come from."""


def keep(columns: Mapping[str, Array], rows: IntArray) -> None:
    """Remembers the memories of `rows` as they are now (an episode begins)."""
    for name, source in KEPT.items():
        columns[name][rows] = columns[source][rows]


def forget(columns: Mapping[str, Array], rows: IntArray) -> None:
    """A person says that the last episode of `rows` was a real fault: the memories of before it come back."""
    for name, source in KEPT.items():
        columns[source][rows] = columns[name][rows]
