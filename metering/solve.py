"""Solve a register's reads: split at what is declared, explain each part, join the parts to one corrected cumulative.

Invariants: `solve` is a pure function of reads, parameters and declarations; `extend` gives the same from the last anchor on
when all new reads lie behind what was there, because no later read can move what stands before an anchor.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import fields, replace

import numpy as np
from numpy.typing import NDArray

from metering.anchors import Explained, Series, search
from metering.declarations import Declaration, Declared, standing
from metering.explain import Link
from metering.intervals import LEDGER_UNITS
from metering.reads import Limits, Parameters, Reads, lay
from metering.solution import Solution, estimate, settle

NOTHING = Solution(*(np.zeros(0, np.int64) for _ in fields(Solution)))
Pin = tuple[int, int] | None
"""A declared read (at, value) at the end of a part."""


def _part(every: Reads, limits: Limits, rows: NDArray[np.intp], power: int, begin: Pin, end: Pin) -> Solution:
    """Solve the reads `rows` alone, between declared reads where there are any."""
    at, value, numbers = every.at[rows], every.value[rows], rows.astype(np.intp)
    for place, pin in ((0, begin), (-1, end)):
        if pin is not None:
            where = 0 if place == 0 else len(at)
            at, value = np.insert(at, where, pin[0]), np.insert(value, where, pin[1])
            numbers = np.insert(numbers, where, -1)
    if not len(at):
        return NOTHING
    near = np.clip(np.searchsorted(every.at, at), 0, len(every) - 1)
    near = np.where(numbers >= 0, numbers, near)
    series = Series(at, value, limits.take(near), power, begin is not None, end is not None)
    found = settle(series, search([series])[0])
    return replace(found, rows=numbers[found.rows])


def solve(every: Reads, parameters: Sequence[Parameters], declarations: Sequence[Declaration] = ()) -> Solution:
    """The corrected cumulative of a set of reads (sorted and distinct, see `metering.reads.join`)."""
    if not len(every):
        return NOTHING
    limits = lay(parameters, every.at)
    rows = np.flatnonzero(kept(every, declarations))
    joints = [one for one in standing(declarations) if one.splits]
    done, power, begin = NOTHING, 0, None
    for number, joint in enumerate([*joints, None]):
        end: Pin = None
        mine = rows
        if joint is not None:
            before = every.at[rows] < joint.at if joint.kind is Declared.UNIT else every.at[rows] <= joint.at
            mine, rows = rows[before], rows[~before]
            if joint.end is not None and joint.kind in (Declared.SWAP, Declared.RESET):
                end = (joint.at, joint.end)
        part = _part(every, limits, mine, power, begin, end)
        done = _joined(done, part, limits, joints[number - 1] if number else None)
        power = int(part.power[-1]) if len(part) else power
        begin = None
        if joint is not None:
            power += joint.power if joint.kind is Declared.UNIT else 0
            start = 0 if joint.kind is Declared.RESET and joint.start is None else joint.start
            if joint.kind in (Declared.SWAP, Declared.RESET) and start is not None:
                begin = (joint.at, start)
    return done


def kept(every: Reads, declarations: Sequence[Declaration]) -> NDArray[np.bool_]:
    """Which reads no person has put aside."""
    keep = np.ones(len(every), np.bool_)
    for one in standing(declarations):
        if one.until is not None and one.kind is Declared.DISCARD:
            keep &= (every.at < one.at) | (every.at > one.until)
        if one.until is not None and one.kind is Declared.CONSUMPTION:
            keep &= (every.at <= one.at) | (every.at >= one.until)
    return keep


def _glued(first: Solution, second: Solution) -> Solution:
    """Two solutions one after the other; the first link of the second gains nothing."""
    columns = {
        column.name: np.concatenate((getattr(first, column.name), getattr(second, column.name)))
        for column in fields(Solution)
        if column.name != "anchors"
    }
    return Solution(**columns, anchors=np.concatenate((first.anchors, second.anchors + len(first))))


def _joined(first: Solution, second: Solution, limits: Limits, joint: Declaration | None) -> Solution:
    """Two parts joined over a declaration: what lies between their nearest reads is declared, converted or estimated."""
    if joint is None or not len(first) or not len(second):
        return second if not len(first) else first
    whole, place = _glued(first, second), len(first)
    gain = low = high = 0
    row = np.array([max(0, int(whole.rows[place]))])
    elapsed = whole.at[place : place + 1] - whole.at[place - 1 : place]
    most = int(min(float(limits.cap(elapsed, row)[0]), 2.0**42) * LEDGER_UNITS)
    kind = Link.DECLARED
    if joint.kind is Declared.CONSUMPTION:
        gain = low = high = LEDGER_UNITS * int(joint.value or 0)
    elif joint.kind is Declared.UNIT:
        up = [10 ** (3 - int(power)) for power in whole.power[place - 1 : place + 1]]
        gain = max(0, int(whole.value[place]) * up[1] - int(whole.value[place - 1]) * up[0])
        low = high = gain
    elif elapsed[0]:
        gain, low, high, kind = estimate(whole, limits, place, most), 0, most, Link.SWAP
    for column, value in ((whole.kind, int(kind)), (whole.gain, gain), (whole.low, low), (whole.high, high)):
        column[place] = value
    return whole


def extend(old: Solution, every: Reads, parameters: Sequence[Parameters]) -> tuple[Solution, int]:
    """The solution of `every` when all new reads lie behind those of `old`, and the ns from which it may differ."""
    column = int(old.anchors[-1])
    row = int(old.rows[column])
    tail = every.take(slice(row, None))
    begin = row
    while begin > 0 and every.value[begin - 1] == every.value[row]:
        begin -= 1
    stood = int(every.at[row] - every.at[begin])
    limits = lay(parameters, tail.at)
    series = Series(tail.at, tail.value, limits, int(old.power[column]), True, anchored=True, stood=stood)
    found = settle(series, search([series])[0])
    found = replace(found, rows=found.rows + row, anchors=found.anchors)
    for name in ("kind", "gain", "low", "high", "stuck"):
        getattr(found, name)[0] = getattr(old, name)[column]
    head = Solution(*(getattr(old, name.name)[:column] for name in fields(Solution)))
    head = replace(head, anchors=old.anchors[old.anchors < column])
    whole = _glued(head, found)
    anchors = np.unique(np.concatenate((whole.anchors, [column]))).astype(np.intp)
    return replace(whole, anchors=anchors), int(old.at[column])


def solve_many(registers: Sequence[tuple[Reads, Sequence[Parameters]]]) -> list[Solution]:
    """Solutions of many registers without declarations; the windows of all in trouble are searched together."""
    many = [Series(every.at, every.value, lay(parameters, every.at)) for every, parameters in registers]
    explained: list[Explained] = search(many)
    return [settle(series, found) for series, found in zip(many, explained, strict=True)]
