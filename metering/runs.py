"""Runs of good links in one register, and the anchors in them.

Invariant: an anchor is a good read that no read beyond its run can take away: five informative good links and H on either
side, or, in a season without consumption, long standing. See docs/adr/0011 for the argument.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from metering.explain import informative
from metering.reads import Limits
from steward.model import BoolArray, IntArray
from steward.units import DAY

MARGIN = 5
"""Informative good links between an anchor and the nearest bad link."""
STANDING = 5
"""A register that goes on without a bad link for so many H stands firm, however little it counts: seasons without
consumption settle, and their windows end."""
RISES, RAISING = 10, 5
"""A demand above the limit in RAISING of RISES rising links in a row raises the limit there tenfold."""

Rows = NDArray[np.intp]


@dataclass(frozen=True, slots=True)
class Series:
    """Reads of one register between two declared events: sorted and distinct; `power` is the unit factor it starts in.

    pinned: the first (last) read is declared; anchored: the first is an anchor of what went before; stood: for how many ns
    the register had already stood at the first value.
    """

    at: IntArray
    value: IntArray
    limits: Limits
    power: int = 0
    pinned_first: bool = False
    pinned_last: bool = False
    anchored: bool = False
    stood: int = 0

    def __len__(self) -> int:
        return len(self.at)

    def since(self) -> IntArray:
        """From when on the register has stood at the value of each read, ns, as the reads came."""
        first = np.maximum.accumulate(np.where(informative(self.value), np.arange(len(self)), 0))
        return np.asarray(self.at[first] - np.where(first == 0, self.stood, 0), np.int64)


@dataclass(frozen=True, slots=True)
class Explained:
    """Good reads of a series in time order: rows, unit power, kind of the link that leads to each (the first: MEASURED).

    limits: those used, with the raised ones; anchors: rows that later reads behind them cannot take away.
    """

    rows: Rows
    power: IntArray
    kind: IntArray
    limits: Limits
    anchors: Rows


def good_links(series: Series, limits: Limits, start: int, end: int, power: int) -> BoolArray:
    """Which neighbouring reads of [start, end) are a plausible rise in the given unit."""
    at, value = series.at[start:end], series.value[start:end]
    step = value[1:] - value[:-1]
    cap = limits.cap(at[1:] - at[:-1], slice(start + 1, end))
    return np.asarray((step >= 0) & (step <= cap * 10.0**power + 2))


def raise_limits(series: Series, start: int, power: int) -> Limits:
    """The limits with lasting demand above them raised: five rises above within ten rises in a row."""
    limits = series.limits
    at, value = series.at[start:], series.value[start:]
    step, elapsed = value[1:] - value[:-1], at[1:] - at[:-1]
    cap = limits.cap(elapsed, slice(start + 1, None)) * 10.0**power
    rising = np.flatnonzero(step > 0)
    above = (step[rising] > cap[rising] + 2) & (step[rising] <= 10 * cap[rising]) & (elapsed[rising] <= DAY)
    if above.sum() < RAISING:
        return limits
    count = np.concatenate(([0], np.cumsum(above)))
    places = np.arange(len(above))
    raised = np.zeros(len(above), np.bool_)
    for shift in range(RISES):
        first = np.maximum(places - shift, 0)
        last = np.minimum(places - shift + RISES, len(above))
        raised |= (count[last] - count[first]) >= RAISING
    factor = limits.raised.copy()
    factor[rising[raised & above] + start + 1] = 10.0
    return replace(limits, raised=factor)


def anchor_rows(at: IntArray, changes: IntArray, good: BoolArray, horizon: int, anchored: bool = False) -> Rows:
    """Rows with MARGIN informative good links and `horizon` ns on either side, or STANDING x `horizon` ns behind them;
    `changes` counts informative reads.

    anchored: the first row is an anchor itself, so that the run it stands in has begun long before.
    """
    size = len(at)
    if not size:
        return np.zeros(0, np.intp)
    breaks = np.flatnonzero(~good)
    run = np.zeros(size, np.intp)
    run[breaks + 1] = 1
    run = np.cumsum(run)
    first = np.concatenate(([0], breaks + 1))[run]
    last = np.concatenate((breaks, [size - 1]))[run]
    early = (changes - changes[first] >= MARGIN) & (at - at[first] >= horizon)
    if anchored:
        early |= run == 0
    late = (changes[last] - changes >= MARGIN) & (at[last] - at >= horizon)
    late |= at[last] - at >= STANDING * horizon
    return np.flatnonzero(early & late)


def standing_rows(series: Series, limits: Limits, start: int, good: BoolArray, rows: Rows, power: int) -> Rows:
    """Anchors in runs without enough informative reads, after a bad link in a season without consumption.

    Such a run counts where it stood for STANDING x H on either side, at a value that the anchor before leads to directly.
    """
    at, value, horizon = series.at[start:], series.value[start:], series.limits.horizon
    breaks = np.flatnonzero(~good)
    firsts, lasts = breaks + 1, np.concatenate((breaks[1:], [len(at) - 1]))
    long = np.flatnonzero(at[lasts] - at[firsts] >= 2 * STANDING * horizon)
    extra: list[Rows] = []
    for first, last in zip(firsts[long].tolist(), lasts[long].tolist(), strict=True):
        inside = slice(
            int(np.searchsorted(at, at[first] + STANDING * horizon)),
            int(np.searchsorted(at, at[last] - STANDING * horizon, side="right")),
        )
        before = int(np.searchsorted(rows, first)) - 1
        anchor = int(rows[before]) if before >= 0 else (0 if start > 0 or series.anchored else -1)
        anchor = max([anchor, *(int(some[-1]) for some in extra[-1:])])
        if anchor < 0:
            continue
        step = value[inside] - value[anchor]
        cap = limits.cap(at[inside] - at[anchor], slice(start + inside.start, start + inside.stop)) * 10.0**power
        firm = np.flatnonzero((step >= 0) & (step <= cap + 2)) + inside.start
        extra += [firm] if len(firm) else []
    return rows if not extra else np.unique(np.concatenate((rows, *extra))).astype(np.intp)
