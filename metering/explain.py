"""The cheapest explanation of a window of reads: which are good, and what links each to the next.

A shortest path over (read, unit factor): a read is kept or thrown away, a pair of neighbouring kept reads is one classified
link. Costs are whole thousandths, so ties are exact; at a tie the earlier read is kept. Windows of many registers are solved
in lockstep, because one register's path is a long chain of small steps. Pure; the costs' reasons are in docs/adr/0011.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntEnum

import numpy as np
from numpy.typing import NDArray

from metering.reads import Limits
from steward.model import BoolArray, FloatArray, IntArray
from steward.units import DAY


class Link(IntEnum):
    """What lies between two neighbouring good reads."""

    MEASURED = 0
    ROLLOVER = 1
    ABOVE = 2
    BACKFLOW = 3
    ROLLOVER_UNKNOWN = 4
    UNIT = 5
    RESET = 6
    SWAP = 7
    CONFLICT = 8
    """More than a path should decide: held until a person does. Never found by the search itself."""
    DECLARED = 9
    """A person declared what lies between."""


COST: dict[Link, int] = {
    Link.MEASURED: 0,
    Link.ROLLOVER: 500,
    Link.ABOVE: 750,
    Link.BACKFLOW: 1500,
    Link.ROLLOVER_UNKNOWN: 2000,
    Link.UNIT: 2750,
    Link.RESET: 3000,
    Link.SWAP: 4500,
}
THROW, THROW_REPEAT, REPEATS, RETURN, RETURN_READ = 1000, 20, 50, 5000, 1
"""A thrown read; one that repeats its predecessor, at most REPEATS of them; a thrown spell that returns within H, per read."""
NEAR_READS = 10
"""Predecessors reach back H or this many informative reads."""
STEPS = (-3, -2, -1, 1, 2, 3)
"""Powers of ten by which a unit can change at once."""
MOST_POWER = 6
"""Highest power of ten, either way, that changes can add up to against the base unit."""
WRAPS = np.array(sorted([10.0**power for power in range(4, 13)] + [2.0**16, 2.0**24, 2.0**31, 2.0**32]))
NEVER = 1 << 29
SUPPORT = 3
"""Reads that must speak for another unit: fewer are cheaper to throw away."""
_CELLS = 3_000_000


def informative(value: IntArray) -> BoolArray:
    """Which reads change from their predecessor; the first does."""
    return np.concatenate((np.ones(min(1, len(value)), np.bool_), value[1:] != value[:-1]))


def repeat_rank(value: IntArray) -> IntArray:
    """How many reads of the same value stand directly before each read."""
    rows = np.arange(len(value))
    last = np.maximum.accumulate(np.where(informative(value), rows, 0))
    return (rows - last).astype(np.int64)


def replayed(at: IntArray, value: IntArray, horizon: int) -> BoolArray:
    """Which reads only continue a replay: with the read before them they repeat two neighbouring reads of the last H.

    In a register that counts on, two neighbouring values come again only after a fall, and only up to the old height.
    """
    found = np.zeros(len(value), np.bool_)
    falls = at[np.flatnonzero(value[1:] < value[:-1]) + 1]
    if not len(falls):
        return found
    edges = np.zeros(len(value) + 1, np.int64)
    np.add.at(edges, np.searchsorted(at, falls - horizon), 1)
    np.add.at(edges, np.searchsorted(at, falls + horizon, side="right"), -1)
    near = np.cumsum(edges[:-1]) > 0
    rows = np.flatnonzero(near[1:] & (value[1:] != value[:-1])) + 1
    rows = rows[np.lexsort((rows, value[rows], value[rows - 1]))]
    first, second = rows[:-1], rows[1:]
    same = (value[first] == value[second]) & (value[first - 1] == value[second - 1]) & (at[second] - at[first] <= horizon)
    found[second[same]] = True
    return found


def throw_costs(value: IntArray, replays: BoolArray | None = None) -> IntArray:
    """What it costs to throw each read away; one that repeats, or continues a replay, proves almost nothing."""
    rank = repeat_rank(value)
    cost = np.where(rank == 0, THROW, np.where(rank <= REPEATS, THROW_REPEAT, 0)).astype(np.int64)
    if replays is not None:
        cost[replays] = THROW_REPEAT
    return cost


@dataclass(frozen=True, slots=True)
class Window:
    """Reads to explain, n nodes in time order.

    thrown, passed: cost of throwing all reads before each node, up to and with each node; changes: informative reads up to
    each node; since: ns from which the register has stood at the value of each node; chained [power, node]: all links from
    this node to the next are good in that unit; rows: row of each node in its series; powers: the unit factors to try, as
    powers of ten against the base unit, the first is the one it starts in;
    ends open or pinned on anchors; `total` is the cost of throwing every read up to the end of the series (for an open end).
    """

    at: IntArray
    value: IntArray
    thrown: IntArray
    passed: IntArray
    changes: IntArray
    since: IntArray
    chained: BoolArray
    rows: NDArray[np.intp]
    limits: Limits
    powers: tuple[int, ...]
    open_start: bool
    open_end: bool
    total: int

    def __len__(self) -> int:
        return len(self.at)


@dataclass(frozen=True, slots=True)
class Path:
    """Good nodes of a window: node numbers, their unit power, the kind of the link that leads to each (first: MEASURED)."""

    nodes: NDArray[np.intp]
    power: IntArray
    kind: IntArray
    cost: int


def wrap_after(value: NDArray[np.float64]) -> FloatArray:
    """The next plausible register size above each value, inf above the largest."""
    row = np.searchsorted(WRAPS, value, side="right")
    return np.append(WRAPS, np.inf)[row]


def backflow_limit(limits: Limits) -> FloatArray:
    """b: 1 % of what the limit allows in one cadence, at least two units."""
    with np.errstate(invalid="ignore"):
        part = np.where(np.isfinite(limits.rate), limits.rate * limits.raised * limits.cadence * 0.01, 0.0)
    return np.maximum(2.0, part)


def same_unit(
    before: FloatArray, after: FloatArray, cap: FloatArray, back: FloatArray, modulus: FloatArray, elapsed: IntArray, power: int
) -> tuple[NDArray[np.int64], NDArray[np.uint8]]:
    """Cost and kind of links whose reads share the unit 10^-power of the base; all arguments broadcast together."""
    scale = 10.0**power
    cap, back = cap * scale, back * scale
    known = np.isfinite(cap)
    step = after - before
    fall = step < 0
    kind = np.full(np.broadcast(step, cap).shape, Link.SWAP, np.uint8)
    kind[fall & known & (after <= cap)] = Link.RESET
    wrap = wrap_after(before)
    wrapped = step + wrap
    kind[fall & known & (modulus == 0) & (wrapped >= 0) & (wrapped <= cap) & (cap <= 0.05 * wrap)] = Link.ROLLOVER_UNKNOWN
    kind[fall & (step >= -back)] = Link.BACKFLOW
    kind[(step > cap) & (step <= 10 * cap) & (elapsed <= DAY)] = Link.ABOVE
    sizes = {1.0, scale, 1 / scale}
    for size in sizes:
        top = modulus * size  # a register cannot pass a size that it stood above
        turned = step + top
        kind[fall & known & (before < top) & (turned >= 0) & (turned <= cap)] = Link.ROLLOVER
    kind[(step >= 0) & (step <= cap + 2)] = Link.MEASURED
    return _COSTS[kind], kind


_COSTS = np.array([COST.get(link, NEVER) for link in Link], np.int64)


def changes_unit(before: FloatArray, after: FloatArray, cap: FloatArray, old: int, new: int) -> BoolArray:
    """Whether `after`, read in unit 10^-new of the base, continues `before` in unit 10^-old: a change of unit."""
    tolerance = 10.0 ** -min(old, new)
    base = before / 10.0**old
    step = after / 10.0**new - base
    return np.asarray(np.isfinite(cap) & (step >= -tolerance) & (step <= cap + 2 * tolerance) & (base > 20 * tolerance))


def supported(window: Window, start: int) -> tuple[int, ...]:
    """The unit powers that some pair of near reads supports, `start` first."""
    value = window.value.astype(np.float64)
    some = value[value > 20]
    if len(some) < 2 or some.max() < 8 * some.min():
        return (start,)
    found = []
    for step in STEPS:
        new = start + step
        if abs(new) > MOST_POWER:
            continue
        reads = np.zeros(len(window), np.bool_)
        for offset in range(1, min(NEAR_READS + 1, len(window))):
            cap = window.limits.cap(window.at[offset:] - window.at[:-offset], slice(offset, None))
            reads[offset:] |= changes_unit(value[:-offset], value[offset:], cap, start, new)
            if reads.sum() >= SUPPORT:
                found.append(new)
                break
    return (start, *found)


def _reach(window: Window) -> int:
    """Most nodes that a link of this window may span."""
    by_time = np.searchsorted(window.at, window.at + window.limits.horizon, side="right") - 1
    by_change = np.searchsorted(window.changes, window.changes + NEAR_READS, side="right") - 1
    return max(1, int((np.maximum(by_time, by_change) - np.arange(len(window))).max()))


def _matrix(window: Window, reach: int, size: int) -> tuple[NDArray[np.int32], NDArray[np.uint8]]:
    """Cost and kind [state, node, state after, offset - 1] of every link, throwing what lies between included."""
    count, states = len(window), window.powers
    total = np.full((len(states), size, len(states), reach), NEVER, np.int32)
    kinds = np.full((len(states), size, len(states), reach), Link.SWAP, np.uint8)
    if count < 2:
        return total, kinds
    first = np.arange(count - 1)[:, None]
    second = first + np.arange(1, reach + 1)[None, :]
    inside = second < count
    second = np.minimum(second, count - 1)
    elapsed = window.at[second] - window.at[first]
    between = (window.changes[second] - window.changes[first]) <= NEAR_READS
    allowed = inside & ((elapsed <= window.limits.horizon) | between | (second - first == 1))
    cap = window.limits.cap(elapsed, second)
    stood = window.at[first] - window.since[first]  # a register that stood still may catch up with all that it left out
    since = window.limits.cap(elapsed + stood, second)
    before, after = window.value[first].astype(np.float64), window.value[second].astype(np.float64)
    skipped = window.thrown[second] - window.passed[first]
    returns = np.where(elapsed <= window.limits.horizon, RETURN + RETURN_READ * (second - first - 1), NEVER)
    back, modulus = backflow_limit(window.limits)[second], window.limits.modulus[second]
    for row, old in enumerate(states):
        for column, new in enumerate(states):
            if old == new:
                cost, kind = same_unit(before, after, cap, back, modulus, elapsed, old)
                if stood.any():
                    late = (after - before > cap * 10.0**old + 2) & (after - before <= since * 10.0**old + 2)
                    kind[late], cost = Link.ABOVE, np.where(late, COST[Link.ABOVE], cost)
                chained = (second - first == 1) & window.chained[row, :-1, None]
                kind[chained], cost = Link.MEASURED, np.where(chained, 0, cost)
                good = (kind == Link.MEASURED) | (kind == Link.ROLLOVER)
                whole = cost + np.where(chained, 0, np.where(good, np.minimum(skipped, returns), skipped))
            else:
                kind = np.full(before.shape[:1] + cap.shape[1:], Link.UNIT, np.uint8)
                whole = np.where(changes_unit(before, after, cap, old, new), COST[Link.UNIT] + skipped, NEVER)
            total[row, : count - 1, column] = np.minimum(np.where(allowed, whole, NEVER), NEVER)
            kinds[row, : count - 1, column] = kind
    return total, kinds


def explain(windows: Sequence[Window]) -> list[Path]:
    """The cheapest path of each window. Windows with as many unit powers and about as many nodes are solved together."""
    order = sorted(range(len(windows)), key=lambda row: (len(windows[row].powers), len(windows[row])))
    paths: list[Path | None] = [None] * len(windows)
    group: list[int] = []
    reach = 1
    for row in [*order, -1]:
        if row >= 0:
            own, states = _reach(windows[row]), len(windows[row].powers)
            wider = max(reach, own)
            cells = (len(group) + 1) * len(windows[row]) * wider * states * states
            like = windows[group[0]] if group else windows[row]
            same = len(like.powers) == states and len(windows[row]) <= 1.5 * len(like) + 20
            if same and (cells <= _CELLS or not group):
                group.append(row)
                reach = wider
                continue
        for member, path in zip(group, _solve([windows[member] for member in group], reach), strict=True):
            paths[member] = path
        if row >= 0:
            group, reach = [row], _reach(windows[row])
    return [path for path in paths if path is not None]


def _solve(windows: list[Window], reach: int) -> list[Path]:
    """Dynamic programme from the last node to the first, all windows in lockstep."""
    if not windows:
        return []
    size, states, many = max(map(len, windows)), len(windows[0].powers), len(windows)
    matrices = [_matrix(window, reach, size) for window in windows]
    cost = np.stack([matrix[0] for matrix in matrices])
    best = np.full((many, size + reach, states), NEVER, np.int64)
    following = np.zeros((many, size, states), np.int32)
    tail = np.full((many, size), NEVER, np.int64)
    for row, window in enumerate(windows):
        count = len(window)
        if window.open_end:
            tail[row, :count] = window.total - window.passed
        else:
            tail[row, count - 1] = 0
    for node in range(size - 1, -1, -1):
        ahead = best[:, node + 1 : node + 1 + reach, :].transpose(0, 2, 1)
        for state in range(states):
            whole = (cost[:, state, node] + ahead).transpose(0, 2, 1).reshape(many, -1)
            choice = whole.argmin(axis=1)
            least = whole[np.arange(many), choice]
            end = tail[:, node]
            best[:, node, state] = np.minimum(np.minimum(least, end), NEVER)
            following[:, node, state] = np.where(least <= end, choice + 1, 0)
    return [_trace(window, best[row, :, :], following[row], matrices[row][1], states) for row, window in enumerate(windows)]


def _trace(
    window: Window, best: NDArray[np.int64], following: NDArray[np.int32], kinds: NDArray[np.uint8], states: int
) -> Path:
    """Walk the chosen path of one window from its start."""
    node, state = 0, 0
    if window.open_start:
        node = int((best[: len(window), 0] + window.thrown).argmin())
    cost = int(best[node, 0]) + (int(window.thrown[node]) if window.open_start else 0)
    nodes, power, kind = [node], [window.powers[0]], [int(Link.MEASURED)]
    while following[node, state]:
        offset, after = divmod(int(following[node, state]) - 1, states)
        kind.append(int(kinds[state, node, after, offset]))
        node, state = node + offset + 1, after
        nodes.append(node)
        power.append(window.powers[state])
    return Path(np.array(nodes, np.intp), np.array(power, np.int64), np.array(kind, np.int64), cost)
