"""Why a read was thrown away, in a word for people; the consumption does not depend on it.

The first match counts: zero, stuck, jitter, unit (x 10^k), replay (equals a good read within H), truncated (leading digits
lost, or trailing ones zeroed), dip, spike. Pure.
"""

from __future__ import annotations

import numpy as np

from metering.explain import backflow_limit
from metering.reads import Label, Limits, Reads
from metering.solution import Solution


def labels(
    solution: Solution, every: Reads, limits: Limits, keep: np.ndarray[tuple[int], np.dtype[np.bool_]]
) -> dict[int, Label]:
    """Label of every read (by row) that is not good. Reads behind the last good one are held: theirs is provisional."""
    good = np.zeros(len(every), np.bool_)
    good[solution.rows[solution.rows >= 0]] = True
    back = backflow_limit(limits)
    found: dict[int, Label] = {}
    for row in np.flatnonzero(~good).tolist():
        found[row] = Label.DISCARDED if not keep[row] else _label(solution, every, row, float(back[row]), limits.horizon)
    return found


def _label(solution: Solution, every: Reads, row: int, back: float, horizon: int) -> Label:
    value, at = int(every.value[row]), int(every.at[row])
    place = int(np.searchsorted(solution.rows, row)) if (solution.rows >= 0).all() else int(np.searchsorted(solution.at, at))
    before = int(solution.value[place - 1]) if place else None
    after = int(solution.value[place]) if place < len(solution) else None
    if value == 0:
        return Label.ZERO
    if before is not None and value == before:
        return Label.STUCK
    if place < len(solution) and solution.kind[place] == 8:
        return Label.CONFLICT
    if any(near is not None and abs(value - near) <= back for near in (before, after)):
        return Label.JITTER
    anchor = before if before is not None else after
    if anchor is None:
        return Label.DIP
    if any(abs(value / 10.0**power - anchor) <= max(0.02 * anchor, back) for power in (-3, -2, -1, 1, 2, 3)):
        return Label.UNIT
    near = solution.value[(solution.at >= at - horizon) & (solution.at <= at + horizon)]
    if (near == value).any():
        return Label.REPLAY
    text = str(anchor)
    if value < anchor and (text.endswith(str(value)) or _zeroed(value, anchor)):
        return Label.TRUNCATED
    return Label.DIP if value < anchor else Label.SPIKE


def _zeroed(value: int, anchor: int) -> bool:
    """Whether `value` is `anchor` with two or more trailing digits zeroed."""
    return any(value == anchor // 10**digits * 10**digits for digits in range(2, len(str(anchor))))
