"""The live edge of many clean registers at once: an hour of ten thousand in a few vector operations.

Invariants: a register stays here only while every link is a plausible rise; its intervals are then the same as those of its
`Ledger` (tested). A register with any other link is named as in trouble, nothing of it is taken, and its `Ledger`, built from
stored reads, decides; it can come back once that has an anchor at its live edge.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from metering.intervals import share_floor
from metering.reads import Parameters, lay
from steward.model import BoolArray, FloatArray, IntArray, NumberArray


@dataclass(frozen=True, slots=True)
class Closed:
    """Grid values of one call: `value` [register, interval] in ledger units beside `start`; `known` where both ends of the
    interval lie between good reads; `trouble`: numbers of the registers whose reads were not taken; `level` [register, edge]:
    the cumulative at each edge, -1 where no link of this call covers it; `longest` [register, interval]: ns between the reads
    furthest apart that touch it, 0 for none."""

    start: IntArray
    value: IntArray
    known: BoolArray
    trouble: NumberArray
    level: IntArray
    longest: IntArray


class Bank:
    """Last read, level and limits of n registers as columns."""

    def __init__(self, parameters: list[Parameters]) -> None:
        size = len(parameters)
        limits = [lay([row], np.zeros(1, np.int64)) for row in parameters]
        self.rate: FloatArray = np.array([one.rate[0] for one in limits])
        self.daily: FloatArray = np.array([one.daily[0] for one in limits])
        self.slack: IntArray = np.array([one.slack for one in limits], np.int64)
        self.most: IntArray = np.full(size, 2**62, np.int64)
        """A link longer than this many ns is trouble."""
        self.at: IntArray = np.full(size, -1, np.int64)
        self.value: IntArray = np.zeros(size, np.int64)
        self.level: IntArray = np.zeros(size, np.int64)

    def set(self, register: int, at: int, value: int, level: int) -> None:
        """(Re)admit a register with its last good read and level."""
        self.at[register], self.value[register], self.level[register] = at, value, level

    def close(self, register: NumberArray, at: IntArray, value: IntArray, edges: IntArray) -> Closed:
        """Take reads (any order) and cut them at the grid times `edges` (sorted ns)."""
        if not _ordered(register, at, value):
            order = np.lexsort((value, at, register))
            register, at, value = register[order], at[order], value[order]
        fresh = at > self.at[register]
        if not fresh.all():
            register, at, value = register[fresh], at[fresh], value[fresh]
        first = np.concatenate((np.ones(min(1, len(at)), np.bool_), register[1:] != register[:-1]))
        before_at = np.where(first, self.at[register], np.concatenate((at[:1], at[:-1])))
        before = np.where(first, self.value[register], np.concatenate((value[:1], value[:-1])))
        seen = before_at >= 0
        step, elapsed = value - before, at - before_at
        good = ~seen | ((step >= 0) & (step <= self._cap(register, elapsed) + 2) & (elapsed <= self.most[register]))
        bad = np.zeros(len(self.at), np.bool_)
        bad[register[~good]] = True
        keep = ~bad[register]
        taken, step = register[keep], np.where(seen, step, 0)[keep]
        level = self._levels(taken, step, first[keep])
        cuts = self._cuts(taken, before_at[keep], at[keep], level, step, edges)
        last = np.concatenate((taken[1:] != taken[:-1], np.ones(min(1, len(taken)), np.bool_)))
        rows = taken[last]
        self.at[rows], self.value[rows], self.level[rows] = at[keep][last], value[keep][last], level[last]
        known = (cuts[:, 1:] >= 0) & (cuts[:, :-1] >= 0)
        longest = self._longest(taken, before_at[keep], at[keep], edges)
        value = np.where(known, np.diff(cuts, axis=1), 0)
        return Closed(edges[:-1], value, known, np.flatnonzero(bad).astype(np.int32), cuts, longest)

    def _cap(self, register: NumberArray, elapsed: IntArray) -> FloatArray:
        day = 86_400e9
        span = (elapsed + self.slack[register]).astype(np.float64)
        over = np.where(span > day, self.daily[register] * np.maximum(span - day, 1.0), 0.0)
        return np.asarray(self.rate[register] * np.minimum(span, day) + over)

    def _levels(self, register: NumberArray, step: IntArray, first: BoolArray) -> IntArray:
        """Level after each read, cumulative within each register."""
        total = np.cumsum(step * 1000)
        starts = np.flatnonzero(first)
        base = self.level[register[starts]] - (total[starts] - step[starts] * 1000)
        return np.asarray(total + np.repeat(base, np.diff(np.append(starts, len(step)))), np.int64)

    def _cuts(
        self, register: NumberArray, before: IntArray, at: IntArray, level: IntArray, step: IntArray, edges: IntArray
    ) -> IntArray:
        """Level of every register at every edge, -1 where no link covers it."""
        cuts = np.full((len(self.at), len(edges)), -1, np.int64)
        gain = step * 1000
        for number, edge in enumerate(edges.tolist()):
            inside = np.flatnonzero((before <= edge) & (edge <= at) & (before >= 0))
            part, whole = edge - before[inside], np.maximum(at[inside] - before[inside], 1)
            share = share_floor(gain[inside], np.minimum(part, whole), whole)
            cuts[register[inside], number] = level[inside] - gain[inside] + share
        return cuts

    def _longest(self, register: NumberArray, before: IntArray, at: IntArray, edges: IntArray) -> IntArray:
        """The longest link that touches each interval of each register, ns."""
        longest = np.zeros((len(self.at), len(edges) - 1), np.int64)
        for number in range(len(edges) - 1):
            touched = np.flatnonzero((before >= 0) & (before < edges[number + 1]) & (at > edges[number]))
            if len(touched):
                owner = register[touched]  # sorted: one stretch for each register
                begin = np.flatnonzero(np.concatenate(([True], owner[1:] != owner[:-1])))
                longest[owner[begin], number] = np.maximum.reduceat(at[touched] - before[touched], begin)
        return longest


def _ordered(register: NumberArray, at: IntArray, value: IntArray) -> bool:
    """Whether reads stand by register, time and value already: sorting them would take most of the time."""
    same = register[1:] == register[:-1]
    later = (at[1:] > at[:-1]) | ((at[1:] == at[:-1]) & (value[1:] >= value[:-1]))
    return bool(((register[1:] > register[:-1]) | (same & later)).all())
