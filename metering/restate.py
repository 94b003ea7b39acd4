"""Revisions, closed periods and their adjustments: what changed, when, why, from what to what.

Invariants: a revision names exactly the intervals whose value changed, with both values; a closed period's figure never
changes: every later difference is an adjustment that names its revision, and figure plus adjustments is the ledger's total.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

import numpy as np

from steward.model import IntArray


class Reason(StrEnum):
    """Why intervals were restated."""

    LATE = "late read"
    NEXT = "next reads"
    """Reads that came in time decided what had been held or provisional."""
    DECLARATION = "declaration"
    PARAMETER = "parameter"
    PROFILE = "profile"


@dataclass(frozen=True, slots=True)
class Revision:
    """One restatement: intervals `start` (ns) with their values before and after, ledger units; `at` when it was made."""

    number: int
    at: int
    reason: Reason
    start: IntArray
    old: IntArray
    new: IntArray

    @property
    def difference(self) -> int:
        """Change of the total, ledger units."""
        return int(self.new.sum() - self.old.sum())


@dataclass(frozen=True, slots=True)
class Closing:
    """A period [start, end) reported at `at` as `value` ledger units; `settled` says whether it was settled by then."""

    start: int
    end: int
    value: int
    at: int
    settled: bool


@dataclass(frozen=True, slots=True)
class Adjustment:
    """A later difference of a closed period, to be booked in the period open at `at`."""

    closing: Closing
    revision: int
    difference: int
    at: int


def compare(start: IntArray, old: IntArray, new: IntArray) -> tuple[IntArray, IntArray, IntArray]:
    """The intervals between the boundaries `start` whose value differs, from cumulatives at the boundaries."""
    before, after = np.diff(old), np.diff(new)
    changed = np.flatnonzero(before != after)
    return start[changed], before[changed], after[changed]
