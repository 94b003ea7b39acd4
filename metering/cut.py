"""The corrected cumulative of a solution at any time, and the evidence columns of its grid intervals.

Invariants: a value is a difference of the cumulative at two grid times and nothing else; method is the worst, confidence the
least of the links that touch the interval; energy of a gap is spread by the register's own profile where one is valid, else
flat, and marked. Confidence is explained in docs/reference/ledger.md.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from metering.explain import Link
from metering.intervals import LEDGER_UNITS, QUARTER, Flag, Intervals, Method, boundaries, share_floor
from metering.profile import Profile, spread
from metering.reads import Reads, Source
from metering.solution import Solution
from steward.model import BoolArray, ByteArray, FloatArray, IntArray
from steward.units import HOUR

STUCK, STUCK_READS = 3, 6
"""A register is stuck when it stands longer than so many times its longest learned spell, over so many reads."""
GAP = 1.5
"""A link longer than this many cadences is a gap."""
DEMAND = 1.2
"""Reads of a demand interval may lie this many intervals apart."""
GAP_HOURS = np.array([0.25, 1.0, 3.0, 6.0, 12.0, 24.0, 96.0])
FLAT_SHARE = np.array([1.0, 0.55, 0.40, 0.31, 0.18, 0.07, 0.07])
PROFILE_SHARE = np.array([1.0, 0.55, 0.46, 0.44, 0.38, 0.36, 0.33])
"""Share of the intervals of a gap that come within TOLERANCE of the truth: hidden reads of torture loads and of recorded
meters (DAIAD), the lower of the two at each length."""
CONFIDENCE = {
    Link.MEASURED: 1.0,
    Link.ROLLOVER: 0.99,
    Link.ABOVE: 0.6,
    Link.BACKFLOW: 0.9,
    Link.ROLLOVER_UNKNOWN: 0.9,
    Link.UNIT: 0.9,
    Link.RESET: 0.45,
    Link.SWAP: 0.5,
    Link.CONFLICT: 0.0,
    Link.DECLARED: 0.95,
}
"""Share of intervals of such a link that come within TOLERANCE of the truth, measured on torture series where they occur
often enough (`python -m bench.metering.torture`); above, backflow and declared: the design's values."""
TOLERANCE = 0.1
"""A confidence of 0.9 means: nine of ten such intervals lie within 10 %, or one register unit, of the truth."""
_METHOD = {
    Link.ROLLOVER: Method.ROLLOVER,
    Link.ROLLOVER_UNKNOWN: Method.ROLLOVER,
    Link.RESET: Method.RESET,
    Link.SWAP: Method.SWAP,
    Link.CONFLICT: Method.ESTIMATED,
    Link.DECLARED: Method.MANUAL,
}
_FLAGS = {
    Link.ROLLOVER: Flag.EVENT,
    Link.ABOVE: Flag.ABOVE_LIMIT,
    Link.BACKFLOW: Flag.BACKFLOW,
    Link.ROLLOVER_UNKNOWN: Flag.EVENT,
    Link.UNIT: Flag.EVENT,
    Link.RESET: Flag.EVENT | Flag.SPREAD,
    Link.SWAP: Flag.EVENT | Flag.SPREAD,
    Link.CONFLICT: Flag.EVENT | Flag.SPREAD | Flag.HELD | Flag.UNRESOLVED,
    Link.DECLARED: Flag.EVENT | Flag.SPREAD,
}

_SOURCE = {Source.MANUAL: Method.MANUAL, Source.DECLARED: Method.MANUAL, Source.REPLAY: Method.REPLAYED}


@dataclass(frozen=True, slots=True)
class Marks:
    """Method, flags and confidence of every link of a solution (the first entry is that of no link)."""

    method: ByteArray
    flags: NDArray[np.uint16]
    confidence: NDArray[np.float32]
    profile: IntArray


def profile_of(profiles: Sequence[Profile], at: IntArray) -> IntArray:
    """Which profile is valid at each time, -1 where none is; `profiles` sorted by validity."""
    starts = np.array([profile.valid_from for profile in profiles], np.int64)
    return np.asarray(np.searchsorted(starts, at, side="right") - 1, np.int64)


def mark(
    solution: Solution,
    reads: Reads,
    cadence: int,
    profiles: Sequence[Profile],
    demand: int = QUARTER,
    still: int | None = None,
) -> Marks:
    """The marks of every link; demand: the demand interval; still: the longest learned spell without advance, ns."""
    size = len(solution)
    kind = solution.kind
    elapsed = np.concatenate((np.zeros(min(1, size), np.int64), np.diff(solution.at)))
    gap = (elapsed > GAP * cadence) | (solution.stuck > 0)
    method = np.array([_METHOD.get(link, Method.MEASURED) for link in Link], np.uint8)[kind]
    flags = np.array([_FLAGS.get(link, Flag(0)) for link in Link], np.uint16)[kind]
    source = np.where(solution.rows >= 0, reads.source[np.maximum(solution.rows, 0)], Source.DECLARED)
    for origin, worst in _SOURCE.items():
        touched = source == origin
        touched[1:] |= touched[:-1].copy()
        method[touched] = np.maximum(method[touched], worst)
    integrated = source == Source.INTEGRATED
    flags[integrated] |= np.uint16(Flag.INTEGRATED)
    method[gap | integrated] = np.maximum(method[gap | integrated], Method.INTERPOLATED)
    flags[gap] |= np.uint16(Flag.SPREAD)
    shape = np.where(gap, profile_of(profiles, solution.at - elapsed), -1)
    flags[shape >= 0] |= np.uint16(Flag.PROFILE)
    steady = (elapsed <= DEMAND * demand) & ((kind == Link.MEASURED) | (kind == Link.ROLLOVER)) & ~gap & ~integrated
    flags[steady] |= np.uint16(Flag.PEAK_ELIGIBLE)
    if still:
        flags[_stuck(solution, still)] |= np.uint16(Flag.STUCK)
    trust = np.array([CONFIDENCE[link] for link in Link])[kind] * _shares(solution, elapsed, gap, shape >= 0)
    return Marks(method, flags, trust.astype(np.float32), shape)


def _shares(solution: Solution, elapsed: IntArray, gap: BoolArray, shaped: BoolArray) -> FloatArray:
    """Share of intervals within TOLERANCE for what is not the link's kind: the shape of a gap, the step of a coarse unit."""
    hours = elapsed / HOUR
    shape = np.where(shaped, np.interp(hours, GAP_HOURS, PROFILE_SHARE), np.interp(hours, GAP_HOURS, FLAT_SHARE))
    coarse = 10.0 ** np.maximum(-solution.power, 0)
    coarse[1:] = np.maximum(coarse[1:], coarse[:-1].copy())
    # the error of a difference of two floored values is triangular over one step of the register
    reach = np.minimum(np.maximum(TOLERANCE * np.abs(solution.gain) / LEDGER_UNITS, 1.0) / coarse, 1.0)
    return np.asarray(np.where(gap, shape, 1.0) * (1 - (1 - reach) ** 2))


def _stuck(solution: Solution, still: int) -> BoolArray:
    """Links inside a spell of STUCK_READS reads or more without advance that lasts over STUCK x the longest learned one."""
    found = np.zeros(len(solution), np.bool_)
    for first, last in stuck_spells(solution, still):
        found[first + 1 : last + 1] = True
    return found


def stuck_spells(solution: Solution, still: int) -> list[tuple[int, int]]:
    """First and last good column of each spell without advance that is longer than a register's own longest would explain."""
    if len(solution) < STUCK_READS:
        return []
    breaks = np.flatnonzero(np.diff(solution.value) != 0)
    firsts, lasts = np.concatenate(([0], breaks + 1)), np.concatenate((breaks, [len(solution) - 1]))
    long = (solution.at[lasts] - solution.at[firsts] > STUCK * still) & (lasts - firsts + 1 >= STUCK_READS)
    return list(zip(firsts[long].tolist(), lasts[long].tolist(), strict=True))


def cumulative(solution: Solution, at: IntArray, marks: Marks | None = None, profiles: Sequence[Profile] = ()) -> IntArray:
    """L at the times `at` (sorted): 0 before the first good read, the last level after the last one."""
    if len(solution) < 2:
        return np.zeros(len(at), np.int64)
    times, level = solution.at, solution.level
    row = np.clip(np.searchsorted(times, at, side="right") - 1, 0, len(times) - 2)
    inside = np.clip(at, times[0], times[-1])
    first, last = times[row], times[row + 1]
    gain = level[row + 1] - level[row]
    whole = np.maximum(last - first, 1)
    result = level[row] + share_floor(gain, np.clip(inside - first, 0, whole), whole)
    result[inside >= times[-1]] = level[-1]
    if marks is not None and profiles:
        shaped = marks.profile[row + 1] >= 0
        for link in np.unique(row[shaped]):
            here = np.flatnonzero((row == link) & (inside < times[-1]))
            profile = profiles[int(marks.profile[link + 1])]
            part = spread(profile, int(times[link]), int(times[link + 1]), int(level[link + 1] - level[link]), inside[here])
            result[here] = level[link] + part
    return result


def cut(solution: Solution, marks: Marks, profiles: Sequence[Profile], start: int, end: int, held: bool) -> Intervals:
    """Grid intervals that cover [start, end). `held`: reads without a good one behind them wait at the live edge."""
    edges = boundaries(start, end)
    begin, finish = edges[:-1], edges[1:]
    level = cumulative(solution, edges, marks, profiles)
    value = np.diff(level)
    size, links = len(begin), len(solution) - 1
    method = np.full(size, Method.ESTIMATED, np.uint8)
    flags = np.full(size, Flag.MISSING, np.uint16)
    trust = np.zeros(size, np.float32)
    first, last = np.full(size, -1, np.int32), np.full(size, -1, np.int32)
    if links > 0:
        low = np.searchsorted(solution.at, begin, side="right") - 1
        high = np.searchsorted(solution.at, finish, side="left") - 1
        touched = (high >= 0) & (low < links)
        low, high = np.clip(low, 0, links - 1)[touched], np.clip(high, 0, links - 1)[touched]
        pairs = np.stack((low + 1, high + 2), axis=1).ravel()
        method[touched] = np.maximum.reduceat(np.append(marks.method, np.uint8(0)), pairs)[::2]
        joined = np.bitwise_or.reduceat(np.append(marks.flags, np.uint16(0)), pairs)[::2]
        every = np.bitwise_and.reduceat(np.append(marks.flags, np.uint16(0)), pairs)[::2]
        peak = np.uint16(Flag.PEAK_ELIGIBLE)
        flags[touched] = (joined & ~peak) | (every & peak)
        trust[touched] = np.minimum.reduceat(np.append(marks.confidence, np.float32(1)), pairs)[::2]
        first[touched], last[touched] = solution.rows[low], solution.rows[high + 1]
    outside = (begin < solution.at[0]) | (finish > solution.at[-1]) if len(solution) else np.ones(size, np.bool_)
    flags[outside] = (flags[outside] | np.uint16(Flag.MISSING)) & ~np.uint16(Flag.PEAK_ELIGIBLE)
    if held and len(solution):
        flags[finish > solution.at[-1]] |= np.uint16(Flag.HELD)
    return Intervals(begin, value, method, flags, trust, first, last, np.zeros(size, np.int32))
