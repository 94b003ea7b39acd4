"""From an explanation to the corrected cumulative: consumption, bounds and marks of every link between good reads.

Invariants: `level` is the cumulative of `gain`, int64 ledger units (1000 per base register unit), so sums telescope; a link
whose reads share a unit gains their difference (plus the register size for a rollover); where no register supports the gain
it is estimated from the measured rates on both sides and carries its bounds; what is held gains nothing.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from metering.anchors import Explained, Rows, Series
from metering.explain import COST, Link, wrap_after
from metering.intervals import LEDGER_UNITS
from metering.reads import Limits
from steward.model import IntArray

EVENTS = (Link.ROLLOVER, Link.ROLLOVER_UNKNOWN, Link.UNIT, Link.RESET, Link.SWAP, Link.CONFLICT, Link.DECLARED)
TROUBLE = (Link.ABOVE, Link.ROLLOVER_UNKNOWN, Link.UNIT, Link.RESET, Link.SWAP)
MOST_TROUBLE = 4
"""More of these within H and nobody should guess."""
_LOOK = 4


@dataclass(frozen=True, slots=True)
class Solution:
    """Good reads in time order, columns of equal length; link k leads from good read k - 1 to k (the first has none).

    at: ns; rows: row of the read, -1 for a declared one; value: what the register showed; power: its unit, 10^power per base
    unit; kind: Link; gain, low, high: consumption of the link and its bounds, ledger units; level: cumulative gain; stuck:
    the register stood still in the link and caught up; anchors: row numbers of good columns that later reads cannot move.
    """

    at: IntArray
    rows: Rows
    value: IntArray
    power: IntArray
    kind: IntArray
    gain: IntArray
    low: IntArray
    high: IntArray
    stuck: IntArray
    anchors: Rows

    @property
    def level(self) -> IntArray:
        """The corrected cumulative at each good read, ledger units."""
        return np.cumsum(self.gain, dtype=np.int64)

    def __len__(self) -> int:
        return len(self.at)


def scaled(value: IntArray, power: IntArray) -> IntArray:
    """Register values as ledger units of the base scale; exact for powers up to 3."""
    up = 10 ** np.maximum(3 - power, 0)
    found: IntArray = np.floor_divide(value * up, 10 ** np.maximum(power - 3, 0))
    return found


def settle(series: Series, explained: Explained) -> Solution:
    """The gains of an explained series."""
    rows, power, kind = explained.rows, explained.power, explained.kind
    stuck = np.zeros(len(rows), np.int64)
    if kind.any() or len(rows) < len(series):
        rows, power, kind, stuck = _unstick(series, explained)
        rows, power, kind, stuck = _hold_conflicts(series, rows, power, kind, stuck)
    at, value = series.at[rows], series.value[rows]
    base = scaled(value, power)
    gain = np.zeros(len(rows), np.int64)
    gain[1:] = base[1:] - base[:-1]
    low, high = gain.copy(), gain.copy()
    columns = Solution(at, rows, value, power, kind, gain, low, high, stuck, _columns(rows, explained.anchors))
    for place in np.flatnonzero(kind).tolist():
        _gain(columns, explained.limits, place)
    _mark_raised(columns, explained.limits)
    return columns


def _columns(rows: Rows, anchors: Rows) -> Rows:
    """Where the anchors stand among the good rows."""
    return np.flatnonzero(np.isin(rows, anchors, assume_unique=True)) if len(anchors) < len(rows) else np.arange(len(rows))


def _gain(columns: Solution, limits: Limits, place: int) -> None:
    """Consumption and bounds of one link that is not simply measured, written in place."""
    kind, row = Link(int(columns.kind[place])), columns.rows[place]
    power = int(columns.power[place])
    here = slice(int(row), int(row) + 1)
    elapsed = columns.at[place : place + 1] - columns.at[place - 1 : place]
    cap = float(limits.cap(elapsed, here)[0])
    most = int(min(cap, 2.0**42) * LEDGER_UNITS)
    low = high = gain = int(columns.gain[place])
    if kind is Link.ROLLOVER or kind is Link.ROLLOVER_UNKNOWN:
        gain = low = high = _turned(columns, limits, place, most)
    elif kind is Link.UNIT:
        coarse = LEDGER_UNITS * 10 ** -min(power, int(columns.power[place - 1]), 0)
        low, high, gain = max(0, gain - coarse), max(0, gain + coarse), max(0, gain)
    elif kind is Link.RESET:
        counted = int(scaled(columns.value[place : place + 1], columns.power[place : place + 1])[0])
        likely = estimate(columns, limits, place, most)
        gain, low, high = max(counted, likely), counted, max(most, counted)
        if counted > max(2 * likely, most // 20):  # more than it can have counted since: another register, not a reset
            columns.kind[place], gain, low = Link.SWAP, likely, 0
    elif kind is Link.SWAP:
        gain, low, high = estimate(columns, limits, place, most), 0, most
    elif kind is Link.CONFLICT:
        gain, low, high = 0, 0, most
    columns.gain[place], columns.low[place], columns.high[place] = gain, low, high


def _turned(columns: Solution, limits: Limits, place: int, most: int) -> int:
    """Gain over a rollover: the difference plus the register's size in its unit."""
    power = columns.power[place : place + 1]
    modulus = float(limits.modulus[columns.rows[place]])
    if Link(int(columns.kind[place])) is Link.ROLLOVER_UNKNOWN:
        modulus = float(wrap_after(columns.value[place - 1 : place].astype(np.float64))[0])
    gains = [
        int(columns.gain[place]) + int(scaled(np.array([round(modulus * size)]), power)[0])
        for size in sorted({1.0, 10.0 ** float(power[0]), 10.0 ** -float(power[0])})
        if columns.value[place - 1] < modulus * size
    ]
    fitting = [gain for gain in gains if 0 <= gain <= most + 2 * LEDGER_UNITS]
    return fitting[0] if fitting else max(0, min(gains))


def estimate(columns: Solution, limits: Limits, place: int, most: int) -> int:
    """Elapsed time x mean of the measured rates before and after link `place`, at most `most`, ledger units."""
    elapsed = int(columns.at[place] - columns.at[place - 1])
    reach = min(elapsed, limits.horizon)
    rates = [rate for rate in (_rate(columns, place - 1, -1, reach), _rate(columns, place, 1, reach)) if rate is not None]
    return min(most, round(elapsed * sum(rates) / len(rates))) if rates else 0


def _rate(columns: Solution, start: int, step: int, reach: int) -> float | None:
    """Mean rate over measured links from good read `start` backwards or forwards, ledger units per ns: as long as the link
    to estimate but not past H (what lies behind the next anchor must not count), at least four links."""
    end = start
    while True:
        link = end if step < 0 else end + 1
        if not 0 < link < len(columns) or columns.kind[link] != Link.MEASURED:
            break
        if abs(end - start) >= _LOOK and abs(int(columns.at[end + step] - columns.at[start])) > reach:
            break
        end += step
    first, last = min(start, end), max(start, end)
    elapsed = int(columns.at[last] - columns.at[first])
    return int(columns.gain[first + 1 : last + 1].sum()) / elapsed if elapsed else None


def _mark_raised(columns: Solution, limits: Limits) -> None:
    """Measured rises that only a raised limit let pass are marked as above the limit."""
    if not len(columns.rows) or limits.raised.max() == 1:
        return
    places = np.flatnonzero((limits.raised[columns.rows] > 1) & (columns.kind == Link.MEASURED))
    places = places[places > 0]
    cap = limits.cap(columns.at[places] - columns.at[places - 1], columns.rows[places]) / limits.raised[columns.rows[places]]
    columns.kind[places[columns.gain[places] > (cap + 2) * LEDGER_UNITS]] = Link.ABOVE


Parts = tuple[Rows, IntArray, IntArray, IntArray]


def _unstick(series: Series, explained: Explained) -> Parts:
    """Throw the repeats of a spell that stood still and then caught up faster than the limit allows.

    What it counted is spread over the spell, as far back as it is not settled; it is judged by the whole spell.
    """
    rows, power, kind = explained.rows, explained.power, explained.kind.copy()
    stuck = np.zeros(len(rows), np.int64)
    keep = np.ones(len(rows), np.bool_)
    value = series.value
    gaps = np.diff(rows) > 1
    suspects = np.flatnonzero(np.isin(kind[1:], (Link.MEASURED, Link.ABOVE)) & (gaps | (kind[1:] == Link.ABOVE))) + 1
    since = series.since() if len(suspects) else series.at
    firm = np.isin(rows, explained.anchors) if len(suspects) else keep
    for place in suspects.tolist():
        before, row = int(rows[place - 1]), int(rows[place])
        last = before
        while last + 1 < row and value[last + 1] == value[before]:
            last += 1
        first = place - 1
        while first > 0 and not firm[first] and kind[first] == Link.MEASURED and value[rows[first - 1]] == value[before]:
            first -= 1
        begin = min(int(since[before]), int(series.at[rows[first]]))
        if begin == series.at[last]:
            continue
        step = (int(value[row]) - int(value[before])) / 10.0 ** int(power[place])
        ends = series.at[row] - np.array([int(series.at[last]), begin])
        quick, whole = explained.limits.cap(ends, np.array([row, row]))
        if quick + 2 < step <= whole + 2:
            keep[first + 1 : place] = False
            kind[place], stuck[place] = Link.MEASURED, 1
    return rows[keep], power[keep], kind[keep], stuck[keep]


def _hold_conflicts(series: Series, rows: Rows, power: IntArray, kind: IntArray, stuck: IntArray) -> Parts:
    """Replace what nobody should guess by one held link: too much trouble within H, or a coarser unit beside another event."""
    horizon = series.limits.horizon
    places = np.flatnonzero(np.isin(kind, TROUBLE))
    if len(places) < 2:
        return rows, power, kind, stuck
    at = series.at[rows]
    spans: list[tuple[int, int]] = []
    for number in range(len(places) - MOST_TROUBLE):
        first, last = places[number], places[number + MOST_TROUBLE]
        if at[last] - at[first] <= horizon:
            spans.append((int(first), int(last)))
    coarser = (kind == Link.UNIT) & (power < np.concatenate((power[:1], power[:-1])))
    events = places[kind[places] != Link.ABOVE]
    for place, other in zip(events[:-1].tolist(), events[1:].tolist(), strict=True):
        if (coarser[place] or coarser[other]) and at[other] - at[place] <= horizon:
            spans.append((place, other))
    keep = np.ones(len(rows), np.bool_)
    kind = kind.copy()
    for first, last in _merged(spans):
        keep[first:last] = False
        kind[last] = Link.CONFLICT
    return rows[keep], power[keep], kind[keep], stuck[keep]


def _merged(spans: list[tuple[int, int]]) -> list[tuple[int, int]]:
    """Overlapping spans joined."""
    merged: list[tuple[int, int]] = []
    for first, last in sorted(spans):
        if merged and first <= merged[-1][1]:
            merged[-1] = (merged[-1][0], max(last, merged[-1][1]))
        else:
            merged.append((first, last))
    return merged


def path_cost(kind: IntArray) -> int:
    """Cost of the links of a path, thousandths."""
    return sum(COST.get(Link(int(link)), 0) for link in kind)
